"""The worker: looks for work every 200 ms, at once when woken, and does the periodic duties."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

import structlog

from prefcenter.storage.database import AnyDatabase, StorageUnavailable
from prefcenter.storage.delivery_queue import DeliveryQueue
from prefcenter.storage.duties import claim_duty, clean_up
from prefcenter.worker.comparing import Comparing
from prefcenter.worker.deliveries import Client, Deliveries
from prefcenter.worker.duties import Duty
from prefcenter.worker.hook_events import Hearing
from prefcenter.worker.mails import Mails
from prefcenter.worker.pushes import Pushes

POLL_SECONDS = 0.2
AFTER_TROUBLE_SECONDS = 1.0
#: How long a stopping worker waits for its posts to end.
DRAIN_SECONDS = 25.0

DUTIES_SECONDS = 30.0
CLEAN_UP_EVERY = timedelta(hours=1)

log = structlog.get_logger(__name__)


class Worker:
    """One per process. Any number of processes share the work."""

    def __init__(
        self,
        database: AnyDatabase,
        queue: DeliveryQueue,
        client: Client,
        now: Callable[[], datetime],
        jitter: Callable[[], float] = random.random,
        *,
        mails: Mails | None = None,
        hearing: Hearing | None = None,
        pushes: Pushes | None = None,
        comparing: Comparing | None = None,
        duties: Sequence[Duty] = (),
    ) -> None:
        self._database = database
        self._deliveries = Deliveries(queue, client, now, jitter)
        #: What is due besides; they share one alarm.
        self._besides = [part for part in (hearing, mails) if part is not None]
        for part in self._besides:
            part.room = self._deliveries.room
        self._pushes = pushes
        #: What runs beside the rest, until it is stopped.
        self._beside = [part for part in (pushes, comparing) if part is not None]
        self._duties = (Duty("clean-up", CLEAN_UP_EVERY, lambda at: clean_up(database, at)), *duties)
        #: Duties that this process is in the middle of.
        self._going_on: set[str] = set()
        self._now = now
        self._stopping = asyncio.Event()

    def wake(self) -> None:
        """There may be something to do: called as a choice with deliveries or mails commits here."""
        self._deliveries.room.set()
        if self._pushes is not None:
            self._pushes.wake()

    def stop(self) -> None:
        self._stopping.set()
        self.wake()

    async def run(self) -> None:
        """Work until `stop`, then let what is in flight end."""
        duties = asyncio.create_task(self._do_duties())
        beside = [asyncio.create_task(part.run()) for part in self._beside]
        try:
            while not self._stopping.is_set():
                await self._turn()
        finally:
            # Told, not cancelled: within a driver's call a cancellation can get lost, and then no end comes.
            self._stopping.set()
            for part in self._beside:
                part.stop()
            await asyncio.gather(duties, *beside)
            draining = (part.drain(DRAIN_SECONDS) for part in (self._deliveries, *self._besides))
            await asyncio.gather(*draining)

    async def _turn(self) -> None:
        awake = self._deliveries.room
        awake.clear()
        try:
            await self._deliveries.start_due()
            for part in self._besides:
                await part.start_due()
        except StorageUnavailable as error:
            log.warning("the worker waits for the database", error=str(error))
            await asyncio.sleep(AFTER_TROUBLE_SECONDS)
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(awake.wait(), POLL_SECONDS)

    async def _do_duties(self) -> None:
        while not self._stopping.is_set():
            for duty in self._duties:
                if not self._stopping.is_set():
                    await self._do(duty)
            if self._going_on:
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), DUTIES_SECONDS)

    async def _do(self, duty: Duty) -> None:
        goes_on = duty.name in self._going_on
        self._going_on.discard(duty.name)
        try:
            mine = goes_on or await claim_duty(self._database, duty.name, duty.every, self._now())
            if mine and await duty.run(self._now()):
                self._going_on.add(duty.name)
        except StorageUnavailable as error:
            log.warning("a duty waits for the database", duty=duty.name, error=str(error))
        except Exception as error:  # one duty that fails must not end the others
            log.error("a duty failed", duty=duty.name, error=f"{type(error).__name__}: {error}")


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[None]:
    """The worker beside something else, until that ends."""
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await task
