"""Applies what providers told: claim, complete what lacks something, hand to the use case."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta

import msgspec
import structlog

from email_hooks.errors import HookError
from email_hooks.events import EventKind
from email_hooks.http import PushError, Refused
from prefcenter.domain.heard import OUT_OF_REACH, POISONED, Became
from prefcenter.storage.database import StorageUnavailable
from prefcenter.storage.hook_events import ASIDE, Claimed, Finished, HookEvents
from prefcenter.use_cases.hear_events import failed, finish, hear
from prefcenter.use_cases.hear_one import Told
from prefcenter.use_cases.keep_hooks import read_event
from prefcenter.use_cases.services import Services
from prefcenter.worker.asking_providers import AskingProviders, needs_look_up

#: Events of one claim; as many as the journal takes into a transaction.
BATCH = 256
#: Claims at once: while one is recorded, the next waits for it, opened, and a third is fetched.
AT_ONCE = 3
#: Events that wait for their provider's answer, so that one that hangs holds up no other.
MOST_ASKING = 64
#: When those that found no room for that are due again.
NO_ROOM = timedelta(seconds=5)

_LOCKED = "sealed with a key that PREFCENTER_SECRET_KEYS lacks, or its body was purged"

log = structlog.get_logger(__name__)


class Hearing:
    """The events that are being applied in this process."""

    def __init__(
        self,
        services: Services,
        queue: HookEvents,
        asking: AskingProviders,
        now: Callable[[], datetime],
        room: asyncio.Event | None = None,
    ) -> None:
        self._services = services
        self._queue = queue
        self._asking = asking
        self._now = now
        self._applying: set[asyncio.Task[None]] = set()
        self._completing: set[asyncio.Task[None]] = set()
        self._more_due = False
        #: Set when there is room again for what had to wait.
        self.room = room or asyncio.Event()

    async def start_due(self) -> int:
        """Start what is due and fits; returns how many. Raises StorageUnavailable."""
        started = 0
        self._more_due = False
        while len(self._applying) < AT_ONCE:
            found = await self._queue.claim(BATCH, self._now())
            if not found:
                return started
            started += len(found)
            self._start(self._applying, self._apply(found))
        self._more_due = True
        return started

    def _start(self, tasks: set[asyncio.Task[None]], work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(_or_wait(work))
        tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._applying.discard(task)
        self._completing.discard(task)
        if self._more_due:
            self.room.set()

    async def _apply(self, claimed: Sequence[Claimed]) -> None:
        ready: list[Told] = []
        finished: list[Finished] = []
        lacking: list[Told] = []
        for one in claimed:
            told = self._opened(one)
            if isinstance(told, Finished):
                finished.append(told)
            elif told.event.visit is not None or needs_look_up(told.event):
                lacking.append(told)
            else:
                ready.append(told)
        await finish(self._queue, finished, self._now())
        await self._complete_some(lacking)
        if ready:
            await hear(self._services, self._queue, ready, self._now())

    def _opened(self, claimed: Claimed) -> Told | Finished:
        now = self._now()
        if claimed.body is None:
            return failed(claimed, _LOCKED, OUT_OF_REACH, now)
        try:
            return Told(claimed, read_event(claimed.body))
        except msgspec.MsgspecError:
            # A newer version may have written it, and still run beside this one.
            return failed(claimed, "this version cannot read it", OUT_OF_REACH, now)

    async def _complete_some(self, lacking: Sequence[Told]) -> None:
        room = max(0, MOST_ASKING - len(self._completing))
        for told in lacking[:room]:
            self._start(self._completing, self._complete(told))
        if lacking[room:]:
            await self._queue.let_go([told.claimed for told in lacking[room:]], self._now() + NO_ROOM)

    async def _complete(self, told: Told) -> None:
        claimed, event = told
        account = self._services.accounts.now.usable.get(claimed.connection)
        if account is None:
            why = "its connection cannot be used, so its provider cannot be asked"
            await self._finish(failed(claimed, why, OUT_OF_REACH, self._now()))
            return
        try:
            event = await self._asking.complete(account, event)
        except Refused as error:
            await self._finish(Finished(claimed=claimed, state=ASIDE, reason=f"asked of it, {error}"))
        except (PushError, HookError) as error:
            wait = error.retry_after if isinstance(error, PushError) else None
            again = failed(claimed, f"asked of it, {error}", OUT_OF_REACH, self._now(), wait or 0)
            await self._finish(again)
        except StorageUnavailable:
            raise
        except Exception as error:  # an answer of a kind that nobody thought of must not be asked for ever
            await self._finish(failed(claimed, type(error).__name__, POISONED, self._now()))
        else:
            if event.kind is EventKind.IGNORED and event.problem is None:
                await self._finish(Finished(claimed=claimed, state=Became.NOTED))
            else:
                await hear(self._services, self._queue, [Told(claimed, event)], self._now())

    async def _finish(self, finished: Finished) -> None:
        await finish(self._queue, [finished], self._now())

    async def drain(self, seconds: float) -> None:
        """Let what is in flight end; cut off what does not, to be applied by whoever comes next."""
        tasks = self._applying | self._completing
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


async def _or_wait(work: Coroutine[None, None, None]) -> None:
    try:
        await work
    except StorageUnavailable as error:
        # The leases run out and they are applied again.
        log.warning("hook events wait for the database", error=str(error))
    except Exception as error:  # a fault of ours: said loudly, and tried again as the leases run out
        log.error("hook events not applied", error=type(error).__name__)
