"""What became of what providers told, for whoever operates it; and the way back for what was set aside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from prefcenter.storage.database import AnyDatabase
from prefcenter.storage.fields import from_micros, to_micros

_COUNTS = (
    "SELECT connection, state, count(*), min(received_at) FROM hook_event GROUP BY connection, state "
    "ORDER BY connection, state"
)
_EXAMPLES = (
    "SELECT id, kind, reason, received_at FROM hook_event WHERE connection = $1 AND state = $2 "
    "ORDER BY received_at DESC, id DESC LIMIT $3"
)
_PUT_BACK = (
    "UPDATE hook_event SET state = 'received', reason = NULL, attempts = 0, next_at = $1 "
    "WHERE connection = $2 AND state = 'aside' AND body IS NOT NULL RETURNING id"
)
_SOFT_BOUNCES = (
    "SELECT count(*) FROM hook_event WHERE wide = $1 AND kind = 'bounced_soft' AND received_at >= $2"
)


@dataclass(frozen=True, slots=True)
class Count:
    """So many events of a connection are in this state; the oldest was received then."""

    connection: str
    state: str
    number: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class Example:
    id: int
    kind: str
    reason: str | None
    received_at: datetime


async def counts(database: AnyDatabase) -> list[Count]:
    """How many events each connection has in each state."""
    async with database.read() as tx:
        return [Count(row[0], row[1], row[2], from_micros(row[3])) for row in await tx.fetch(_COUNTS)]


async def examples(database: AnyDatabase, connection: str, state: str, most: int = 10) -> list[Example]:
    """The newest events of a connection in a state; none of it is personal."""
    async with database.read() as tx:
        found = await tx.fetch(_EXAMPLES, connection, state, most)
    return [Example(row[0], row[1], row[2], from_micros(row[3])) for row in found]


async def put_back(database: AnyDatabase, connection: str, now: datetime) -> int:
    """What was set aside is tried again, unless its body was purged; how many."""
    async with database.write() as tx:
        return len(await tx.fetch(_PUT_BACK, to_micros(now), connection))


async def soft_bounces(database: AnyDatabase, wide: bytes, since: datetime) -> int:
    """How many soft bounces of an address were received since then, from any connection."""
    async with database.read() as tx:
        return int((await tx.fetch(_SOFT_BOUNCES, wide, to_micros(since)))[0][0])
