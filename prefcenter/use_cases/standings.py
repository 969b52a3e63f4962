"""How a person stands on each purpose, in the words of the API and the pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from prefcenter.domain.decide import Dossier, may_send
from prefcenter.domain.plain_words import in_words
from prefcenter.domain.purposes import Purpose
from prefcenter.domain.regimes import Regimes
from prefcenter.domain.status import status_of
from prefcenter.use_cases.decide_one import decide_safely


@dataclass(frozen=True, kw_only=True, slots=True)
class PurposeStanding:
    """`status` is a W3C DPV term, None where there is nothing to consent to."""

    purpose: str
    channel: str
    status: str | None
    allowed: bool
    reason: str
    basis: str | None = None
    proof: str | None = None
    version: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    entry: str | None = None
    missing: tuple[str, ...] = ()
    pending_version: int | None = None
    review_due: bool = False
    explanation: str = ""


def standing_on(
    purpose: Purpose,
    channel: str,
    known: Dossier,
    *,
    regimes: Regimes,
    now: datetime,
) -> PurposeStanding:
    decision = decide_safely(may_send, purpose, channel, known, regimes=regimes, now=now)
    return PurposeStanding(
        purpose=purpose.key,
        channel=channel,
        status=status_of(decision),
        allowed=decision.allowed,
        reason=decision.reason,
        basis=decision.basis,
        proof=decision.proof,
        version=decision.version,
        since=decision.since,
        until=decision.until,
        entry=decision.entry,
        missing=decision.missing,
        pending_version=decision.pending_version,
        review_due=decision.review_due,
        explanation=in_words(decision),
    )


def all_standings(
    purposes: Iterable[Purpose],
    known: Dossier,
    *,
    regimes: Regimes,
    now: datetime,
) -> list[PurposeStanding]:
    return [
        standing_on(purpose, channel, known, regimes=regimes, now=now)
        for purpose in purposes
        for channel in purpose.channels
    ]
