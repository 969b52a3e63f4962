"""The fold: each entry of the ledger, in the order of `seq`, changes what stands (docs/rules.md)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from prefcenter.domain.choices import (
    STOPS,
    YES,
    Action,
    Cause,
    Effect,
    Entry,
    Proof,
    Status,
    scope_of,
)
from prefcenter.domain.interest import TIME_TO_OBJECT
from prefcenter.domain.purposes import ANY
from prefcenter.domain.standing import (
    NOTHING_SAID,
    VALID,
    FindPurpose,
    Standing,
    State,
    Stop,
    counts,
    covers,
    newer_than,
    yields_to_newer_yes,
)
from prefcenter.domain.voiding import with_voids

_QUESTIONS = frozenset({Action.REQUEST, Action.ASK})


def fold(state: State, entry: Entry, find: FindPurpose) -> None:
    """Apply one entry to the state, in the order of `seq`. Entries without effect change nothing.

    Nor does a `void` by itself: what it is about must be folded as if without effect (voiding.py).
    """
    if entry.action is Action.VOID:
        return
    if entry.subject is not None:
        _know_address(state, entry)
    if entry.action in _QUESTIONS or entry.effect is Effect.PENDING:
        _ask(state, entry, find)
    elif entry.effect is not Effect.APPLIED:
        return
    elif entry.action in STOPS:
        _stop(state, entry, find)
    elif entry.action in YES:
        _yes(state, entry)
    elif entry.action is Action.DEFER:
        _defer(state, entry)
    elif entry.action is Action.EXPIRE:
        _expire(state, entry)
    elif entry.action in (Action.NOTIFY, Action.DECLINE):
        _inform(state, entry)
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
        state.put_stop(newer._replace(wide=entry.wide, at=max(held.at, stop.at)))
    standings = list(state.standings.get(entry.subject, {}).values())
    state.drop_standings(entry.subject)
    for standing in standings:
        _keep_noes(state, entry, standing)
    state.live_at(entry.subject, (state.wides.get(entry.subject, frozenset()) - {before}) | {entry.wide})


def _keep_noes(state: State, entry: Entry, held: Standing) -> None:
    """A pause, and a no to a change, are the person's own: they go along as stops do."""
    paused = held.until is not None and held.until > entry.occurred_at
    if paused or held.declined is not None:
        state.put_standing(
            Standing(
                held.subject,
                held.purpose,
                held.channel,
                Status.DEFERRED if paused else Status.INFORMED,
                None,
                entry.entry,
                entry.occurred_at,
                held.said_at,
                version=0,
                until=held.until if paused else None,
                declined=held.declined,
            )
        )


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
                state.put_standing(standing._replace(seq=entry.seq))


def _yes(state: State, entry: Entry) -> None:
    assert entry.subject is not None
    status = Status.RENEWED if entry.action is Action.REAFFIRM else Status.GIVEN
    proof = entry.proof or Proof.NONE
    held = _held(state, entry)
    version = entry.version or 1
    declined = held.declined if held is not None else None
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
            version,
            declined=declined if declined is not None and declined > version else None,
            noticed=held.noticed if held else None,
            noticed_at=held.noticed_at if held else None,
        ),
    )
    if proof is Proof.CONFIRMED:
        # Whoever answered a mail has a living mailbox.
        for channel in (entry.channel, ANY):
            state.drop_stop(entry.wide, (channel, ANY, Cause.BOUNCED))


def _ask(state: State, entry: Entry, find: FindPurpose) -> None:
    if entry.effect is Effect.NONE or entry.subject is None:
        return
    held = _held(state, entry)
    purpose = find(entry.purpose)
    stops = state.stops_of(state.wides[entry.subject])
    if held is not None and purpose is not None and counts(held, stops, purpose):
        return
    state.put_standing(_without_yes(entry, held, Status.REQUESTED))


def _defer(state: State, entry: Entry) -> None:
    held = _held(state, entry)
    if held is not None and held.status in VALID:
        if entry.until is not None:
            state.put_standing(held._replace(until=entry.until, said_at=_latest(entry, held)))
        return
    deferred = _without_yes(entry, held, Status.DEFERRED)
    state.put_standing(deferred._replace(until=entry.until, said_at=_latest(entry, held)))


def _expire(state: State, entry: Entry) -> None:
    """What ran out: a yes, a relationship, or a question that nobody answered. That leaves no trace, unless
    something was said before it: what was struck out must not come back as news. A pause goes on."""
    held = _held(state, entry)
    unanswered = held is not None and held.status is Status.REQUESTED and held.seq is None
    if held is not None and unanswered and held.said_at == NOTHING_SAID and held.noticed is None:
        state.drop_standing(held)
        return
    bare = _without_yes(entry, held, Status.INFORMED if unanswered else Status.EXPIRED)
    state.put_standing(bare._replace(version=held.version) if held is not None else bare)


def _inform(state: State, entry: Entry) -> None:
    held = _held(state, entry) or _without_yes(entry, None, Status.INFORMED)
    version = entry.version
    if version is None:
        return
    if entry.action is Action.DECLINE:
        first = version if held.declined is None else min(held.declined, version)
        held = _back_before(held, version)
        state.put_standing(held._replace(declined=first, said_at=_latest(entry, held)))
    elif held.noticed is None or held.noticed < version:
        # Notice given twice gives no more time than it did the first time.
        held = _settled(held, entry.occurred_at)
        state.put_standing(held._replace(noticed=version, noticed_at=entry.occurred_at))


def _settled(held: Standing, at: datetime) -> Standing:
    """What they had notice of, with the time to object over, is theirs: newer notice takes nothing back."""
    if held.seq is not None or held.noticed is None or held.noticed_at is None:
        return held
    over = held.noticed_at + TIME_TO_OBJECT <= at
    return held._replace(version=max(held.version, held.noticed)) if over else held


def _back_before(held: Standing, version: int) -> Standing:
    """No to a version that they had said yes to: what came before it stays, where there was anything."""
    if held.status not in VALID or held.version < version:
        return held
    if version > 1:
        return held._replace(version=version - 1)
    return held._replace(status=Status.INVALIDATED)


def _held(state: State, entry: Entry) -> Standing | None:
    assert entry.subject is not None
    return state.standings.get(entry.subject, {}).get((entry.purpose, entry.channel))


def _invalidate_yes(state: State, entry: Entry) -> None:
    held = _held(state, entry)
    if held is not None and held.entry == entry.target:
        struck = held._replace(status=Status.INVALIDATED, said_at=_latest(entry, held))
        state.put_standing(struck)


def _without_yes(entry: Entry, held: Standing | None, status: Status) -> Standing:
    """Nothing of it is said by the person: neither does it end their pause."""
    assert entry.subject is not None
    return Standing(
        entry.subject,
        entry.purpose,
        entry.channel,
        status,
        None if held is None or held.status is Status.INVALIDATED else held.seq,
        entry.entry,
        entry.occurred_at,
        held.said_at if held else NOTHING_SAID,
        version=held.version if held and held.seq is None else 0,
        until=held.until if held else None,
        declined=held.declined if held else None,
        noticed=held.noticed if held else None,
        noticed_at=held.noticed_at if held else None,
    )


def _latest(entry: Entry, held: Standing | None) -> datetime:
    return entry.occurred_at if held is None else max(held.said_at, entry.occurred_at)


def refold(entries: Iterable[Entry], find: FindPurpose) -> State:
    """The state that the entries of some addresses add up to, in the order of `seq`, less what was voided."""
    state = State()
    for entry in sorted(with_voids(entries), key=lambda entry: entry.seq):
        fold(state, entry, find)
    return state
