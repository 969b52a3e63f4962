"""Whether the database can be reached at all, and if not, why: for whoever typed a command."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import asyncpg

from prefcenter.storage.database import StorageUnavailable

_SECONDS = 10.0


async def reach(url: str) -> None:
    """Raises StorageUnavailable; its message names the reason and the remedy, and never the password."""
    if url.startswith("sqlite:///"):
        _reach_sqlite(url.removeprefix("sqlite:///"))
    else:
        await _reach_postgres(url)


def _reach_sqlite(path: str) -> None:
    # A file that is not there yet is made here, so that nobody else on the machine may read it.
    with suppress(OSError):
        Path(path).touch(mode=0o600)
    try:
        with closing(sqlite3.connect(path, timeout=_SECONDS)) as file:
            file.execute("PRAGMA schema_version")
    except sqlite3.Error as error:
        message = f"PREFCENTER_DATABASE_URL: {path}: {error}; check the folder, the file and their modes"
        raise StorageUnavailable(message) from error


async def _reach_postgres(url: str) -> None:
    try:
        connection = await asyncpg.connect(url.replace("postgres://", "postgresql://", 1), timeout=_SECONDS)
        await connection.close()
    except TimeoutError as error:
        raise StorageUnavailable(f"PostgreSQL did not answer within {_SECONDS:.0f} s") from error
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        message = f"PREFCENTER_DATABASE_URL: PostgreSQL cannot be used: {reason}"
        raise StorageUnavailable(message) from error
