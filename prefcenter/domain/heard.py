"""What the word of a mailing provider means here: choices to record, or only what became of the event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from email_hooks.events import EventKind
from prefcenter.domain.choices import Action, Cause, Choice, Source, stopping_action
from prefcenter.domain.purposes import ANY, Purpose
from prefcenter.domain.scopes import Reach, purposes_of
from prefcenter.domain.standing import Stop

#: What the providers that are connected send.
CHANNEL = "email"

Find = Callable[[str], Purpose | None]


class Became(StrEnum):
    """What an event came to; the words of `hook_event.state`, at most 12 characters."""

    #: Choices are in the ledger, or stood there already.
    APPLIED = "applied"
    #: Our own stop, or the end of one, coming back.
    ECHO = "echo"
    #: The provider holds an address back: no act of anybody, perhaps a difference between it and us.
    DRIFT = "drift"
    #: A soft bounce, of which only many mean anything.
    COUNTED = "counted"
    #: A provider says yes: written down, and never believed.
    QUARANTINED = "quarantined"
    #: The stops of the old address hold for the new one too.
    MOVED = "moved"
    NOTED = "noted"
    #: About something that is none of ours.
    IGNORED = "ignored"


class Report(NamedTuple):
    """What a provider said. `at`: when it happened, at the latest when it was received; aware.

    `is_echo`: we have sent this ourselves (storage/levels.py). `stops`: of a changed address, those of the
    old one.
    """

    kind: EventKind
    scope: str | None
    at: datetime
    is_echo: bool = False
    stops: Sequence[Stop] = ()


class Meaning(NamedTuple):
    became: Became
    choices: tuple[Choice, ...] = ()


#: Events that may be echoes: whether it would be that of a stop, or of a stop taken back.
MAY_ECHO: Mapping[EventKind, bool] = MappingProxyType(
    {
        EventKind.UNSUBSCRIBED: True,
        EventKind.GROUP_UNSUBSCRIBED: True,
        EventKind.RESUBSCRIBED: False,
        EventKind.GROUP_RESUBSCRIBED: False,
    }
)


def meaning_of(report: Report, reach: Reach, find: Find) -> Meaning:
    """What is recorded of it, and what became of it. `find`: a purpose of any catalog by its key."""
    if report.is_echo and report.kind in MAY_ECHO:
        return Meaning(Became.ECHO)
    return _MEANINGS[report.kind](report, reach, find)


def _stopped(report: Report, reach: Reach, find: Find) -> Meaning:
    """A scope that nothing is mapped to stops all marketing."""
    keys = sorted(purposes_of(reach, report.scope))
    if not keys:
        return Meaning(Became.IGNORED)
    stops = (_said(stopping_action(key, _purpose(key, find)), key, report.at) for key in keys)
    return Meaning(Became.APPLIED, tuple(stops))


def _resumed(report: Report, reach: Reach, find: Find) -> Meaning:
    """Whoever clicked there, we did not see it: a yes by a provider is recorded without effect."""
    keys = sorted(purposes_of(reach, report.scope))
    if not keys:
        return Meaning(Became.IGNORED)
    return Meaning(Became.QUARANTINED, tuple(_said(Action.GIVE, key, report.at) for key in keys))


def _complained(report: Report, reach: Reach, find: Find) -> Meaning:
    """Of the person, whatever was sent: also in a scope that is none of ours."""
    return Meaning(Became.APPLIED, (_said(Action.COMPLAIN, ANY, report.at),))


def _bounced(report: Report, reach: Reach, find: Find) -> Meaning:
    """Of the address, whatever was sent."""
    return Meaning(Became.APPLIED, (_said(Action.BOUNCE, ANY, report.at, channel=CHANNEL),))


def _moved(report: Report, reach: Reach, find: Find) -> Meaning:
    return Meaning(Became.MOVED, tuple(dict.fromkeys(_carried(report.stops, report.at))))


def _only(became: Became) -> Callable[[Report, Reach, Find], Meaning]:
    return lambda report, reach, find: Meaning(became)


_MEANINGS: Mapping[EventKind, Callable[[Report, Reach, Find], Meaning]] = {
    EventKind.UNSUBSCRIBED: _stopped,
    EventKind.GROUP_UNSUBSCRIBED: _stopped,
    EventKind.RESUBSCRIBED: _resumed,
    EventKind.GROUP_RESUBSCRIBED: _resumed,
    EventKind.COMPLAINED: _complained,
    EventKind.BOUNCED_HARD: _bounced,
    EventKind.BOUNCED_SOFT: _only(Became.COUNTED),
    EventKind.SUPPRESSED: _only(Became.DRIFT),
    # Adapters tell each topic that they can read as an event of its own; this is what is left.
    EventKind.PREFERENCES_CHANGED: _only(Became.NOTED),
    EventKind.ADDRESS_CHANGED: _moved,
    EventKind.CONTACT_DELETED: _only(Became.NOTED),
    EventKind.IGNORED: _only(Became.IGNORED),
}

#: What carries a stop to a new address. A bounce is of the old one alone; erasing is nothing that a provider
#: can ask for, so there the new address gets no marketing.
_CARRIED_BY: Mapping[Cause, Action] = {
    Cause.WITHDRAWN: Action.WITHDRAW,
    Cause.REFUSED: Action.REFUSE,
    Cause.OBJECTED: Action.OBJECT,
    Cause.ALL_MARKETING: Action.OBJECT,
    Cause.COMPLAINED: Action.COMPLAIN,
    Cause.ERASED: Action.OBJECT,
    Cause.SIGNAL: Action.SIGNAL,
}


def _carried(stops: Iterable[Stop], at: datetime) -> Iterable[Choice]:
    """As old as they are: a yes that was said at the new address since goes on counting."""
    for stop in stops:
        action = _CARRIED_BY.get(stop.cause)
        if action is not None:
            yield _said(action, stop.purpose, min(stop.at, at), channel=stop.channel)


def _said(action: Action, key: str, at: datetime, *, channel: str | None = None) -> Choice:
    """All marketing is that of every channel (docs/rules.md)."""
    return Choice(
        action=action,
        source=Source.PROVIDER,
        purpose=key,
        channel=channel or (ANY if key == ANY else CHANNEL),
        stated_at=at,
    )


def _purpose(key: str, find: Find) -> Purpose | None:
    return None if key == ANY else find(key)


_DAY = 86_400
#: Seconds until an event is tried again: while its provider, or a key, is out of reach…
OUT_OF_REACH = (30, 300, 1_800, 7_200, 18_000, 36_000, _DAY)
#: …and where recording it failed, which the next try will hardly mend.
POISONED = (1, 10, 60)


def next_try(attempts: int, schedule: Sequence[int], now: datetime, wait: float = 0) -> datetime | None:
    """When to try again after so many tries, not before `wait` seconds (at most a day).

    None: it is set aside for the operator.
    """
    if attempts > len(schedule):
        return None
    return now + timedelta(seconds=max(schedule[attempts - 1], min(wait, _DAY)))
