"""One pusher for each connection, side by side: a sick provider slows no other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime

import structlog

from prefcenter.accounts import Account, CurrentAccounts
from prefcenter.storage.connections import ConnectionStates
from prefcenter.storage.database import StorageUnavailable
from prefcenter.storage.levels import Levels
from prefcenter.storage.snapshots import Snapshots
from prefcenter.worker.provider_http import ProviderHttp
from prefcenter.worker.pusher import Pusher

POLL_SECONDS = 1.0
AFTER_TROUBLE_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Pushes:
    """Every connection of the catalog in force, as long as `run` runs."""

    def __init__(
        self,
        accounts: CurrentAccounts,
        levels: Levels,
        states: ConnectionStates,
        snapshots: Snapshots,
        now: Callable[[], datetime],
        jitter: Callable[[], float],
    ) -> None:
        self._accounts = accounts
        self._levels = levels
        self._states = states
        self._snapshots = snapshots
        self._now = now
        self._jitter = jitter
        self._running: dict[str, _Running] = {}
        self._stopping = asyncio.Event()

    def wake(self) -> None:
        """There may be something to push."""
        for one in self._running.values():
            one.awake.set()

    def stop(self) -> None:
        self._stopping.set()
        for one in self._running.values():
            one.stop()

    async def run(self) -> None:
        """Until `stop`; what is in flight then is let end."""
        known: Mapping[str, Account] | None = None
        try:
            while not self._stopping.is_set():
                accounts = self._accounts.now
                if accounts.usable is not known and await self._know():
                    await self._exchange(accounts.usable)
                    known = accounts.usable
                    for name, problems in accounts.problems.items():
                        log.error("connection cannot be used", connection=name, problems=problems)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), POLL_SECONDS)
        finally:
            await self._exchange({})

    async def _know(self) -> bool:
        try:
            await self._states.know(self._accounts.reaches(), self._now())
        except StorageUnavailable as error:
            log.warning("connections wait for the database", error=str(error))
            return False
        return True

    async def _exchange(self, usable: Mapping[str, Account]) -> None:
        """Those that are gone end first, so that no connection is ever pushed to twice at a time."""
        ending = list(self._running.values())
        for one in ending:
            one.stop()
        await asyncio.gather(*(one.task for one in ending))
        self._running = {name: self._start(account) for name, account in usable.items()}

    def _start(self, account: Account) -> _Running:
        return _Running(account, self._pusher_of)

    def _pusher_of(self, account: Account, http: ProviderHttp) -> Pusher:
        return Pusher(account, http, self._levels, self._states, self._snapshots, self._now, self._jitter)


class _Running:
    """The task of one connection."""

    def __init__(self, account: Account, pusher_of: Callable[[Account, ProviderHttp], Pusher]) -> None:
        self.awake = asyncio.Event()
        self._stopping = False
        self.task = asyncio.create_task(self._run(account, pusher_of))

    def stop(self) -> None:
        self._stopping = True
        self.awake.set()

    async def _run(self, account: Account, pusher_of: Callable[[Account, ProviderHttp], Pusher]) -> None:
        parallel = account.provider.capabilities.parallel
        async with ProviderHttp(private=account.private, connections=parallel + 1) as http:
            pusher = pusher_of(account, http)
            while not self._stopping:
                self.awake.clear()
                if not await _turn(pusher):
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self.awake.wait(), POLL_SECONDS)
            with suppress(StorageUnavailable):
                await pusher.let_go()


async def _turn(pusher: Pusher) -> bool:
    try:
        return await pusher.turn()
    except StorageUnavailable as error:
        log.warning("pushes wait for the database", connection=pusher.account.key, error=str(error))
    except Exception as error:  # whatever it is, this connection must go on, and the others with it
        log.error("pushes failed", connection=pusher.account.key, error=type(error).__name__)
    await asyncio.sleep(AFTER_TROUBLE_SECONDS)
    return False
