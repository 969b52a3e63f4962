"""What a choice is judged by: gathered, within one transaction, from what was loaded and recorded so far."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from prefcenter.domain.choices import STOPS, Action, Effect, Entry, Status, cause_of, scope_of
from prefcenter.domain.facts import NO_FACTS
from prefcenter.domain.judge import Known, Target, same_click
from prefcenter.domain.purposes import ANY, Purpose
from prefcenter.domain.standing import Standing, Stop, covers
from prefcenter.domain.voiding import not_voided
from prefcenter.storage import rows
from prefcenter.storage.batch import Batch
from prefcenter.storage.fields import EPOCH
from prefcenter.storage.people import Match
from prefcenter.storage.units import ChoiceItem


def same_stop(
    batch: Batch, item: ChoiceItem, wide: bytes, purpose: Purpose | None, now: datetime, *, sparing: bool
) -> Stop | None:
    """The stop that this one only repeats: of the last minute, or (`sparing`) of any time."""
    cause = cause_of(item.choice.action, item.choice.purpose, purpose)
    scope, channel = scope_of(cause, item.choice.purpose, item.choice.channel)
    held = batch.state.stops.get(wide, {}).get((channel, scope, cause))
    if held is None:
        return None
    yeses = [
        standing.seq
        for subject in batch.people.subjects_at(wide)
        for standing in batch.state.standings.get(subject, {}).values()
        if standing.seq is not None
        and standing.status is not Status.INVALIDATED
        and _covered(batch, held, standing.purpose, standing.channel)
    ]
    newest = max(yeses, default=None)
    if sparing:
        return held if newest is None or newest < held.seq else None
    return held if same_click(item.choice, cause, held, newest, now) else None


def _covered(batch: Batch, stop: Stop, key: str, channel: str) -> bool:
    purpose = batch.purposes.find(key)
    return purpose is not None and covers(stop, purpose, channel)


def known_of(
    batch: Batch, item: ChoiceItem, match: Match, purpose: Purpose | None, wides: set[bytes]
) -> Known:
    """What is known of the address and the person by now."""
    choice = item.choice
    if choice.action in STOPS:
        return Known()
    standings = list(batch.state.standings.get(match.subject, {}).values()) if match.subject else []
    mine = next((s for s in standings if s.key == (choice.purpose, choice.channel)), None)
    target = _target(batch, item, match, mine)
    # A fact is nothing that was said; nor is what was voided.
    every = batch.history.get(match.wide, ())
    history = [entry for entry in not_voided(every) if entry.action is not Action.FACT]
    double_opt_in = purpose is not None and purpose.double_opt_in
    if purpose is not None and purpose.double_opt_in is None:
        facts = batch.facts.get(match.subject, {}) if match.subject else {}
        double_opt_in = batch.purposes.regimes.of(facts.get("country")).double_opt_in
    known = Known(
        stops=batch.state.stops_of(wides),
        standings=standings,
        has_history=mine is not None,
        target=target,
        double_opt_in=bool(double_opt_in),
        outdated=_is_outdated(batch, item, match, mine),
    )
    return _with_history(known, history, every, item, match) if every else known


def _with_history(
    known: Known, history: Sequence[Entry], every: Sequence[Entry], item: ChoiceItem, match: Match
) -> Known:
    """Whoever moved here has a past elsewhere, which no import undoes. A mail that was sent stays sent."""
    asked = [entry for entry in every if _asked_by_mail(entry)]
    choice = item.choice
    return known._replace(
        has_history=known.has_history or any(e.purpose in (choice.purpose, ANY) for e in history),
        newest_seq=max((e.seq for e in history), default=None),
        asked_at=max((e.recorded_at for e in asked if e.purpose == choice.purpose), default=None),
        mailed_at={e.recorded_at for e in asked},
        said_no_seq=max((e.seq for e in history if _says_no(e, match, item)), default=None),
    )


def _is_outdated(batch: Batch, item: ChoiceItem, match: Match, mine: Standing | None) -> bool:
    """Whether the person came back, or anything else, since the clock looked."""
    if item.seen is None:
        return False
    facts = batch.facts.get(match.subject, {}) if match.subject else {}
    return item.seen != (rows.facts_of(facts) if facts else NO_FACTS, mine)


def _asked_by_mail(entry: Entry) -> bool:
    return entry.effect is Effect.PENDING and entry.reason == "needs_confirmation"


def _says_no(entry: Entry, match: Match, item: ChoiceItem) -> bool:
    matter = (entry.subject, entry.purpose, entry.channel)
    mine = matter == (match.subject, item.choice.purpose, item.choice.channel)
    no = entry.action is Action.DECLINE or (entry.action is Action.DEFER and entry.until is not None)
    return mine and no and entry.effect is Effect.APPLIED


def _target(batch: Batch, item: ChoiceItem, match: Match, mine: Standing | None) -> Target | None:
    """The stop of this address that is undone, or else the person's yes; what is thought to have run out."""
    if item.choice.action is Action.EXPIRE:
        return Target(entry=item.undoes, seq=0, is_stop=False, recorded_at=EPOCH) if item.undoes else None
    if item.choice.action is not Action.INVALIDATE:
        return None
    past = batch.past.get(item.undoes) if item.undoes is not None else None
    if past is not None and past.action in STOPS and past.wide == match.wide:
        return Target(entry=past.entry, seq=past.seq, is_stop=True, recorded_at=past.recorded_at)
    if mine is None or mine.seq is None or mine.status is Status.INVALIDATED:
        return None
    if item.undoes not in (None, mine.entry):
        return None
    return Target(entry=mine.entry, seq=mine.seq, is_stop=False, recorded_at=mine.at)
