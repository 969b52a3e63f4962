"""`serve`, `work` and `migrate`."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from starlette.applications import Starlette

from prefcenter.bootstrap import (
    apply_if_empty,
    open_worker,
    spare_the_collector,
    utc_now,
    wanted_catalog,
    web_app,
)
from prefcenter.commands.database import opened
from prefcenter.commands.errors import CommandError
from prefcenter.settings import Settings
from prefcenter.storage import orm
from prefcenter.use_cases.staying_current import staying_current

#: How long a stopping server waits for requests to end.
GRACE_SECONDS = 20

_WORKER_INSIDE = "PREFCENTER_SERVE_WORKER_INSIDE"


def serve(settings: Settings, *, host: str, port: int, workers: int, worker: bool) -> None:
    """Run uvicorn until it is told to stop."""
    embedded = settings.database_url.startswith("sqlite:")
    if embedded and workers > 1:
        raise CommandError(
            "--workers: SQLite serves one process; set PREFCENTER_DATABASE_URL to PostgreSQL for more"
        )
    asyncio.run(_prepare(settings, embedded=embedded))
    options: dict[str, Any] = {
        "host": host,
        "port": port,
        "log_level": "warning",
        # An access log would hold the tokens in the paths.
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": GRACE_SECONDS,
        "loop": "uvloop",
        "http": "httptools",
        "h11_max_incomplete_event_size": 64 * 1024,
    }
    structlog.get_logger(__name__).info("serving", url=f"http://{host}:{port}", database=_kind(embedded))
    if workers == 1:
        uvicorn.run(web_app(settings, worker=worker), **options)
    else:
        os.environ[_WORKER_INSIDE] = "1" if worker else "0"
        uvicorn.run(
            "prefcenter.commands.running:app_of_a_worker_process", factory=True, workers=workers, **options
        )


def app_of_a_worker_process() -> Starlette:
    """The application in one of several server processes."""
    spare_the_collector()
    inside = os.environ.pop(_WORKER_INSIDE, "1") == "1"
    return web_app(Settings.from_environ(os.environ, folder=Path.cwd()), worker=inside)


def _kind(embedded: bool) -> str:
    return "sqlite" if embedded else "postgres"


async def _prepare(settings: Settings, *, embedded: bool) -> None:
    """Refuse to start on what cannot work, before a port is opened."""
    if embedded:
        await orm.migrate(settings.database_url)
    async with opened(settings) as services:
        if await apply_if_empty(services, utc_now()):
            return
        planned = await services.catalogs.plan(wanted_catalog(settings), utc_now())
        if not planned.nothing_to_do:
            structlog.get_logger(__name__).warning(
                "prefcenter.toml, or the rules of this version, differ from what is in force; "
                "`prefcenter plan` shows it, `prefcenter apply` puts it in force",
                changes=len(planned.changes),
            )


async def migrate(settings: Settings) -> None:
    await orm.migrate(settings.database_url)
    print("The database is of this version.")


async def work(settings: Settings) -> None:
    """Until SIGTERM or SIGINT; what is in flight then may end."""
    logging.basicConfig(level=logging.WARNING)
    async with opened(settings) as services, open_worker(settings, services) as worker:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, worker.stop)
        structlog.get_logger(__name__).info("working", database=services.database.dialect)
        async with staying_current(services):
            await worker.run()
