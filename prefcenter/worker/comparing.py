"""Compares each connection's list with ours every so often: by one process, beside everything else."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from email_hooks.http import Ask, Http, Reply
from prefcenter.accounts import Account
from prefcenter.storage.database import StorageUnavailable
from prefcenter.storage.duties import claim_duty
from prefcenter.storage.reconciling import Run
from prefcenter.use_cases.reconcile import reconcile, scopes_of
from prefcenter.use_cases.services import Services
from prefcenter.worker.provider_http import ProviderHttp

LOOK_SECONDS = 30.0

log = structlog.get_logger(__name__)


class Paced:
    """`email_hooks.http.Http`, held to so many calls a second, one after the other."""

    def __init__(
        self, http: Http, per_second: float, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._http = http
        self._apart = 1 / per_second
        self._sleep = sleep
        self._next_call = 0.0

    async def send(self, ask: Ask) -> Reply:
        await self._wait()
        return await self._http.send(ask)

    async def stream(self, ask: Ask) -> AsyncIterator[bytes]:
        await self._wait()
        async for chunk in self._http.stream(ask):
            yield chunk

    async def _wait(self) -> None:
        now = asyncio.get_running_loop().time()
        place = max(now, self._next_call)
        self._next_call = place + self._apart
        if place > now:
            await self._sleep(place - now)


async def compare(
    services: Services,
    account: Account,
    now: Callable[[], datetime],
    progress: Callable[[int], None] = lambda seen: None,
) -> Run:
    """One connection over the network, at the provider's rate. Raises StorageUnavailable."""
    async with ProviderHttp(private=account.private, connections=1) as http:
        paced = Paced(http, account.provider.capabilities.per_second)
        return await reconcile(services, account, paced, now, progress)


class Comparing:
    """Every connection that can be compared, as long as `run` runs; one at a time."""

    def __init__(
        self,
        services: Services,
        now: Callable[[], datetime],
        compare: Callable[[Account], Awaitable[Run]],
    ) -> None:
        self._services = services
        self._now = now
        self._compare = compare
        self._stopping = asyncio.Event()
        self._told: set[str] = set()

    def stop(self) -> None:
        """A comparison that is under way is broken off: the next one finds the same."""
        self._stopping.set()

    async def run(self) -> None:
        """Until `stop`."""
        while not self._stopping.is_set():
            await self._look_until_stopped()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), LOOK_SECONDS)

    async def _look_until_stopped(self) -> None:
        looking = asyncio.create_task(self.look())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([looking, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        while not looking.done():
            # Again and again: within a driver's call a cancellation can get lost.
            looking.cancel()
            await asyncio.wait([looking], timeout=1)
        if not looking.cancelled() and (error := looking.exception()) is not None:
            log.error("comparing failed", error=type(error).__name__)

    async def look(self) -> None:
        """Compare whatever is due."""
        for account in list(self._services.accounts.now.usable.values()):
            try:
                if await self._is_due(account):
                    told(await self._compare(account))
            except StorageUnavailable as error:
                log.warning("a comparison waits for the database", error=str(error))

    async def _is_due(self, account: Account) -> bool:
        if account.reconcile_minutes == 0:
            return False
        if not scopes_of(account):
            if account.key not in self._told:
                log.info("connection cannot be compared: it lists nothing", connection=account.key)
                self._told.add(account.key)
            return False
        every = timedelta(minutes=account.reconcile_minutes)
        return await claim_duty(self._services.database, duty_of(account.key), every, self._now())


def duty_of(connection: str) -> str:
    """Short enough for the name of a duty, however long that of the connection is."""
    return f"reconcile {hashlib.sha256(connection.encode()).hexdigest()[:20]}"


def told(run: Run) -> None:
    """A line in the log."""
    if run.error is not None:
        log.error("comparison failed", connection=run.connection, reason=run.error, **run.counts)
    else:
        log.info("connection compared", connection=run.connection, **run.counts)
