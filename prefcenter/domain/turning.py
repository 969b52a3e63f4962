"""The moments at which a decision turns, so that whoever lies between the same two gets the same one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

from prefcenter.domain.interest import TIME_TO_OBJECT
from prefcenter.domain.purposes import Purpose
from prefcenter.domain.regimes import Regimes, add_months

_MOMENT = timedelta(microseconds=1)
_DAY = timedelta(days=1)
#: A month and a day on either side.
_AROUND = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Turning:
    """For each time that `decide` looks at, the moments that matter of it, in order: all else being the
    same, `allowed` and `reason` are the same for two times with as many of those moments at or before them.

    `given`: `Standing.at`; `until`, `noticed`: `Standing.until` and `.noticed_at`; `known`: `known_since`.
    """

    given: tuple[datetime, ...]
    until: tuple[datetime, ...]
    noticed: tuple[datetime, ...]
    known: tuple[datetime, ...]


def turning(purpose: Purpose | None, regimes: Regimes, now: datetime) -> Turning:
    """Of all decisions on this purpose at this moment. Whatever else they look at is no time."""
    terms = () if purpose is None else (*purpose.earlier, purpose.terms)
    months = {row.expires for row in regimes.rows.values() if row.expires is not None}
    return Turning(
        # A yes counts or has run out, by the newest of it and some other moments: between two turns either of
        # them is the newest, or another is that for all, or both lie between the same two.
        given=_in_order(turn for number in months for turn in _run_outs(number, now)),
        # A pause lasts while it ends after now.
        until=(now + _MOMENT,),
        # There was time to object if notice came no later than this.
        noticed=(now - TIME_TO_OBJECT + _MOMENT,),
        # Data is older than a version, or not.
        known=_in_order(each.since for each in terms if each.since is not None),
    )


def _in_order(moments: Iterable[datetime]) -> tuple[datetime, ...]:
    return tuple(sorted(set(moments)))


def _run_outs(months: int, now: datetime) -> Iterator[datetime]:
    """Where what has run out by now parts from what has not.

    At the end of a month that happens several times: yeses of the 28th to the 31st of a month end on one day,
    the 28th of a February. Within a day the later yes never ends sooner.
    """
    now = now.astimezone(UTC)
    first = datetime.combine(add_months(now, -months).date(), time(), UTC) - _AROUND // 2 * _DAY
    days = [first + number * _DAY for number in range(_AROUND)]
    at_this_time = timedelta(
        hours=now.hour, minutes=now.minute, seconds=now.second, microseconds=now.microsecond
    )
    moments = sorted({moment for day in days for moment in (day, day + at_this_time + _MOMENT)})
    for before, moment in pairwise(moments):
        if (add_months(before, months) <= now) != (add_months(moment, months) <= now):
            yield moment
