"""What the ledger adds up to: the stops of an address, and the newest yes of a person."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from prefcenter.domain.choices import (
    AUTHORITY,
    Action,
    Cause,
    Proof,
    Source,
    Status,
)
from prefcenter.domain.purposes import ANY, Kind, Purpose

#: A machine's clock may be wrong by this much before its stop counts as older than a yes.
CLOCK_SLACK = timedelta(minutes=5)

VALID = frozenset({Status.GIVEN, Status.RENEWED})

#: `said_at` of whoever has said nothing yet: a question or a notice is no news that a yes is older than.
NOTHING_SAID = datetime(1970, 1, 1, tzinfo=UTC)

StopKey = tuple[str, str, Cause]
StandingKey = tuple[str, str]
FindPurpose = Callable[[str], Purpose | None]


class Stop(NamedTuple):
    """The newest stop of one cause on one scope of an address. `at`: the latest time stated for it."""

    wide: bytes
    channel: str
    purpose: str
    cause: Cause
    source: Source
    seq: int
    entry: str
    at: datetime
    recorded_at: datetime

    @property
    def key(self) -> StopKey:
        return self.channel, self.purpose, self.cause


class Standing(NamedTuple):
    """The newest yes (or question) of a person on a (purpose, channel), and its state.

    `seq` is the place from which the yes counts; None while there never was one. `said_at`: the latest time
    stated for anything that was said here, so that nothing older is taken for news. `declined`: the first
    version that they said no to while what they had agreed to stays. `noticed`: the newest version they had
    notice of, `noticed_at`: when they first had it. `version`: of the yes; of whoever never said one, the
    newest that they have by notice and silence (0: none).
    """

    subject: str
    purpose: str
    channel: str
    status: Status
    seq: int | None
    entry: str
    at: datetime
    said_at: datetime
    proof: Proof = Proof.NONE
    version: int = 1
    until: datetime | None = None
    declined: int | None = None
    noticed: int | None = None
    noticed_at: datetime | None = None

    @property
    def key(self) -> StandingKey:
        return self.purpose, self.channel


@dataclass(slots=True)
class State:
    """Stops by wide fingerprint; standings, and the wide fingerprints of their addresses, by subject.

    What `changed_…` names and the maps no longer hold is gone from the store too. `last_stops` holds the
    newest stop of an address with the one whose place it took: what an undo needs.
    """

    stops: dict[bytes, dict[StopKey, Stop]] = field(default_factory=dict)
    standings: dict[str, dict[StandingKey, Standing]] = field(default_factory=dict)
    wides: dict[str, frozenset[bytes]] = field(default_factory=dict)
    people: dict[bytes, set[str]] = field(default_factory=dict)
    last_stops: dict[bytes, tuple[Stop, Stop | None]] = field(default_factory=dict)
    changed_stops: set[tuple[bytes, StopKey]] = field(default_factory=set)
    changed_standings: set[tuple[str, StandingKey]] = field(default_factory=set)

    def live_at(self, subject: str, wides: frozenset[bytes]) -> None:
        """These are all the addresses of this person."""
        if self.wides.get(subject) == wides:
            return
        for wide in self.wides.get(subject, frozenset()) - wides:
            self.people[wide].discard(subject)
        for wide in wides:
            self.people.setdefault(wide, set()).add(subject)
        self.wides[subject] = wides

    def put_stop(self, stop: Stop) -> None:
        self.stops.setdefault(stop.wide, {})[stop.key] = stop
        self.changed_stops.add((stop.wide, stop.key))

    def drop_stop(self, wide: bytes, key: StopKey) -> None:
        if self.stops.get(wide, {}).pop(key, None) is not None:
            self.changed_stops.add((wide, key))

    def put_standing(self, standing: Standing) -> None:
        self.standings.setdefault(standing.subject, {})[standing.key] = standing
        self.changed_standings.add((standing.subject, standing.key))

    def drop_standing(self, standing: Standing) -> None:
        del self.standings[standing.subject][standing.key]
        self.changed_standings.add((standing.subject, standing.key))

    def drop_standings(self, subject: str) -> None:
        for key in self.standings.pop(subject, {}):
            self.changed_standings.add((subject, key))

    def replace_stops(self, wide: bytes, other: State) -> None:
        """Take over what another state says of this address."""
        mine, theirs = self.stops.get(wide, {}), other.stops.get(wide, {})
        for key in mine.keys() - theirs.keys():
            self.drop_stop(wide, key)
        for key, stop in theirs.items():
            if mine.get(key) != stop:
                self.put_stop(stop)

    def replace_standings(self, subject: str, other: State) -> None:
        """Take over what another state says of this person."""
        mine, theirs = self.standings.get(subject, {}), other.standings.get(subject, {})
        for key in mine.keys() - theirs.keys():
            self.drop_standing(mine[key])
        for key, standing in theirs.items():
            if mine.get(key) != standing:
                self.put_standing(standing)

    def stops_of(self, wides: Iterable[bytes]) -> list[Stop]:
        return [stop for wide in wides for stop in self.stops.get(wide, {}).values()]


def covers(stop: Stop, purpose: Purpose, channel: str) -> bool:
    """Whether the stop's scope takes in this purpose on this channel (table "What a stop blocks")."""
    if stop.channel not in (ANY, channel):
        return False
    if stop.purpose != ANY:
        return stop.purpose == purpose.key
    if stop.cause in (Cause.ALL_MARKETING, Cause.COMPLAINED):
        return purpose.is_marketing
    if stop.cause is Cause.SIGNAL:
        return purpose.kind is Kind.SALE_OR_SHARING
    return True


def outlives(standing: Standing | None, stop: Stop) -> bool:
    """Whether the yes came after the stop. A bounce ends by proof of life only, never by a consent."""
    return (
        standing is not None
        and stop.cause is not Cause.BOUNCED
        and standing.status in VALID
        and standing.seq is not None
        and standing.seq >= stop.seq
    )


def counts(standing: Standing | None, stops: Iterable[Stop], purpose: Purpose) -> bool:
    """Whether the yes is greater than every stop that matches it (docs/rules.md)."""
    if standing is None or standing.status not in VALID:
        return False
    return all(
        outlives(standing, stop)
        for stop in stops
        if stop.cause is not Cause.BOUNCED and covers(stop, purpose, standing.channel)
    )


def yields_to_newer_yes(action: Action, source: Source) -> bool:
    """Whether a stop gives way to a yes that is newer than the time it states."""
    return action is Action.COMPLAIN or not AUTHORITY[source].stops_always


def newer_than(standing: Standing, stated_at: datetime, now: datetime) -> bool:
    """Whether the yes was given after the time stated for a stop that is received `now`.

    A stop of this moment is older than nothing, whatever a clock that ran ahead has written on the yes.
    """
    return stated_at < now and stated_at + CLOCK_SLACK < standing.at
