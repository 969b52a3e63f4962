"""A decision in plain words, with the entries that decide."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from prefcenter.domain.decide import Decision, may_send
from prefcenter.domain.purposes import Purpose
from prefcenter.storage.reading import HistoryItem
from prefcenter.use_cases.services import Services

CHANNEL = "email"

#: Every reason of a decision, as a sentence.
REASONS = {
    "consent": "they said yes",
    "soft_opt_in": "they are a customer, were offered a way to say no, and did not object",
    "implied_consent": "their consent is implied by a relationship",
    "opt_out_regime": "where they live, mail may be sent until they object",
    "contract": "it is needed for a contract with them",
    "legal_obligation": "the law requires it",
    "vital_interest": "somebody's life may depend on it",
    "unknown_purpose": "no such purpose is in the catalog in force, or not on this channel",
    "invalid_address": "that is not an address",
    "never_asked": "they were never asked, and silence is no",
    "requested": "they were asked and have not confirmed it yet",
    "refused": "they said no",
    "deferred": "they paused it, or answered 'not now'",
    "withdrawn": "they said yes once and took it back",
    "objected": "they objected",
    "expired": "their yes has run out",
    "invalidated": "their yes was struck out: it does not count",
    "choice_pending": "it was changed since they agreed, and they have not answered",
    "not_in_force": "the notice that it needs is not in force yet",
    "all_marketing_stopped": "they stopped all marketing",
    "complained": "they reported mail as spam",
    "bounced": "mail to the address comes back",
    "erased": "they had their data erased",
    "no_relationship": "nothing shows the relationship that it needs",
    "minor": "they are too young to say yes themselves",
    "signal": "their browser sent an opt-out signal (GPC)",
    "error": "something went wrong, and then the answer is no",
}


async def explain(services: Services, email: str, purpose_key: str, *, now: datetime) -> str:
    """Raises InvalidAddress."""
    fingerprints = services.fingerprinter.of_text(email)
    person = (await services.reader.people_at([fingerprints]))[0]
    purpose = services.catalogs.find(purpose_key)
    decision = may_send(purpose, CHANNEL, person.standings, person.stops, person.facts, now=now)
    wides = {fingerprints.wide} | {contact.wide for contact in person.contacts}
    history = await services.reader.history(wides, person.subject)
    return "\n".join(_lines(purpose_key, purpose, decision, history, person.matched))


def _lines(
    key: str, purpose: Purpose | None, decision: Decision, history: list[HistoryItem], matched: str | None
) -> Iterator[str]:
    title = f"'{purpose.title}' ({key})" if purpose else f"'{key}'"
    answer, may = ("Yes", "may") if decision.allowed else ("No", "may not")
    yield f"{answer}: {title} {may} be sent."
    yield f"Because {REASONS[decision.reason]} ({decision.reason})."
    if decision.missing:
        yield f"Missing: {', '.join(decision.missing)}."
    if decision.basis:
        proof = f", proof: {decision.proof}" if decision.proof else ""
        yield f"Lawful basis: {decision.basis}{proof}. Rules: {decision.regime}."
    if matched:
        yield "The address is known in another spelling."
    if not history:
        yield "The ledger has nothing on this address."
        return
    yield "What the ledger has:"
    for item in history:
        entry = item.entry
        mark = "→" if entry.entry == decision.entry else " "
        effect = "" if entry.effect == "applied" else f" [{entry.effect}: {entry.reason}]"
        evidence = item.evidence or {}
        said = evidence.get("reason") or evidence.get("campaign") or evidence.get("method") or ""
        yield (
            f"{mark} {entry.recorded_at:%Y-%m-%d %H:%M:%S} UTC  #{entry.seq} {entry.action} {entry.purpose}"
            f" by {entry.source}{effect} {said}".rstrip()
        )
