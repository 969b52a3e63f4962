"""Takes entries out of effect: whoever they touched is folded again, as if these had never been."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from prefcenter.domain.choices import Action, Effect, Entry, Source
from prefcenter.domain.facts import merged_facts
from prefcenter.domain.folding import refold
from prefcenter.domain.judge import Verdict
from prefcenter.domain.voiding import may_be_voided, not_voided, voided_by
from prefcenter.storage import rows
from prefcenter.storage.batch import Batch, dossier_of
from prefcenter.storage.entries import add, new_entry
from prefcenter.storage.events import answers, turned
from prefcenter.storage.past import left_for
from prefcenter.storage.units import ChoiceItem, Result, UnitRefused

_NO_ENTRY = ""


def record_void(batch: Batch, item: ChoiceItem, now: datetime) -> Result:
    """Void the entry that `item.undoes` names; one that is voided already stays so, without a new entry.

    Everything connected with it must be loaded (`Unit.alone`). Raises UnitRefused for what no machine said.
    """
    target = batch.past.get(item.undoes or "")
    if target is None or not may_be_voided(target):
        raise UnitRefused(
            "only what a provider or an import said, with effect, can be voided",
            index=item.index,
            field="target",
        )
    if target.entry in voided_by(batch.history.get(target.wide, ())):
        return _result(batch, _NO_ENTRY, 0, target, "already_voided")
    wides, people = _connected(batch, target.wide)
    before = {who: answers(batch, who, batch.people.wides_of(who), now) for who in people}
    subject = target.subject if target.subject in people else None
    # Of an entry without effect the reason says why; here it says what is voided.
    verdict = Verdict(effect=Effect.APPLIED, occurred_at=now, reason=target.action.value)
    scope = target.channel, target.purpose, Action.VOID, Source.OPERATOR
    entry = new_entry(
        batch, target.wide, subject, *scope, verdict, now, version=target.version, target=target.entry
    )
    add(batch, entry, item.evidence)
    _fold_again(batch, wides, people)
    if target.action is Action.FACT and subject is not None:
        _tell_facts_again(batch, subject, wides)
        batch.new_facts[subject] = entry.seq
    after = {who: answers(batch, who, batch.people.wides_of(who), now) for who in people}
    batch.turned[entry.seq] = tuple(
        one for who in people for one in turned(batch, who, before[who], after[who])
    )
    if batch.reaches:
        batch.touched += [entry._replace(subject=who) for who in people]
    return _result(batch, entry.entry, entry.seq, target, None)


def _connected(batch: Batch, wide: bytes) -> tuple[set[bytes], list[str]]:
    """All addresses between which anything may have gone along, and whoever is known of their people."""
    wides: set[bytes] = set()
    people: set[str] = set()
    wanted = {wide}
    while wanted:
        wides |= wanted
        entries = [entry for one in wanted for entry in batch.history.get(one, ())]
        found = {entry.subject for entry in entries if entry.subject is not None}
        found |= {who for one in wanted for who in batch.people.subjects_at(one)}
        people |= found
        wanted = left_for(entries) | {one for who in found for one in batch.people.wides_of(who)}
        wanted -= wides
    return wides, sorted(who for who in people if who in batch.people.by_subject)


def _fold_again(batch: Batch, wides: Iterable[bytes], people: Iterable[str]) -> None:
    entries = [entry for wide in wides for entry in batch.history.get(wide, ())]
    state = refold(entries, batch.purposes.find)
    for wide in wides:
        batch.state.replace_stops(wide, state)
    for who in people:
        batch.state.replace_standings(who, state)


def _tell_facts_again(batch: Batch, subject: str, wides: Iterable[bytes]) -> None:
    """What was said of the person, less what was voided; what was erased is not known any more."""
    entries = not_voided(entry for wide in wides for entry in batch.history.get(wide, ()))
    held: dict[str, Any] = {}
    for entry in sorted(entries, key=lambda entry: entry.seq):
        sealed = batch.evidence.get(entry.seq)
        if entry.action is Action.FACT and entry.subject == subject and sealed is not None:
            said = msgspec.json.decode(batch.vault.unseal(sealed), type=dict[str, Any])
            held = merged_facts(held, said[rows.FACTS])
    batch.facts[subject] = held


def _result(batch: Batch, entry: str, seq: int, target: Entry, reason: str | None) -> Result:
    return Result(
        entry=entry,
        seq=seq,
        wide=target.wide,
        effect=Effect.NONE if reason else Effect.APPLIED,
        reason=reason,
        subject=target.subject,
        known=dossier_of(batch, None, ()),
    )
