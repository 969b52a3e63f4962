"""Tortoise: its configuration for either database, migrations, and opening it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tortoise.connection import get_connection
from tortoise.context import TortoiseContext
from tortoise.exceptions import DBConnectionError, OperationalError
from tortoise.migrations.api import migrate as tortoise_migrate
from tortoise.migrations.executor import MigrationExecutor

from prefcenter.storage.postgres import POSTGRES_UNAVAILABLE
from prefcenter.storage.reachable import reach
from prefcenter.storage.sql import StorageUnavailable

APP = "prefcenter"


def orm_config(url: str) -> dict[str, Any]:
    """Tortoise's configuration for PREFCENTER_DATABASE_URL."""
    connection = _sqlite(url) if url.startswith("sqlite:///") else _postgres(url)
    return {
        "connections": {"default": connection},
        "apps": {
            APP: {
                "models": [
                    "prefcenter.storage.models",
                    "prefcenter.storage.models_of_mail",
                    "prefcenter.storage.models_of_sync",
                    "prefcenter.storage.models_of_work",
                ],
                "migrations": "prefcenter.storage.migrations",
                "default_connection": "default",
            }
        },
    }


def _sqlite(url: str) -> dict[str, Any]:
    credentials = {
        "file_path": url.removeprefix("sqlite:///"),
        "journal_mode": "WAL",
        "synchronous": "FULL",
        "busy_timeout": 10_000,
    }
    return {"engine": "tortoise.backends.sqlite", "credentials": credentials}


def _postgres(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    credentials: dict[str, Any] = {
        # A socket's folder stands in the query, as libpq writes it.
        "host": query.get("host") or parts.hostname or "127.0.0.1",
        "port": int(query.get("port") or parts.port or 5432),
        "user": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "database": unquote(parts.path.lstrip("/")) or None,
        "minsize": 0,
        "maxsize": 4,
    }
    if "sslmode" in query:
        credentials["ssl"] = query["sslmode"]
    return {"engine": "tortoise.backends.asyncpg", "credentials": credentials}


async def migrate(url: str) -> None:
    """Bring a database to this version; does nothing where it is already there. Raises StorageUnavailable."""
    await reach(url)
    async with TortoiseContext():
        await tortoise_migrate(config=orm_config(url))


@asynccontextmanager
async def orm(url: str) -> AsyncIterator[None]:
    """Tortoise, open for every task of this process: its state is in a ContextVar otherwise."""
    async with TortoiseContext() as context:
        await context.init(config=orm_config(url), _enable_global_fallback=True)
        yield


@contextmanager
def tortoise_errors() -> Iterator[None]:
    """Says "unavailable" of a database that Tortoise cannot reach or use now."""
    try:
        yield
    except (DBConnectionError, OperationalError, *POSTGRES_UNAVAILABLE) as error:
        raise StorageUnavailable(f"the database cannot be used: {type(error).__name__}") from error


async def is_current(url: str) -> bool:
    """Whether every migration of this version has been applied. Raises StorageUnavailable."""
    async with TortoiseContext() as context:
        config = orm_config(url)
        try:
            await context.init(config=config, init_connections=False)
            executor = MigrationExecutor(get_connection("default"), config["apps"])
            steps = await executor.plan(None)
        except (DBConnectionError, OSError) as error:
            raise StorageUnavailable(f"the database cannot be reached: {type(error).__name__}") from error
    return not steps
