"""The services on a database that is there, of this version, and durable."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prefcenter.bootstrap import NotDurable, open_services
from prefcenter.commands.errors import CommandError
from prefcenter.settings import Settings
from prefcenter.storage import orm
from prefcenter.storage.reachable import reach
from prefcenter.use_cases.services import Services


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Services]:
    """Raises CommandError or StorageUnavailable, each with what to do."""
    await require_current(settings)
    try:
        async with open_services(settings) as services:
            yield services
    except NotDurable as error:
        raise CommandError(str(error)) from error


async def require_current(settings: Settings) -> None:
    """Raises CommandError where `migrate` has to come first, StorageUnavailable where nothing is there."""
    await reach(settings.database_url)
    if not await orm.is_current(settings.database_url):
        raise CommandError("the database is not of this version; run `prefcenter migrate` first")
