"""`/v1/decisions` with `at`: what could be sent at a moment that is past."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import UNSET

from prefcenter.use_cases.decide_past import cursor_at, decide_past
from prefcenter.use_cases.decide_recipients import Question, Recipient
from prefcenter.use_cases.services import Services
from prefcenter.web.api.answers import DecisionsResponse
from prefcenter.web.api.types import DecisionsRequest
from prefcenter.web.api.written import decision_out


async def past_decisions(
    services: Services,
    wanted: DecisionsRequest,
    recipients: Sequence[Recipient],
    *,
    at: datetime,
    now: datetime,
) -> DecisionsResponse:
    """Raises Refused for a moment in the future."""
    # Another process may have applied something since we looked, and this answer is to be the same for good.
    await services.catalogs.refresh()
    question = Question(
        purpose=wanted.purpose,
        channel=wanted.channel,
        version=None if wanted.version is UNSET else wanted.version,
        recipient=None if wanted.recipient is UNSET else wanted.recipient,
    )
    answers = decide_past(services, question, recipients, at, now=now)
    return DecisionsResponse(
        purpose=wanted.purpose,
        channel=wanted.channel,
        at=at.astimezone(UTC),
        rules=services.catalogs.as_of(at).rules,
        cursor=str(await cursor_at(services, at)),
        decisions=[decision_out(answer) async for answer in answers],
    )
