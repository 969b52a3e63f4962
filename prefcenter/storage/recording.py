"""Records the units of a batch one after the other: find the person, let the domain decide, fold."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from prefcenter.domain.choices import STOPS, YES, Action, Effect, Entry, Source, Status, cause_of, scope_of
from prefcenter.domain.facts import NO_FACTS, merged_facts
from prefcenter.domain.judge import Known, Target, Verdict, judge, same_click
from prefcenter.domain.purposes import ANY, Purpose
from prefcenter.domain.standing import Standing, Stop, covers, fold, refold
from prefcenter.storage import rows
from prefcenter.storage.batch import Batch
from prefcenter.storage.events import answers, turned
from prefcenter.storage.fields import to_micros
from prefcenter.storage.people import Match
from prefcenter.storage.units import (
    ChoiceItem,
    Claim,
    FactsItem,
    KeyReused,
    Outcome,
    Ref,
    Result,
    StoredAnswer,
    Unit,
    UnitRefused,
    UnitSpoiled,
)

#: What only a person can have said: there must be one whose standing it becomes.
_BY_SOMEBODY = YES | {Action.DEFER}


#: Two choices of one person on one matter have no order within a call.
_TWICE = "the same person, purpose and channel twice in one call; which one is meant?"


def record(batch: Batch, unit: Unit) -> Outcome:
    """Record one unit. Raises UnitRefused or KeyReused before anything of it is kept, else UnitSpoiled."""
    if unit.claim is not None:
        before = batch.claims.get((unit.claim.api_key, unit.claim.key))
        if before is not None:
            fingerprint, answer = before
            if fingerprint != unit.claim.fingerprint:
                raise KeyReused
            return Outcome(answer=answer, replayed=True)
    for item in unit.items:
        batch.people.check(item.ref, item.index)
    try:
        subjects = tuple(_record_facts(batch, item, unit.now) for item in unit.facts)
        meant: set[tuple[str | bytes, str, str]] = set()
        results = tuple(_record_choice(batch, item, unit.now, meant) for item in unit.choices)
    except UnitRefused as error:
        raise UnitSpoiled from error
    batch.companions += unit.companions
    outcome = Outcome(results=results, subjects=subjects)
    if unit.respond is None:
        return outcome
    answer = unit.respond(outcome)
    if unit.claim is not None:
        _keep_answer(batch, unit.claim, answer, unit.now)
    return Outcome(results=outcome.results, subjects=subjects, answer=answer)


def _keep_answer(batch: Batch, claim: Claim, answer: StoredAnswer, now: datetime) -> None:
    batch.claims[claim.api_key, claim.key] = (claim.fingerprint, answer)
    batch.new_claims.append(
        (
            claim.api_key,
            claim.key,
            claim.fingerprint,
            answer.status,
            batch.vault.seal(answer.body),
            to_micros(now),
        )
    )


def _follow(batch: Batch, ref: Ref, index: int, now: datetime) -> Match:
    match = batch.people.follow(ref, index, now)
    if match.subject is not None:
        if match.left is not None:
            _move(batch, match, ref.channel, now)
        batch.state.live_at(match.subject, batch.people.wides_of(match.subject))
    return match


def _move(batch: Batch, match: Match, channel: str, now: datetime) -> None:
    assert match.subject is not None and match.left is not None
    wides = batch.people.wides_of(match.subject)
    before = answers(batch, match.subject, (wides - {match.wide}) | {match.left}, now)
    entry = _entry(
        batch,
        match.wide,
        match.subject,
        channel,
        ANY,
        Action.ADDRESS_CHANGED,
        Source.SYSTEM,
        Verdict(effect=Effect.APPLIED, occurred_at=now),
        now,
        target=match.left.hex(),
    )
    _add(batch, entry, {})
    batch.turned[entry.seq] = turned(batch, before, answers(batch, match.subject, wides, now))


def _record_facts(batch: Batch, item: FactsItem, now: datetime) -> str:
    match = _follow(batch, item.ref, item.index, now)
    assert match.subject is not None
    held = batch.facts.get(match.subject, {})
    merged = merged_facts(held, item.facts)
    if merged != held or match.is_new:
        wides = batch.people.wides_of(match.subject)
        before = answers(batch, match.subject, wides, now)
        verdict = Verdict(effect=Effect.APPLIED, occurred_at=now)
        entry = _entry(
            batch, match.wide, match.subject, item.ref.channel, ANY, Action.FACT, Source.SYSTEM, verdict, now
        )
        _add(batch, entry, {"facts": dict(item.facts)})
        batch.facts[match.subject] = merged
        batch.new_facts[match.subject] = entry.seq
        batch.turned[entry.seq] = turned(batch, before, answers(batch, match.subject, wides, now))
    return match.subject


def _record_choice(
    batch: Batch, item: ChoiceItem, now: datetime, meant: set[tuple[str | bytes, str, str]]
) -> Result:
    choice = item.choice
    match = _follow(batch, item.ref, item.index, now)
    if match.subject is None and choice.action in _BY_SOMEBODY:
        raise UnitRefused("nobody we know has this address", index=item.index, field="subject.email")
    matter = (match.subject or match.wide, choice.purpose, choice.channel)
    if matter in meant:
        raise UnitRefused(_TWICE, index=item.index)
    meant.add(matter)
    purpose = None if choice.purpose == ANY else batch.purposes.find(choice.purpose)
    subjects = [match.subject] if match.subject else batch.people.subjects_at(match.wide)
    wides = {match.wide}
    for subject in subjects:
        wides |= batch.people.wides_of(subject)
    if choice.action in STOPS and not match.is_new:
        repeated = _same_click(batch, item, match.wide, purpose, now)
        if repeated is not None:
            return _result(
                batch,
                repeated.entry,
                repeated.seq,
                Verdict(effect=Effect.APPLIED, occurred_at=now),
                match,
                wides,
            )
    known = _known(batch, item, match, purpose, wides)
    verdict = judge(choice, purpose, known, now)
    is_undo = known.target is not None and known.target.is_stop
    entry = _entry(
        batch,
        match.wide,
        None if is_undo else match.subject,
        choice.channel,
        choice.purpose,
        choice.action,
        choice.source,
        verdict,
        now,
        version=purpose.version if purpose else None,
        target=known.target.entry if known.target else None,
        until=choice.until,
    )
    _add(batch, entry, item.evidence)
    if is_undo and verdict.effect is Effect.APPLIED:
        _refold(batch, match.wide)
    return _result(batch, entry.entry, entry.seq, verdict, match, wides)


def _same_click(
    batch: Batch,
    item: ChoiceItem,
    wide: bytes,
    purpose: Purpose | None,
    now: datetime,
) -> Stop | None:
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
    return held if same_click(item.choice, cause, held, max(yeses, default=None), now) else None


def _covered(batch: Batch, stop: Stop, key: str, channel: str) -> bool:
    purpose = batch.purposes.find(key)
    return purpose is not None and covers(stop, purpose, channel)


def _known(batch: Batch, item: ChoiceItem, match: Match, purpose: Purpose | None, wides: set[bytes]) -> Known:
    choice = item.choice
    if choice.action in STOPS:
        return Known()
    standings = list(batch.state.standings.get(match.subject, {}).values()) if match.subject else []
    mine = next((s for s in standings if s.key == (choice.purpose, choice.channel)), None)
    target = _target(batch, item, match, mine) if choice.action is Action.INVALIDATE else None
    history = batch.history.get(match.wide, ())
    return Known(
        stops=batch.state.stops_of(wides),
        standings=standings,
        has_history=mine is not None or any(_speaks_of(entry, choice.purpose) for entry in history),
        target=target,
        newest_seq=max((e.seq for e in history if e.action is not Action.FACT), default=None),
    )


def _speaks_of(entry: Entry, purpose: str) -> bool:
    return entry.purpose in (purpose, ANY) and entry.action not in (Action.FACT, Action.ADDRESS_CHANGED)


def _target(batch: Batch, item: ChoiceItem, match: Match, mine: Standing | None) -> Target | None:
    """The stop of this address that is undone, or else the person's yes."""
    past = batch.past.get(item.undoes) if item.undoes is not None else None
    if past is not None and past.action in STOPS and past.wide == match.wide:
        return Target(entry=past.entry, seq=past.seq, is_stop=True, recorded_at=past.recorded_at)
    if mine is None or mine.seq is None or mine.status is Status.INVALIDATED:
        return None
    if item.undoes not in (None, mine.entry):
        return None
    return Target(entry=mine.entry, seq=mine.seq, is_stop=False, recorded_at=mine.at)


