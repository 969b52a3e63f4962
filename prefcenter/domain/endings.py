"""When an answer ends by itself, as things stand: what `decide` counts on, told to whoever asks why."""

from __future__ import annotations

from datetime import datetime

from prefcenter.domain.decide import Decision, Dossier, expires_at, months_after
from prefcenter.domain.interest import runs_out
from prefcenter.domain.purposes import Purpose
from prefcenter.domain.regimes import Regime


def ends_at(
    decision: Decision, purpose: Purpose, channel: str, known: Dossier, regime: Regime, now: datetime
) -> datetime | None:
    """When a yes, or the relationship that stands in for one, runs out; None: not by itself."""
    facts, relationship = known.facts, known.facts.relationship
    if decision.reason == "consent":
        return expires_at(known.standings[purpose.key, channel], regime, facts, now)
    cell = regime.cell(channel, facts.subscriber)
    kinds = {"soft_opt_in": cell.soft_opt_in, "implied_consent": cell.implied}.get(decision.reason, {})
    if relationship is None or relationship.kind not in kinds:
        return None
    return runs_out(relationship, kinds[relationship.kind])


def review_at(
    decision: Decision, purpose: Purpose, channel: str, known: Dossier, regime: Regime, now: datetime
) -> datetime | None:
    """When somebody should look at a yes again; None: never."""
    if decision.reason != "consent":
        return None
    return months_after(regime.review_due, known.standings[purpose.key, channel], known.facts, now)
