"""Every process sees another one's `apply` within a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog

from prefcenter.storage.database import StorageUnavailable
from prefcenter.use_cases.services import Services

REFRESH_SECONDS = 1.0

log = structlog.get_logger(__name__)


@asynccontextmanager
async def staying_current(services: Services) -> AsyncIterator[None]:
    """The catalog and the rules are looked at beside whatever is done meanwhile."""
    ending = asyncio.Event()
    refreshing = asyncio.create_task(_refresh(services, ending))
    try:
        yield
    finally:
        # Told, not cancelled: a cancellation can get lost inside a driver.
        ending.set()
        await refreshing


async def _refresh(services: Services, ending: asyncio.Event) -> None:
    while not ending.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(ending.wait(), REFRESH_SECONDS)
            return
        try:
            if await services.catalogs.refresh():
                log.info("catalog reloaded")
        except StorageUnavailable as error:
            log.warning("catalog not reloaded", error=str(error))
