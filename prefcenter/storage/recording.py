"""Records the units of a batch one after the other: find the person, let the domain decide, fold."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from prefcenter.domain.choices import (
    STOPS,
    YES,
    Action,
    Choice,
    Effect,
    Entry,
    Source,
    takes_away,
)
from prefcenter.domain.decide import Dossier
from prefcenter.domain.facts import merged_facts
from prefcenter.domain.folding import fold, refold
from prefcenter.domain.judge import Known, Verdict, judge
from prefcenter.domain.purposes import ANY, Purpose
from prefcenter.domain.standing import VALID
from prefcenter.storage import rows
from prefcenter.storage.batch import Batch, dossier_of
from prefcenter.storage.events import answers, turned
from prefcenter.storage.fields import to_micros
from prefcenter.storage.knowing import known_of, same_stop
from prefcenter.storage.naming import as_one, named_apart
from prefcenter.storage.people import Contact, Match
from prefcenter.storage.third_parties import note_ended
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
_BY_SOMEBODY = YES | {
    Action.DEFER,
    Action.REQUEST,
    Action.EXPIRE,
    Action.ASK,
    Action.NOTIFY,
    Action.DECLINE,
}


#: Of a choice that left no entry.
NO_ENTRY = ""

_NOTHING_KNOWN = Dossier()

#: Whose choice, on which purpose and channel.
_Matter = tuple[str | bytes, str, str]

#: Two choices of one person on one matter have no order within a call; a stop only adds to a stop, and the
#: rows of a list come one after the other.
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
    # Whose facts these would be, nobody can say.
    each_apart = [named_apart(batch, item) for item in unit.choices]
    apart = {item.index for item, each in zip(unit.choices, each_apart, strict=True) if each}
    for item in unit.items:
        if item.index not in apart:
            batch.people.check(item.ref, item.index)
    first = batch.seq + 1
    try:
        facts = (item for item in unit.facts if item.index not in apart)
        subjects = tuple(_record_facts(batch, item, unit.now) for item in facts)
        meant: dict[_Matter, Action] = {}
        results = tuple(
            as_one([_record_choice(batch, one, unit, meant) for one in each])
            if each
            else _record_choice(batch, item, unit, meant)
            for item, each in zip(unit.choices, each_apart, strict=True)
        )
    except UnitRefused as error:
        raise UnitSpoiled from error
    outcome = Outcome(results=results, subjects=subjects, before=first - 1, head=batch.seq)
    if unit.companions is not None:
        batch.companions += unit.companions(outcome)
    if not unit.told and batch.endpoints:
        batch.untold.update(e.seq for e in batch.new_entries if e.seq >= first and not takes_away(e))
    if unit.respond is None:
        return outcome
    answer = unit.respond(outcome)
    if unit.claim is not None:
        _keep_answer(batch, unit.claim, answer, unit.now)
    return replace(outcome, answer=answer)


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
    before = answers(batch, match.subject, (wides - {match.wide}) | {match.left.wide}, now)
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
        target=match.left.wide.hex(),
    )
    _add(batch, entry, {}, match.left)
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
        _add(batch, entry, {rows.FACTS: dict(item.facts)})
        batch.facts[match.subject] = merged
        batch.new_facts[match.subject] = entry.seq
        batch.turned[entry.seq] = turned(batch, before, answers(batch, match.subject, wides, now))
    return match.subject


def _record_choice(batch: Batch, item: ChoiceItem, unit: Unit, meant: dict[_Matter, Action]) -> Result:
    choice, now = item.choice, unit.now
    purpose = None if choice.purpose == ANY else batch.purposes.find(choice.purpose)
    judged: tuple[Known, Verdict] | None = None
    if unit.sparing and choice.action in YES:
        # Judged before anybody is made: whoever has no use for this stays unknown.
        match = batch.people.look(item.ref, item.index)
        wides = _reached(batch, match)
        known = known_of(batch, item, match, purpose, wides)
        verdict = judge(choice, purpose, known, now)
        if verdict.effect is Effect.NONE:
            return _result(batch, NO_ENTRY, 0, verdict, match)
        judged = known, verdict
    match = _follow(batch, item.ref, item.index, now)
    if match.subject is None and choice.action in _BY_SOMEBODY:
        raise UnitRefused("nobody we know has this address", index=item.index, field="subject.email")
    matter = (match.subject or match.wide, choice.purpose, choice.channel)
    if matter in meant and not (choice.action in STOPS and (unit.sparing or meant[matter] in STOPS)):
        raise UnitRefused(_TWICE, index=item.index)
    meant[matter] = choice.action
    wides = _reached(batch, match)
    if choice.action in STOPS and not match.is_new:
        repeated = same_stop(batch, item, match.wide, purpose, now, sparing=unit.sparing)
        if repeated is not None:
            effect = Effect.NONE if unit.sparing else Effect.APPLIED
            reason = "already_known" if unit.sparing else None
            verdict = Verdict(effect=effect, reason=reason, occurred_at=now)
            return _result(
                batch, repeated.entry, repeated.seq, verdict, match, None if unit.sparing else wides
            )
    if judged is None or match.left is not None:
        known = known_of(batch, item, match, purpose, wides)
        judged = known, judge(choice, purpose, known, now)
    known, verdict = judged
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
        version=_version(choice, purpose, verdict, known),
        target=known.target.entry if known.target else None,
        until=choice.until,
    )
    _add(batch, entry, item.evidence)
    if is_undo and verdict.effect is Effect.APPLIED:
        _refold(batch, match.wide)
    return _result(batch, entry.entry, entry.seq, verdict, match, None if unit.sparing else wides)


def _reached(batch: Batch, match: Match) -> set[bytes]:
    """The address, and every other one of whoever has it."""
    wides = {match.wide}
    for subject in [match.subject] if match.subject else batch.people.subjects_at(match.wide):
        wides |= batch.people.wides_of(subject)
    return wides


def _version(choice: Choice, purpose: Purpose | None, verdict: Verdict, known: Known) -> int | None:
    """The version that was shown, or else that of the time of the act: nobody agrees to what comes later.
    Whoever reaffirms a yes says it to what they have."""
    if purpose is None:
        return choice.version
    if choice.version is not None:
        return choice.version if choice.action is Action.DECLINE else min(choice.version, purpose.version)
    version = purpose.version_at(verdict.occurred_at)
    if choice.action is Action.REAFFIRM:
        key = (choice.purpose, choice.channel)
        said = (held.version for held in known.standings if held.key == key and held.status in VALID)
        return min([version, *said])
    return version


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


def _add(batch: Batch, entry: Entry, evidence: Any, left: Contact | None = None) -> None:
    payload = rows.payload_bytes(_with_wording_kept(batch, evidence, entry.recorded_at))
    salt = os.urandom(16)
    digest = rows.payload_digest(salt, payload)
    row = rows.entry_row(entry)
    batch.seq = entry.seq
    batch.chain = rows.chain_value(batch.chain, row, digest)
    batch.ledger.append((*row, digest, batch.chain))
    batch.payloads.append((entry.seq, salt, batch.vault.seal(payload)))
    batch.new_entries.append(entry)
    note_ended(batch, entry, left)
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
    wides: set[bytes] | None = None,
) -> Result:
    """`wides` None: nobody asks what is known."""
    return Result(
        entry=entry,
        seq=seq,
        wide=match.wide,
        effect=verdict.effect,
        reason=verdict.reason,
        subject=match.subject,
        known=_NOTHING_KNOWN if wides is None else dossier_of(batch, match.subject, wides),
        matched=match.matched,
    )
