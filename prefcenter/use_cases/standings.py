"""How a person stands on each purpose, in the words of the API and the pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from prefcenter.domain.decide import may_send
from prefcenter.domain.facts import NO_FACTS, Facts
from prefcenter.domain.purposes import Purpose
from prefcenter.domain.standing import Standing, StandingKey, Stop
from prefcenter.domain.status import status_of


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


def standing_on(
    purpose: Purpose,
    channel: str,
    standings: Mapping[StandingKey, Standing],
    stops: Iterable[Stop],
    facts: Facts = NO_FACTS,
    *,
    now: datetime,
) -> PurposeStanding:
    decision = may_send(purpose, channel, standings, stops, facts, now=now)
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
    )


def all_standings(
    purposes: Iterable[Purpose],
    standings: Mapping[StandingKey, Standing],
    stops: Iterable[Stop],
    facts: Facts = NO_FACTS,
    *,
    now: datetime,
) -> list[PurposeStanding]:
    stops = list(stops)
    return [
        standing_on(purpose, channel, standings, stops, facts, now=now)
        for purpose in purposes
        for channel in purpose.channels
    ]
