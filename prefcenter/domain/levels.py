"""What each scope of a connection must be for one address: stopped, open again, or never spoken of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from prefcenter.domain.choices import Cause, Status
from prefcenter.domain.purposes import ANY, Purpose
from prefcenter.domain.scopes import Reach
from prefcenter.domain.standing import Standing, StandingKey, Stop, counts, covers, outlives

#: What ends a permission although no stop stands: it ran out, or was struck out.
_ENDED = frozenset({Status.WITHDRAWN, Status.REFUSED, Status.OBJECTED, Status.EXPIRED, Status.INVALIDATED})
#: Stops of all marketing. A bounce is none: a mailbox that is full has said nothing.
_ALL_MARKETING = frozenset({Cause.ALL_MARKETING, Cause.COMPLAINED, Cause.ERASED})

#: Where the provider is a sender of mail.
CHANNEL = "email"


class Said(NamedTuple):
    """What was said at one address: the standings of whoever has it, and every stop that reaches it."""

    standings: Mapping[StandingKey, Standing]
    stops: Iterable[Stop]


def wanted_levels(reach: Reach, said: Said, purposes: Mapping[str, Purpose]) -> dict[str, bool]:
    """Which scopes must be stopped (True) or be open again (False); one that nobody spoke of is left out.

    `purposes`: those in force. A scope that several purposes share is stopped as soon as one of them is.
    """
    levels: dict[str, bool] = {}
    for scope, held in reach.scopes.items():
        named = held - {ANY}
        level = _of_purposes(named, said, purposes) if named else _of_everything(scope, reach, said, purposes)
        if level is not None:
            levels[scope] = level
    return levels


def _of_purposes(named: Iterable[str], said: Said, purposes: Mapping[str, Purpose]) -> bool | None:
    known = [_level(purposes[key], said) for key in named if key in purposes]
    if True in known:
        return True
    return False if False in known else None


def _level(purpose: Purpose, said: Said) -> bool | None:
    standing = said.standings.get((purpose.key, CHANNEL))
    for stop in said.stops:
        if (
            stop.cause is not Cause.BOUNCED
            and covers(stop, purpose, CHANNEL)
            and not outlives(standing, stop)
        ):
            return True
    if standing is None:
        return None
    if standing.status in _ENDED:
        return True
    return False if counts(standing, said.stops, purpose) else None


def _of_everything(scope: str, reach: Reach, said: Said, purposes: Mapping[str, Purpose]) -> bool | None:
    """A stop of everything is lifted for one purpose where every other one can be held back by itself."""
    everything = [
        stop for stop in said.stops if stop.cause in _ALL_MARKETING and stop.channel in (ANY, CHANNEL)
    ]
    if not everything:
        return None
    elsewhere = {key for other, held in reach.scopes.items() if other != scope for key in held}
    mailed = [one for one in purposes.values() if one.is_marketing and CHANNEL in one.channels]
    opened = [one for one in mailed if _level(one, said) is False]
    closed = [one for one in mailed if one not in opened]
    return not (opened and all(one.key in elsewhere for one in closed))
