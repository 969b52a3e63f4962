"""The answer to "may I send?": one pure function for one recipient or a million."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from prefcenter.domain.choices import Cause, Proof, Status
from prefcenter.domain.facts import NO_FACTS, Facts, OptOutOffered
from prefcenter.domain.purposes import Basis, Purpose
from prefcenter.domain.regimes import Regime, regime_of
from prefcenter.domain.standing import VALID, Standing, StandingKey, Stop, covers, outlives

#: Precedence of reasons (docs/rules.md): a lower rank speaks first.
RANK: dict[Cause, int] = {
    Cause.ERASED: 1,
    Cause.BOUNCED: 2,
    Cause.COMPLAINED: 3,
    Cause.ALL_MARKETING: 4,
    Cause.OBJECTED: 5,
    Cause.WITHDRAWN: 5,
    Cause.REFUSED: 5,
    Cause.SIGNAL: 6,
}

#: Whoever may be mailed without a choice, and the reason that says so.
_WITHOUT_CHOICE = {
    Basis.CONTRACT: "contract",
    Basis.LEGAL_OBLIGATION: "legal_obligation",
    Basis.VITAL_INTEREST: "vital_interest",
}

_NOT_VALID = {
    Status.REQUESTED: "requested",
    Status.DEFERRED: "deferred",
    Status.INVALIDATED: "invalidated",
    Status.EXPIRED: "expired",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """`since` and `entry` name the moment and the ledger entry that decide, where there is one."""

    allowed: bool
    reason: str
    regime: str | None = None
    basis: str | None = None
    proof: Proof | None = None
    version: int | None = None
    since: datetime | None = None
    entry: str | None = None
    until: datetime | None = None
    missing: tuple[str, ...] = ()
    pending_version: int | None = None


def decide(
    purpose: Purpose | None,
    *,
    channel: str,
    regime: Regime,
    standing: Standing | None,
    stops: Iterable[Stop],
    now: datetime,
    facts: Facts = NO_FACTS,
    version: int | None = None,
    recipient: str | None = None,
) -> Decision:
    """Say whether a message of this purpose may be sent on this channel.

    `stops` are those of every address of the person; the ones that do not cover the purpose are passed over.
    `version`, `recipient`: what is to be sent is of this version, or goes to this third party: nobody agreed
    to what they were not shown.
    """
    held = _decide(purpose, channel, regime, standing, stops, now, facts)
    if not held.allowed or purpose is None:
        return held
    newer = version is not None and version > (held.version or 1)
    undisclosed = recipient is not None and recipient not in purpose.recipients
    if newer or undisclosed:
        return replace(held, allowed=False, reason="choice_pending", pending_version=purpose.version)
    return held


def may_send(
    purpose: Purpose | None,
    channel: str,
    standings: Mapping[StandingKey, Standing],
    stops: Iterable[Stop],
    facts: Facts = NO_FACTS,
    *,
    now: datetime,
    version: int | None = None,
    recipient: str | None = None,
) -> Decision:
    """`decide` for a person with all that is known of them, under the regime that their facts ask for."""
    return decide(
        purpose,
        channel=channel,
        regime=regime_of(facts),
        standing=standings.get((purpose.key, channel)) if purpose else None,
        stops=stops,
        now=now,
        facts=facts,
        version=version,
        recipient=recipient,
    )


def _decide(
    purpose: Purpose | None,
    channel: str,
    regime: Regime,
    standing: Standing | None,
    stops: Iterable[Stop],
    now: datetime,
    facts: Facts,
) -> Decision:
    if purpose is None or purpose.retired or channel not in purpose.channels:
        return Decision(allowed=False, reason="unknown_purpose", regime=regime.name)
    stop = _first_stop(purpose, channel, standing, stops)
    if stop is not None:
        return Decision(
            allowed=False,
            reason=stop.cause.value,
            regime=regime.name,
            basis=purpose.basis,
            since=stop.recorded_at,
            entry=stop.entry,
        )
    if purpose.basis in _WITHOUT_CHOICE:
        reason = _WITHOUT_CHOICE[Basis(purpose.basis)]
        return Decision(allowed=True, reason=reason, regime=regime.name, basis=purpose.basis)
    if purpose.is_marketing and facts.age_band in regime.digital_age_bands:
        return Decision(allowed=False, reason="minor", regime=regime.name, basis=purpose.basis)
    if standing is not None and standing.until is not None and standing.until > now:
        return _held(purpose, regime, standing, allowed=False, reason="deferred")
    if standing is not None and standing.status in VALID:
        return _consented(purpose, regime, standing)
    if purpose.basis == Basis.LEGITIMATE_INTEREST:
        return _soft_opt_in(purpose, regime, facts, now)
    if standing is None or (standing.status is Status.DEFERRED and standing.until is not None):
        # A pause that ran out leaves whoever never answered where they were.
        return Decision(allowed=False, reason="never_asked", regime=regime.name, basis=Basis.CONSENT)
    return _held(purpose, regime, standing, allowed=False, reason=_NOT_VALID[standing.status])


def _first_stop(
    purpose: Purpose, channel: str, standing: Standing | None, stops: Iterable[Stop]
) -> Stop | None:
    standing_stops = [
        stop
        for stop in stops
        if covers(stop, purpose, channel) and _blocks(stop, purpose) and not outlives(standing, stop)
    ]
    return min(standing_stops, key=lambda stop: (RANK[stop.cause], -stop.seq), default=None)


def _blocks(stop: Stop, purpose: Purpose) -> bool:
    """Contract and legal obligation look at bounces only; erasure leaves them as well."""
    if purpose.is_a_choice:
        return True
    if purpose.basis == Basis.VITAL_INTEREST:
        return stop.cause in (Cause.BOUNCED, Cause.ERASED)
    return stop.cause is Cause.BOUNCED


def _consented(purpose: Purpose, regime: Regime, standing: Standing) -> Decision:
    if purpose.require_proof is not None and not _as_strong(standing.proof, purpose.require_proof):
        missing = (f"proof:{purpose.require_proof}",)
        return _held(purpose, regime, standing, allowed=False, reason="requested", missing=missing)
    return _held(purpose, regime, standing, allowed=True, reason="consent")


def _as_strong(proof: Proof, wanted: str) -> bool:
    strongest_first = list(Proof)
    return strongest_first.index(proof) <= strongest_first.index(Proof(wanted))


def _held(
    purpose: Purpose,
    regime: Regime,
    standing: Standing,
    *,
    allowed: bool,
    reason: str,
    missing: tuple[str, ...] = (),
) -> Decision:
    return Decision(
        allowed=allowed,
        reason=reason,
        regime=regime.name,
        basis=Basis.CONSENT,
        proof=standing.proof if standing.status in VALID else None,
        version=standing.version if standing.status in VALID else None,
        since=standing.at,
        entry=standing.entry,
        until=standing.until if reason == "deferred" else None,
        missing=missing,
    )


def _soft_opt_in(purpose: Purpose, regime: Regime, facts: Facts, now: datetime) -> Decision:
    missing = tuple(_missing_for_soft_opt_in(purpose, regime, facts, now))
    if missing:
        return Decision(
            allowed=False,
            reason="no_relationship",
            regime=regime.name,
            basis=Basis.LEGITIMATE_INTEREST,
            missing=missing,
        )
    assert facts.relationship is not None
    return Decision(
        allowed=True,
        reason="soft_opt_in",
        regime=regime.name,
        basis=Basis.LEGITIMATE_INTEREST,
        since=facts.relationship.since,
    )


def _missing_for_soft_opt_in(purpose: Purpose, regime: Regime, facts: Facts, now: datetime) -> Iterable[str]:
    """The conditions of ePrivacy Art. 13(2) that are not shown to be met."""
    relationship = facts.relationship
    if relationship is not None and relationship.since > now:
        relationship = None
    if relationship is None or relationship.kind not in regime.soft_opt_in:
        yield "relationship"
    if not purpose.similar_to_purchase:
        yield "similar_to_purchase"
    offered = relationship.opt_out_offered if relationship is not None else None
    if isinstance(offered, OptOutOffered) and offered.at <= now and offered.wording.strip():
        return
    declared = purpose.soft_opt_in
    if (
        offered is False
        or declared is None
        or relationship is None
        or relationship.since.date() < declared.offered_since
    ):
        yield "opt_out_offered"
