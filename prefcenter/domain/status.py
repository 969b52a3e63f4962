"""Decisions in the status words of W3C DPV 2.3."""

from __future__ import annotations

from prefcenter.domain.choices import Status
from prefcenter.domain.decide import Decision
from prefcenter.domain.purposes import Basis

_BY_REASON = {
    "consent": Status.GIVEN,
    "soft_opt_in": Status.NOT_OBJECTED,
    "implied_consent": Status.NOT_OBJECTED,
    "opt_out_regime": Status.NOT_OBJECTED,
    "never_asked": Status.UNKNOWN,
    "unknown_purpose": Status.UNKNOWN,
    "no_relationship": Status.UNKNOWN,
    "choice_pending": Status.UNINFORMED,
    "requested": Status.REQUESTED,
    "deferred": Status.DEFERRED,
    "invalidated": Status.INVALIDATED,
    "minor": Status.INVALIDATED,
    "expired": Status.EXPIRED,
    "refused": Status.REFUSED,
    "objected": Status.OBJECTED,
}


def status_of(decision: Decision) -> str | None:
    """The DPV term for a decision; None where there is nothing to consent or object to (contract)."""
    if decision.reason in ("contract", "legal_obligation", "vital_interest"):
        return None
    if decision.reason == "not_in_force":
        # They said yes, or had notice, and it is yet to begin.
        return (Status.INFORMED if decision.basis == Basis.LEGITIMATE_INTEREST else Status.GIVEN).value
    known = _BY_REASON.get(decision.reason)
    if known is not None:
        return known.value
    if decision.basis == Basis.LEGITIMATE_INTEREST:
        return Status.OBJECTED.value
    return Status.WITHDRAWN.value
