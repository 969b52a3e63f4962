"""What the ledger adds up to: the stops of an address, the newest yes of a person, and the fold to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from prefcenter.domain.choices import (
    AUTHORITY,
    STOPS,
    YES,
    Action,
    Cause,
    Effect,
    Entry,
    Proof,
    Source,
    Status,
    scope_of,
)
from prefcenter.domain.purposes import ANY, Kind, Purpose

#: A machine's clock may be wrong by this much before its stop counts as older than a yes.
CLOCK_SLACK = timedelta(minutes=5)

VALID = frozenset({Status.GIVEN, Status.RENEWED})

StopKey = tuple[str, str, Cause]
StandingKey = tuple[str, str]
FindPurpose = Callable[[str], Purpose | None]


@dataclass(frozen=True, slots=True)
class Stop:
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


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest yes (or question) of a person on a (purpose, channel), and its state.

    `seq` is the place from which the yes counts; None while there never was one. `said_at`: the latest time
    stated for anything that was said here, so that nothing older is taken for news.
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

    def drop_standings(self, subject: str) -> None:
        for key in self.standings.pop(subject, {}):
            self.changed_standings.add((subject, key))

    def replace_stops(self, wide: bytes, other: State) -> None:
        """Take over what another state says of this address."""
        for key in list(self.stops.get(wide, {})):
            self.drop_stop(wide, key)
        for stop in other.stops.get(wide, {}).values():
            self.put_stop(stop)

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


def fold(state: State, entry: Entry, find: FindPurpose) -> None:
    """Apply one entry to the state, in the order of `seq`. Entries without effect change nothing."""
    if entry.subject is not None:
        _know_address(state, entry)
    if entry.action is Action.REQUEST or entry.effect is Effect.PENDING:
        _ask(state, entry, find)
    elif entry.effect is not Effect.APPLIED:
        return
    elif entry.action in STOPS:
        _stop(state, entry, find)
    elif entry.action in YES:
        _yes(state, entry)
    elif entry.action is Action.DEFER:
        _defer(state, entry)
    elif entry.action is Action.INVALIDATE:
        # Only an undo names no person: it is about the stop of an address.
        if entry.subject is None:
            _undo(state, entry)
        else:
            _invalidate_yes(state, entry)


def _know_address(state: State, entry: Entry) -> None:
    assert entry.subject is not None
    if entry.action is Action.ADDRESS_CHANGED:
        _change_address(state, entry)
    else:
        known = state.wides.get(entry.subject, frozenset())
        if entry.wide not in known:
            state.live_at(entry.subject, known | {entry.wide})


def _change_address(state: State, entry: Entry) -> None:
    """Stops go along to the new address, but for bounces; yeses become never-asked (docs/rules.md)."""
    assert entry.subject is not None and entry.target is not None
    before = bytes.fromhex(entry.target)
    mine = state.stops.get(entry.wide, {})
    for key, stop in list(state.stops.get(before, {}).items()):
        if stop.cause is Cause.BOUNCED:
            continue
        held = mine.get(key, stop)
        newer = stop if stop.seq > held.seq else held
        state.put_stop(replace(newer, wide=entry.wide, at=max(held.at, stop.at)))
    state.drop_standings(entry.subject)
    state.live_at(entry.subject, (state.wides.get(entry.subject, frozenset()) - {before}) | {entry.wide})


def _stop(state: State, entry: Entry, find: FindPurpose) -> None:
    assert entry.cause is not None
    purpose, channel = scope_of(entry.cause, entry.purpose, entry.channel)
    before = state.stops.get(entry.wide, {}).get((channel, purpose, entry.cause))
    at = entry.occurred_at if before is None else max(before.at, entry.occurred_at)
    stop = Stop(
        entry.wide,
        channel,
        purpose,
        entry.cause,
        entry.source,
        entry.seq,
        entry.entry,
        at,
        entry.recorded_at,
    )
    if yields_to_newer_yes(entry.action, entry.source):
        _spare_newer_yeses(state, entry, stop, find)
    state.put_stop(stop)
    state.last_stops[entry.wide] = (stop, before)


def _undo(state: State, entry: Entry) -> None:
    """What the undone stop had replaced comes back. Copies at other addresses stay: ties mean stop."""
    stop, before = state.last_stops.get(entry.wide, (None, None))
    if stop is None or stop.entry != entry.target:
        return
    state.drop_stop(entry.wide, stop.key)
    if before is not None:
        state.put_stop(before)


def _spare_newer_yeses(state: State, entry: Entry, stop: Stop, find: FindPurpose) -> None:
    """An older stop arriving late leaves a newer yes standing: that yes now counts from here."""
    for subject in state.people.get(entry.wide, ()):
        stops = state.stops_of(state.wides[subject])
        for standing in list(state.standings.get(subject, {}).values()):
            purpose = find(standing.purpose)
            if purpose is None or not covers(stop, purpose, standing.channel):
                continue
            newer = newer_than(standing, entry.occurred_at, entry.recorded_at)
            if newer and counts(standing, stops, purpose):
                state.put_standing(replace(standing, seq=entry.seq))


def _yes(state: State, entry: Entry) -> None:
    assert entry.subject is not None
    status = Status.RENEWED if entry.action is Action.REAFFIRM else Status.GIVEN
    proof = entry.proof or Proof.NONE
    held = state.standings.get(entry.subject, {}).get((entry.purpose, entry.channel))
    state.put_standing(
        Standing(
            entry.subject,
            entry.purpose,
            entry.channel,
            status,
            entry.seq,
            entry.entry,
            entry.occurred_at,
            _latest(entry, held),
            proof,
            entry.version or 1,
        ),
    )
    if proof is Proof.CONFIRMED:
        # Whoever answered a mail has a living mailbox.
        for channel in (entry.channel, ANY):
            state.drop_stop(entry.wide, (channel, ANY, Cause.BOUNCED))


def _ask(state: State, entry: Entry, find: FindPurpose) -> None:
    if entry.effect is Effect.NONE or entry.subject is None:
        return
    held = state.standings.get(entry.subject, {}).get((entry.purpose, entry.channel))
    purpose = find(entry.purpose)
    stops = state.stops_of(state.wides[entry.subject])
    if held is not None and purpose is not None and counts(held, stops, purpose):
        return
    state.put_standing(_without_yes(entry, held, Status.REQUESTED))


def _defer(state: State, entry: Entry) -> None:
    assert entry.subject is not None
    held = state.standings.get(entry.subject, {}).get((entry.purpose, entry.channel))
    if held is not None and held.status in VALID:
        if entry.until is not None:
            state.put_standing(replace(held, until=entry.until, said_at=_latest(entry, held)))
        return
    state.put_standing(replace(_without_yes(entry, held, Status.DEFERRED), until=entry.until))


def _invalidate_yes(state: State, entry: Entry) -> None:
    assert entry.subject is not None
    held = state.standings.get(entry.subject, {}).get((entry.purpose, entry.channel))
    if held is not None and held.entry == entry.target:
        struck = replace(held, status=Status.INVALIDATED, said_at=_latest(entry, held))
        state.put_standing(struck)


def _without_yes(entry: Entry, held: Standing | None, status: Status) -> Standing:
    assert entry.subject is not None
    return Standing(
        entry.subject,
        entry.purpose,
        entry.channel,
        status,
        None if held is None or held.status is Status.INVALIDATED else held.seq,
        entry.entry,
        entry.occurred_at,
        _latest(entry, held),
    )


def _latest(entry: Entry, held: Standing | None) -> datetime:
    return entry.occurred_at if held is None else max(held.said_at, entry.occurred_at)


def refold(entries: Iterable[Entry], find: FindPurpose) -> State:
    """The state that the entries of some addresses add up to, in the order of `seq`."""
    state = State()
    for entry in sorted(entries, key=lambda entry: entry.seq):
        fold(state, entry, find)
    return state
