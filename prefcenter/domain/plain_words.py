"""Decisions in plain words, for whoever asks why: the command line and the API say the same."""

from __future__ import annotations

from prefcenter.domain.decide import Decision
from prefcenter.domain.purposes import Basis

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

#: Where nobody said yes, a reason may mean another thing.
_WITHOUT_A_YES = {
    "expired": "the relationship that stood in for a yes has run out",
    "choice_pending": "it is newer than our data on them, and they had no notice of it with time to object",
}

#: Each thing that is missing, and what would be there if it were not.
MISSING = {
    "relationship": "a relationship that the rules accept in place of a yes, such as a purchase",
    "similar_to_purchase": "goods like those they bought, and a catalog that says so (similar_to_purchase)",
    "opt_out_offered": "a way to say no, offered to them as their address was collected",
    "regime": "rules that allow it without a yes; where they live, or as that is unknown, they do not",
}


def because(decision: Decision) -> str:
    """Why, as half a sentence."""
    if decision.basis == Basis.LEGITIMATE_INTEREST and decision.reason in _WITHOUT_A_YES:
        return _WITHOUT_A_YES[decision.reason]
    if decision.reason == "requested" and decision.missing:
        return "they said yes, but it is not proved well enough"
    return REASONS[decision.reason]


def missing_in_words(missing: str) -> str:
    """What one word of `Decision.missing` stands for."""
    kind, _, wanted = missing.partition(":")
    return f"a yes that is proved as well as '{wanted}' is" if kind == "proof" else MISSING[missing]


def in_words(decision: Decision) -> str:
    """The whole decision in a sentence or two."""
    said = [f"It {'may' if decision.allowed else 'may not'} be sent: {because(decision)}."]
    if decision.until is not None:
        said.append(f"That ends at {decision.until:%Y-%m-%d %H:%M} UTC.")
    if decision.missing:
        said.append(f"Missing: {'; '.join(missing_in_words(one) for one in decision.missing)}.")
    if decision.pending_version is not None:
        said.append(f"Version {decision.pending_version} waits for their answer.")
    if decision.review_due:
        said.append("Their yes is so old that somebody should look at it.")
    return " ".join(said)