def _refold(batch: Batch, wide: bytes) -> None:
    entries = [entry for found in batch.history.values() for entry in found]
    batch.state.replace_stops(wide, refold(entries, batch.purposes.find))


def entry_id(now: datetime) -> str:
    """Milliseconds and 80 random bits, as in a UUIDv7 (RFC 9562 5.7): neighbours in time share a page."""
    return f"{to_micros(now) // 1000:012x}{os.urandom(10).hex()}"


def _entry(
    batch: Batch,
    wide: bytes,
    subject: str | None,
    channel: str,
    purpose: str,
    action: Action,
    source: Source,
    verdict: Verdict,
    now: datetime,
    version: int | None = None,
    target: str | None = None,
    until: datetime | None = None,
) -> Entry:
    return Entry(
        batch.seq + 1,
        entry_id(now),
        subject,
        wide,
        channel,
        purpose,
        action,
        source,
        verdict.cause,
        verdict.effect,
        verdict.reason,
        verdict.occurred_at,
        now,
        version,
        verdict.proof,
        target,
        until,
    )


def _add(batch: Batch, entry: Entry, evidence: Any) -> None:
    payload = rows.payload_bytes(_with_wording_kept(batch, evidence, entry.recorded_at))
    salt = os.urandom(16)
    digest = rows.payload_digest(salt, payload)
    row = rows.entry_row(entry)
    batch.seq = entry.seq
    batch.chain = rows.chain_value(batch.chain, row, digest)
    batch.ledger.append((*row, digest, batch.chain))
    batch.payloads.append((entry.seq, salt, batch.vault.seal(payload)))
    batch.new_entries.append(entry)
    fold(batch.state, entry, batch.purposes.find)
    if entry.wide in batch.history:
        batch.history[entry.wide].append(entry)


def _with_wording_kept(batch: Batch, evidence: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
    """Words shown to many are kept once, under their digest; the evidence names them by it."""
    text = evidence.get("wording")
    if text is None:
        return evidence
    digest = hashlib.sha256(text.encode()).hexdigest()
    batch.wordings.append((digest, evidence.get("language", "und"), text, to_micros(now)))
    return {**evidence, "wording": digest}


def _result(
    batch: Batch,
    entry: str,
    seq: int,
    verdict: Verdict,
    match: Match,
    wides: set[bytes],
) -> Result:
    standings = batch.state.standings.get(match.subject, {}) if match.subject else {}
    facts = batch.facts.get(match.subject) if match.subject else None
    return Result(
        entry=entry,
        seq=seq,
        effect=verdict.effect,
        reason=verdict.reason,
        subject=match.subject,
        stops=tuple(batch.state.stops_of(wides)),
        standings=tuple(standings.values()),
        facts=rows.facts_of(facts) if facts else NO_FACTS,
        matched=match.matched,
    )
