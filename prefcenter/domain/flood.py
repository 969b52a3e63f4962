"""Whether a connection reports far more stops than it usually does: a mistake of the machine, most likely."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

#: The time before the last hour that says what is usual.
USUAL_OVER = timedelta(days=7)

#: A flood is more than so many times a usual busy hour, and at least so many stops.
FACTOR = 10
FLOOR = 100

#: A daily mailing makes one busy hour a day: these are what is usual, not the quiet hours between.
_BUSY_HOURS = USUAL_OVER.days


def usual_busy_hour(hours: Sequence[int]) -> float:
    """The mean of the seven busiest hours, of the numbers of stops in each hour of the last week."""
    return sum(sorted(hours, reverse=True)[:_BUSY_HOURS]) / _BUSY_HOURS


def is_flood(hours: Sequence[int], last_hour: int) -> bool:
    """Whether the stops of the last hour are a flood, by those of the hours before it.

    The stops count all the same: this only calls somebody to look (`prefcenter void` takes them back).
    """
    return last_hour >= FLOOR and last_hour > FACTOR * usual_busy_hour(hours)
