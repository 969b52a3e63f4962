"""Deliveries waiting to be sent: claimed under a lease, finished under a fencing token."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prefcenter.storage.database import AnyDatabase, Row, Statement
from prefcenter.storage.endpoints import GONE
from prefcenter.storage.fields import from_micros, to_micros
from prefcenter.storage.vault import CannotUnseal, Vault

PENDING, CONFIRMED, FAILED = "pending", "confirmed", "failed"

#: Longer than any attempt (`worker.http_client`); what a dead worker held is due again after it.
LEASE = timedelta(seconds=60)

# Enabled endpoints with something due.
_DUE_ENDPOINTS = (
    "SELECT c.id, c.url, c.secret FROM connection c WHERE c.state = 'enabled' AND EXISTS "
    "(SELECT 1 FROM delivery d WHERE d.connection_id = c.id AND d.state = 'pending' AND d.next_at <= $1)"
)

# Take some of an endpoint's due deliveries; another worker's are passed over. The lease is the new due time.
_CLAIM = """
UPDATE delivery SET token = token + 1, attempts = attempts + 1, next_at = $3 WHERE id {among} (
    SELECT id FROM delivery WHERE connection_id = $1 AND state = 'pending' AND next_at <= $2
    ORDER BY next_at LIMIT $4 {skip_locked}){end}
RETURNING id, suppressing, body, attempts, created_at, token
"""
_CLAIMS = {
    # An array is made once; a subquery after IN may be run again for each row, and pass over other ones.
    "postgres": _CLAIM.format(among="= ANY (ARRAY", skip_locked="FOR UPDATE SKIP LOCKED", end=")"),
    "sqlite": _CLAIM.format(among="IN", skip_locked="", end=""),
}

# Only whoever holds the newest lease may say what became of a delivery. Ended ones keep no address.
_FINISH = Statement(
    postgres="""
UPDATE delivery AS d SET state = v.state, next_at = v.next_at, last_status = v.last_status,
    last_error = v.last_error, ended_at = v.ended_at,
    body = CASE WHEN v.state = 'pending' THEN d.body END
FROM unnest($1::text[], $2::bigint[], $3::int[], $4::text[], $5::bigint[], $6::text[], $7::int[])
    AS v(state, next_at, last_status, last_error, ended_at, id, token)
WHERE d.id = v.id AND d.token = v.token AND d.state = 'pending'
""",
    sqlite="""
UPDATE delivery SET state = ?1, next_at = ?2, last_status = ?3, last_error = ?4, ended_at = ?5,
    body = CASE WHEN ?1 = 'pending' THEN body END
WHERE id = ?6 AND token = ?7 AND state = 'pending'
""",
)

_GONE = "UPDATE connection SET state = $1, state_reason = $2 WHERE id = $3"
_GIVE_UP = """
UPDATE delivery SET state = 'failed', body = NULL, last_error = $1, ended_at = $2 WHERE id IN (
    SELECT id FROM delivery WHERE connection_id = $3 AND state = 'pending' {locked})
"""
# Locked in the order in which `finish` locks, so that neither waits for the other in a circle.
_GIVE_UPS = {
    "postgres": _GIVE_UP.format(locked="ORDER BY id FOR UPDATE"),
    "sqlite": _GIVE_UP.format(locked=""),
}
_COUNTS = "SELECT connection_id, state, count(*) FROM delivery GROUP BY connection_id, state"


@dataclass(frozen=True, slots=True)
class DueEndpoint:
    """`secret` is None where no configured key opens it."""

    id: str
    url: str
    secret: str | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is ours until the lease ends. `id` is the webhook-id of every attempt.

    `body` is None where no configured key opens it.
    """

    id: str
    suppressing: bool
    body: bytes | None
    attempts: int
    created_at: datetime
    token: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """What became of an attempt. `retry_at` None: it ended, in `state`."""

    claimed: Claimed
    state: str
    retry_at: datetime | None = None
    status: int | None = None
    error: str | None = None


class DeliveryQueue:
    """What the worker asks of the database. Every method raises StorageUnavailable.

    `lease`: a worker that is not done with a delivery by then is taken for dead.
    """

    def __init__(self, database: AnyDatabase, vault: Vault, lease: timedelta = LEASE) -> None:
        self._database = database
        self._vault = vault
        self._lease = lease
        self._finished: list[tuple[Finished, datetime, asyncio.Future[None]]] = []
        self._flusher: asyncio.Task[None] | None = None

    async def due_endpoints(self, now: datetime) -> list[DueEndpoint]:
        async with self._database.read() as tx:
            found = await tx.fetch(_DUE_ENDPOINTS, to_micros(now))
        secrets = [self._open(row[2]) for row in found]
        return [
            DueEndpoint(row[0], row[1], None if secret is None else secret.decode())
            for row, secret in zip(found, secrets, strict=True)
        ]

    async def claim(self, endpoint: str, most: int, now: datetime) -> list[Claimed]:
        sql = _CLAIMS[self._database.dialect]
        async with self._database.write() as tx:
            found = await tx.fetch(sql, endpoint, to_micros(now), to_micros(now + self._lease), most)
        return [
            Claimed(
                row[0],
                bool(row[1]),
                self._open(row[2]),
                row[3],
                from_micros(row[4]),
                row[5],
            )
            for row in found
        ]

    def _open(self, sealed: bytes) -> bytes | None:
        # One that cannot be opened must not keep the others from going out.
        try:
            return self._vault.unseal(sealed)
        except CannotUnseal:
            return None

    async def finish(self, finished: Finished, now: datetime) -> None:
        """Write down what became of an attempt; those that end together share a transaction."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._finished.append((finished, now, future))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        await future

    async def _flush(self) -> None:
        try:
            while self._finished:
                await asyncio.sleep(0)
                batch, self._finished = self._finished, []
                try:
                    async with self._database.write() as tx:
                        # Sorted, so that two workers never wait for each other in a circle.
                        rows = sorted((_row(one, now) for one, now, _ in batch), key=lambda row: str(row[5]))
                        await tx.many(_FINISH, rows)
                except Exception as error:  # each waiting attempt must hear of it
                    for _, _, future in batch:
                        if not future.done():
                            future.set_exception(error)
                else:
                    for _, _, future in batch:
                        if not future.done():
                            future.set_result(None)
        finally:
            self._flusher = None

    async def give_up_endpoint(self, endpoint: str, reason: str, now: datetime) -> None:
        """It answered 410: nothing more goes there, and what waited has failed loudly."""
        async with self._database.write() as tx:
            await tx.fetch(_GONE, GONE, reason[:200], endpoint)
            await tx.fetch(_GIVE_UPS[self._database.dialect], reason[:200], to_micros(now), endpoint)

    async def counts(self) -> dict[str, dict[str, int]]:
        """How many deliveries each endpoint has in each state."""
        async with self._database.read() as tx:
            found: Sequence[Row] = await tx.fetch(_COUNTS)
        counts: dict[str, dict[str, int]] = {}
        for endpoint, state, number in found:
            counts.setdefault(endpoint, {})[state] = number
        return counts


def _row(finished: Finished, now: datetime) -> Row:
    ended = finished.retry_at is None
    return (
        finished.state,
        to_micros(finished.retry_at or now),
        finished.status,
        None if finished.error is None else finished.error[:200],
        to_micros(now) if ended else None,
        finished.claimed.id,
        finished.claimed.token,
    )
