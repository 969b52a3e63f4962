"""Records the units of a batch one after the other: find the person, let the domain decide, fold."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from operator import attrgetter

from prefcenter.domain.choices import (
    STOPS,
    YES,
    Action,
    Choice,
    Effect,
    Source,
    takes_away,
)
from prefcenter.domain.decide import Dossier
from prefcenter.domain.facts import merged_facts
from prefcenter.domain.folding import refold
from prefcenter.domain.judge import Known, Verdict, judge
from prefcenter.domain.purposes import ANY, Purpose
from prefcenter.domain.standing import VALID
from prefcenter.storage import rows
from prefcenter.storage.batch import Batch, dossier_of
from prefcenter.storage.entries import add, new_entry
from prefcenter.storage.events import answers, turned
from prefcenter.storage.fields import to_micros
from prefcenter.storage.knowing import known_of, same_stop
from prefcenter.storage.level_rows import note_heard, note_touched
from prefcenter.storage.naming import as_one, named_apart
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
from prefcenter.storage.voiding import record_void

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

_index = attrgetter("index")

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
    apart = {item.index for item in unit.choices if named_apart(batch, item)}
    for item in unit.items:
        if item.index not in apart:
            batch.people.check(item.ref, item.index)
    first = batch.seq + 1
    try:
        results, subjects = _record_items(batch, unit, apart)
    except UnitRefused as error:
        raise UnitSpoiled from error
    outcome = Outcome(results=tuple(results), subjects=tuple(subjects), before=first - 1, head=batch.seq)
    if unit.companions is not None:
        batch.companions += unit.companions(outcome)
    note_touched(batch, first, told=unit.told)
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
    entry = new_entry(
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
    add(batch, entry, {}, match.left)
    batch.turned[entry.seq] = turned(batch, match.subject, before, answers(batch, match.subject, wides, now))


def _record_facts(batch: Batch, item: FactsItem, now: datetime) -> str:
    match = _follow(batch, item.ref, item.index, now)
    assert match.subject is not None
    held = batch.facts.get(match.subject, {})
    merged = merged_facts(held, item.facts)
    if merged != held or match.is_new:
        wides = batch.people.wides_of(match.subject)
        before = answers(batch, match.subject, wides, now)
        verdict = Verdict(effect=Effect.APPLIED, occurred_at=now)
        entry = new_entry(
            batch, match.wide, match.subject, item.ref.channel, ANY, Action.FACT, Source.SYSTEM, verdict, now
        )
        add(batch, entry, {rows.FACTS: dict(item.facts)})
        batch.facts[match.subject] = merged
        batch.new_facts[match.subject] = entry.seq
        after = answers(batch, match.subject, wides, now)
        batch.turned[entry.seq] = turned(batch, match.subject, before, after)
    return match.subject


def _record_items(batch: Batch, unit: Unit, apart: Collection[int]) -> tuple[list[Result], list[str]]:
    """One after the other, as they were sent; of one item its facts first."""
    results, subjects = [], []
    meant: dict[_Matter, Action] = {}
    for item in sorted(unit.items, key=_index):
        if isinstance(item, ChoiceItem) and item.choice.action is Action.VOID:
            results.append(record_void(batch, item, unit.now))
        elif isinstance(item, ChoiceItem):
            # Looked at only now: an item before may have made known whom this one names.
            each = named_apart(batch, item)
            became = [_record_choice(batch, one, unit, meant) for one in each or [item]]
            results.append(as_one(became) if each else became[0])
        elif item.index not in apart:
            subjects.append(_record_facts(batch, item, unit.now))
    return results, subjects


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
    if matter in meant and not unit.sparing and not {choice.action, meant[matter]} <= STOPS:
        raise UnitRefused(_TWICE, index=item.index)
    meant[matter] = choice.action
    note_heard(batch, item, match.wide)
    wides = _reached(batch, match)
    asked = None if unit.sparing else wides
    if choice.action in STOPS and not match.is_new:
        repeated = same_stop(batch, item, match.wide, purpose, now, sparing=unit.sparing)
        if repeated is not None:
            effect = Effect.NONE if unit.sparing else Effect.APPLIED
            reason = "already_known" if unit.sparing else None
            verdict = Verdict(effect=effect, reason=reason, occurred_at=now)
            return _result(batch, repeated.entry, repeated.seq, verdict, match, asked)
    if judged is None or match.left is not None:
        known = known_of(batch, item, match, purpose, wides)
        judged = known, judge(choice, purpose, known, now)
    known, verdict = judged
    is_undo = known.target is not None and known.target.is_stop
    entry = new_entry(
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
    add(batch, entry, item.evidence)
    if is_undo and verdict.effect is Effect.APPLIED:
        _refold(batch, match.wide)
    return _result(batch, entry.entry, entry.seq, verdict, match, asked)


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
