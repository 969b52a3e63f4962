"""Decisions as they are written: for a hundred thousand of them every conversion counts."""

from __future__ import annotations

from datetime import datetime

import msgspec

from prefcenter.use_cases.decide_recipients import Answered
from prefcenter.web.api.answers import DecisionOut


class DecisionsWritten(msgspec.Struct):
    """`answers.DecisionsResponse` with the decisions as JSON already."""

    purpose: str
    channel: str
    at: datetime
    rules: str
    cursor: str
    decisions: msgspec.Raw


def decision_out(answered: Answered) -> DecisionOut:
    decision = answered.decision
    return DecisionOut(
        allowed=decision.allowed,
        reason=decision.reason,
        basis=decision.basis,
        proof=decision.proof,
        regime=decision.regime,
        version=decision.version,
        pending_version=decision.pending_version,
        missing=decision.missing,
        since=decision.since,
        until=decision.until,
        entry=decision.entry,
        review_due=decision.review_due,
        matched=answered.matched,
    )
