"""How many stops each connection told of, by the hour, and the alarm that is raised over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prefcenter.domain.flood import USUAL_OVER
from prefcenter.storage.database import AnyDatabase
from prefcenter.storage.fields import from_micros, to_micros

_HOUR = timedelta(hours=1)
_MICROS = to_micros(from_micros(0) + _HOUR)

#: Kinds of events that stop somebody (email_hooks' words). Only those that left an entry are counted.
_STOPS = (
    "kind IN ('unsubscribed', 'group_unsubscribed', 'complained', 'bounced_hard', 'contact_deleted', "
    "'preferences_changed') AND first_seq IS NOT NULL"
)
_LAST_HOUR = f"""
SELECT c.name, c.alarm_at, (SELECT count(*) FROM hook_event AS e
    WHERE e.connection = c.name AND e.received_at > $1 AND e.received_at <= $2 AND {_STOPS})
FROM connection_state AS c ORDER BY c.name
"""
_BEFORE = f"""
SELECT ($1 - received_at) / {_MICROS} AS hour, count(*) FROM hook_event
WHERE connection = $2 AND received_at > $3 AND received_at <= $1 AND {_STOPS} GROUP BY hour
"""
_RAISE = "UPDATE connection_state SET alarm = $1, alarm_at = $2 WHERE name = $3 AND alarm_at IS NULL"
_CLEAR = "UPDATE connection_state SET alarm = NULL, alarm_at = NULL WHERE name = $1"


@dataclass(frozen=True, slots=True)
class LastHour:
    """`stops`: how many a connection told of. `alarm_at`: since when an alarm stands; None: none does."""

    connection: str
    alarm_at: datetime | None
    stops: int


async def last_hours(database: AnyDatabase, now: datetime) -> Sequence[LastHour]:
    """Of every connection."""
    async with database.read() as tx:
        found = await tx.fetch(_LAST_HOUR, to_micros(now - _HOUR), to_micros(now))
    return [LastHour(name, None if at is None else from_micros(at), stops) for name, at, stops in found]


async def hours_before(database: AnyDatabase, connection: str, until: datetime) -> Sequence[int]:
    """How many stops a connection told of in each of the hours of a week that ends then."""
    async with database.read() as tx:
        found = await tx.fetch(_BEFORE, to_micros(until), connection, to_micros(until - USUAL_OVER))
    return [number for _, number in found]


async def raise_alarm(database: AnyDatabase, connection: str, text: str, now: datetime) -> None:
    async with database.write() as tx:
        await tx.fetch(_RAISE, text, to_micros(now), connection)


async def clear_alarm(database: AnyDatabase, connection: str) -> None:
    async with database.write() as tx:
        await tx.fetch(_CLEAR, connection)
