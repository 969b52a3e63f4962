"""The words of an explanation: the answer, what it rests on, and the entries that decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from prefcenter.domain.choices import Action
from prefcenter.domain.decide import Decision, Dossier
from prefcenter.domain.endings import ends_at, review_at
from prefcenter.domain.plain_words import because, missing_in_words
from prefcenter.domain.purposes import Purpose
from prefcenter.domain.regimes import STRICT, Regime
from prefcenter.storage.in_force import InForce
from prefcenter.storage.reading import HistoryItem
from prefcenter.storage.rows import FACTS

#: Where no choice decides, the fact that does.
_BY_FACT = {
    "soft_opt_in": "relationship",
    "implied_consent": "relationship",
    "no_relationship": "relationship",
    "expired": "relationship",
    "opt_out_regime": "country",
    "minor": "age_band",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A question and its answer. `moment`: what the question is about; `past`: that is not now.

    `known`, `history` None: what is kept of them cannot be read.
    """

    key: str
    channel: str
    purpose: Purpose | None
    decision: Decision
    known: Dossier | None
    matched: str | None
    in_force: InForce
    moment: datetime
    past: bool
    history: Sequence[HistoryItem] | None


def explanation(case: Case) -> str:
    """A few lines; the first one begins with Yes or No, and the entry that decides has an arrow."""
    return "\n".join([*_answer(case), *_grounds(case), *_entries(case)])


def _answer(case: Case) -> Iterator[str]:
    title = f"'{case.purpose.title}' ({case.key})" if case.purpose else f"'{case.key}'"
    allowed = case.decision.allowed
    if case.past:
        could = "could" if allowed else "could not"
        sent = f"{could} be sent at {_time(case.moment)}, as known and in force then"
    else:
        sent = f"{'may' if allowed else 'may not'} be sent"
    yield f"{'Yes' if allowed else 'No'}: {title} {sent}."
    yield f"Because {because(case.decision)} ({case.decision.reason})."
    if case.decision.missing:
        yield "Missing:"
        yield from (f"  {one}: {missing_in_words(one)}" for one in case.decision.missing)


def _grounds(case: Case) -> Iterator[str]:
    """Basis, proof, version, ends, rules."""
    decision, known = case.decision, case.known
    if known is None:
        return
    if decision.basis:
        proof = f", proof: {decision.proof}" if decision.proof else ""
        yield f"Lawful basis: {decision.basis}{proof}."
    if decision.version is not None:
        yield f"It holds for version {decision.version} of the purpose."
    if decision.pending_version is not None:
        yield f"Version {decision.pending_version} is pending: they have not said yes to what it changes."
    if decision.until is not None:
        yield f"That ends at {_time(decision.until)}."
    regime = case.in_force.regimes.of(known.facts.country)
    if decision.allowed and case.purpose is not None:
        yield from _ends(case, case.purpose, known, regime)
    yield f"Rules: {_rules(regime, known.facts.country)}."
    if case.matched:
        yield "The address is known in another spelling."


def _ends(case: Case, purpose: Purpose, known: Dossier, regime: Regime) -> Iterator[str]:
    asked = (case.decision, purpose, case.channel, known, regime, case.moment)
    ends, review = ends_at(*asked), review_at(*asked)
    if ends is not None:
        yield f"It expires at {_time(ends)}."
    if review is not None:
        yield f"A review {'is' if case.decision.review_due else 'will be'} due from {_time(review)} on."


def _rules(regime: Regime, country: str | None) -> str:
    row = f"{regime.title or regime.name} ({regime.name})"
    if country is None:
        return f"{row}, as no country is known of them"
    if regime.name == STRICT:
        return f"{row}, as there are none for {country}"
    return row if regime.name == country else f"{row}, which count for {country}"


def _entries(case: Case) -> Iterator[str]:
    if case.history is None:
        yield "Something that is kept of this address cannot be read; `prefcenter verify` checks the ledger."
        return
    has = "had" if case.past else "has"
    if not case.history:
        yield f"The ledger {has} nothing on this address."
        return
    decides = _deciding(case.decision, case.history)
    yield f"What the ledger {has}:"
    for item in case.history:
        yield _line(item, "→" if item.entry.seq == decides else " ")


def _deciding(decision: Decision, history: Sequence[HistoryItem]) -> int | None:
    """The `seq` of the entry that decides: a choice, or else the newest word on the fact that does."""
    if decision.entry is not None:
        return next((item.entry.seq for item in history if item.entry.entry == decision.entry), None)
    told = _BY_FACT.get(decision.reason, "")
    facts = [item for item in history if item.entry.action is Action.FACT]
    return next((item.entry.seq for item in reversed(facts) if told in _facts_in(item)), None)


def _facts_in(item: HistoryItem) -> Sequence[str]:
    return list((item.evidence or {}).get(FACTS, ()))


def _line(item: HistoryItem, mark: str) -> str:
    entry = item.entry
    evidence = item.evidence or {}
    effect = "" if entry.effect == "applied" else f" [{entry.effect}: {entry.reason}]"
    told = (evidence.get(name) for name in ("reason", "campaign", "source", "method"))
    said = next((one for one in told if one and one != entry.source), "") or ", ".join(_facts_in(item))
    what = f"{entry.action} {entry.purpose} by {entry.source}{effect} {said}".rstrip()
    return f"{mark} {_time(entry.recorded_at)}  #{entry.seq} {what}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
