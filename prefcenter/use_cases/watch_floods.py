"""Raises an alarm where a connection reports far more stops than usual. They all count, meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from prefcenter.domain.flood import FLOOR, is_flood, usual_busy_hour
from prefcenter.storage.database import AnyDatabase
from prefcenter.storage.floods import LastHour, clear_alarm, hours_before, last_hours, raise_alarm
from prefcenter.use_cases.services import Services

EVERY = timedelta(minutes=1)
_HOUR = timedelta(hours=1)


class Flood(NamedTuple):
    """`usual`: the stops of a usual busy hour of this connection."""

    connection: str
    stops: int
    usual: float


async def watch_floods(services: Services, now: datetime) -> tuple[Sequence[Flood], Sequence[str]]:
    """The floods that began, and the connections where it is as usual again. Raises StorageUnavailable."""
    database = services.database
    begun: list[Flood] = []
    over: list[str] = []
    for hour in await last_hours(database, now):
        flood = await _flood(database, hour, now)
        if flood is not None and hour.alarm_at is None:
            await raise_alarm(database, hour.connection, _in_words(flood), now)
            begun.append(flood)
        elif flood is None and hour.alarm_at is not None:
            await clear_alarm(database, hour.connection)
            over.append(hour.connection)
    return begun, over


async def _flood(database: AnyDatabase, hour: LastHour, now: datetime) -> Flood | None:
    if hour.stops < FLOOR:
        # The week before needs no look.
        return None
    # What is usual is what came before the flood: however long it goes on, it never becomes that.
    hours = await hours_before(database, hour.connection, (hour.alarm_at or now) - _HOUR)
    if not is_flood(hours, hour.stops):
        return None
    return Flood(hour.connection, hour.stops, usual_busy_hour(hours))


def _in_words(flood: Flood) -> str:
    usual = f"{flood.usual:.0f}"
    return f"{flood.stops} stops in an hour, where {usual} are usual for a busy one; see `prefcenter void`"
