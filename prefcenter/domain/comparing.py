"""What a difference between a provider's list and ours means: pure, one address at a time."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from email_hooks.events import EventKind
from prefcenter.domain.choices import Cause


class Difference(StrEnum):
    """Also the names of the counts of a comparison."""

    #: There and here.
    SAME = "same"
    #: There and not here: news, as if the provider had told it.
    TAKEN_IN = "taken_in"
    #: Stopped here, and only now known to be so there.
    CONFIRMED = "confirmed"
    #: There, but what was said here since is newer, or on its way.
    OLDER = "older"
    #: Here and not there.
    PUSHED_AGAIN = "pushed_again"
    #: Here and not there, but nobody knows the address any more.
    LEFT_OUT = "left_out"
    #: Listed, but no address.
    REFUSED = "refused"


class Listed(NamedTuple):
    """An entry of a provider's list. `at`: since when, None: it does not say."""

    kind: EventKind
    at: datetime | None


class Held(NamedTuple):
    """Our level of the same address. `ended_at`: since when it is known to be so there, if it is."""

    stopped: bool
    confirmed: bool
    said_at: datetime
    ended_at: datetime | None
    version: int


#: What a listing can say that a level, stopped or not, does not tell.
STRONGER = MappingProxyType({EventKind.COMPLAINED: Cause.COMPLAINED, EventKind.BOUNCED_HARD: Cause.BOUNCED})


def difference(
    listed: Listed, held: Held | None, causes: Collection[Cause], settled_by: datetime
) -> Difference:
    """What an entry of the provider's list comes to.

    `causes`: of the stops that stand for the address. `settled_by`: what was pushed before it shows in the
    list.
    """
    stronger = STRONGER.get(listed.kind)
    if stronger is not None and stronger not in causes:
        return Difference.TAKEN_IN
    if held is None:
        # A bounce makes no level.
        return Difference.SAME if stronger is Cause.BOUNCED else Difference.TAKEN_IN
    if held.stopped:
        return Difference.SAME if held.confirmed else Difference.CONFIRMED
    if stronger is Cause.BOUNCED:
        return Difference.SAME
    return Difference.TAKEN_IN if _is_newer(listed.at, held, settled_by) else Difference.OLDER


def _is_newer(at: datetime | None, held: Held, settled_by: datetime) -> bool:
    """Whether a stop there came after the yes here; one that is on its way there is newer than any."""
    if not held.confirmed or held.ended_at is None:
        return False
    # Without a time: it was open there, and is not any more.
    return held.ended_at < settled_by if at is None else at > held.said_at


def settled_by(began: datetime, seconds: int) -> datetime:
    """A stop that was confirmed before this must be in a list that began then."""
    return began - timedelta(seconds=seconds)
