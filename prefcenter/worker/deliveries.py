"""Sends what is due: claim, post, write down what came of it. The rule is `domain.delivery`."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import structlog

from email_hooks.signatures import sign_standard
from prefcenter.domain.delivery import (
    Answer,
    Confirmed,
    DisableEndpoint,
    FailedLoudly,
    RetryAt,
    after_attempt,
)
from prefcenter.storage.database import StorageUnavailable
from prefcenter.storage.delivery_queue import (
    CONFIRMED,
    FAILED,
    PENDING,
    Claimed,
    DeliveryQueue,
    DueEndpoint,
    Finished,
)

#: At once to one endpoint, and in all. Each begins with a few: receivers that only hang hold little of it.
PER_ENDPOINT = 16
AT_FIRST = 4
IN_ALL = 64

log = structlog.get_logger(__name__)


class Client(Protocol):
    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> Answer: ...


class Deliveries:
    """The deliveries in flight in this process."""

    def __init__(
        self,
        queue: DeliveryQueue,
        client: Client,
        now: Callable[[], datetime],
        jitter: Callable[[], float],
    ) -> None:
        self._queue = queue
        self._client = client
        self._now = now
        self._jitter = jitter
        self._in_flight: Counter[str] = Counter()
        self._pace: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._more_due = False
        #: Set when there is room again for what had to wait.
        self.room = asyncio.Event()

    async def start_due(self) -> int:
        """Start what is due and fits; returns how many. Raises StorageUnavailable."""
        started = 0
        self._more_due = False
        for endpoint in await self._queue.due_endpoints(self._now()):
            room = min(
                self._pace.get(endpoint.id, AT_FIRST) - self._in_flight[endpoint.id],
                IN_ALL - self._in_flight.total(),
            )
            found = await self._queue.claim(endpoint.id, room, self._now()) if room > 0 else []
            for claimed in found:
                self._start(endpoint, claimed)
            started += len(found)
            self._more_due |= len(found) >= room
        return started

    def _start(self, endpoint: DueEndpoint, claimed: Claimed) -> None:
        self._in_flight[endpoint.id] += 1
        task = asyncio.create_task(self._deliver(endpoint, claimed))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, endpoint: DueEndpoint, claimed: Claimed) -> None:
        try:
            answer = await self._attempt(endpoint, claimed)
            self._set_pace(endpoint.id, answer)
        finally:
            # The next post need not wait until this one is written down.
            self._make_room(endpoint.id)
        try:
            await self._finish(endpoint, claimed, answer)
        except StorageUnavailable as error:
            # The lease runs out and it is sent again, under the same webhook-id.
            log.warning("delivery not written down", delivery=claimed.id, error=str(error))

    def _set_pace(self, endpoint: str, answer: Answer) -> None:
        """Twice as many at once after each answer, one at a time after none."""
        faster = min(PER_ENDPOINT, 2 * self._pace.get(endpoint, AT_FIRST))
        self._pace[endpoint] = 1 if answer.status is None else faster

    def _make_room(self, endpoint: str) -> None:
        self._in_flight[endpoint] -= 1
        # Half of them at a time: a claim is a transaction, and one for each post would cost more than it.
        if self._more_due and self._in_flight[endpoint] <= self._pace.get(endpoint, AT_FIRST) // 2:
            self.room.set()

    async def _attempt(self, endpoint: DueEndpoint, claimed: Claimed) -> Answer:
        if endpoint.secret is None or claimed.body is None:
            # Tried again by the schedule: the operator may bring the key back.
            return Answer(error="sealed with a key that PREFCENTER_SECRET_KEYS lacks")
        headers = sign_standard(endpoint.secret, claimed.id, self._now(), claimed.body)
        headers["content-type"] = "application/json"
        return await self._client.post(endpoint.url, claimed.body, headers)

    async def _finish(self, endpoint: DueEndpoint, claimed: Claimed, answer: Answer) -> None:
        now = self._now()
        step = after_attempt(
            answer, claimed.attempts, claimed.created_at, now, claimed.suppressing, self._jitter()
        )
        match step:
            case Confirmed():
                finished = Finished(claimed=claimed, state=CONFIRMED, status=answer.status)
            case RetryAt(when=when, reason=reason):
                finished = Finished(
                    claimed=claimed, state=PENDING, retry_at=when, status=answer.status, error=reason
                )
            case FailedLoudly(reason=reason) | DisableEndpoint(reason=reason):
                log.error("delivery failed", delivery=claimed.id, webhook=endpoint.id, reason=reason)
                finished = Finished(claimed=claimed, state=FAILED, status=answer.status, error=reason)
        await self._queue.finish(finished, now)
        if isinstance(step, DisableEndpoint):
            log.error("webhook disabled", webhook=endpoint.id, reason=step.reason)
            await self._queue.give_up_endpoint(endpoint.id, step.reason, now)

    async def drain(self, seconds: float) -> None:
        """Let what is in flight end; cut off what does not, to be sent again by whoever comes next."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
