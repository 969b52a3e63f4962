"""The worker: looks for work every 200 ms, at once when woken, and does the periodic duties."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

import structlog

from prefcenter.storage.database import AnyDatabase, StorageUnavailable
from prefcenter.storage.delivery_queue import DeliveryQueue
from prefcenter.storage.duties import claim_duty, clean_up
from prefcenter.worker.deliveries import Client, Deliveries

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
    ) -> None:
        self._database = database
        self._deliveries = Deliveries(queue, client, now, jitter)
        self._now = now
        self._stopping = asyncio.Event()

    def wake(self) -> None:
        """There may be something to do: called as a choice with deliveries commits in this process."""
        self._deliveries.room.set()

    def stop(self) -> None:
        self._stopping.set()
        self.wake()

    async def run(self) -> None:
        """Work until `stop`, then let what is in flight end."""
        duties = asyncio.create_task(self._do_duties())
        try:
            while not self._stopping.is_set():
                await self._turn()
        finally:
            # Told, not cancelled: within a driver's call a cancellation can get lost, and then no end comes.
            self._stopping.set()
            await duties
            await self._deliveries.drain(DRAIN_SECONDS)

    async def _turn(self) -> None:
        awake = self._deliveries.room
        awake.clear()
        try:
            await self._deliveries.start_due()
        except StorageUnavailable as error:
            log.warning("the worker waits for the database", error=str(error))
            await asyncio.sleep(AFTER_TROUBLE_SECONDS)
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(awake.wait(), POLL_SECONDS)

    async def _do_duties(self) -> None:
        while not self._stopping.is_set():
            try:
                if await claim_duty(self._database, "clean-up", CLEAN_UP_EVERY, self._now()):
                    await clean_up(self._database, self._now())
            except StorageUnavailable as error:
                log.warning("a duty waits for the database", error=str(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), DUTIES_SECONDS)


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[None]:
    """The worker beside something else, until that ends."""
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await task
