"""`POST /v1/decisions`: may this be sent, to one person or a hundred thousand?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from prefcenter.storage.keys import Key
from prefcenter.use_cases.decide_past import cursor_at, decide_past
from prefcenter.use_cases.decide_recipients import (
    Answered,
    Question,
    Recipient,
    decide_addresses,
    decide_recipients,
)
from prefcenter.use_cases.refusals import ItemError, Refused
from prefcenter.use_cases.services import Services
from prefcenter.web.api.answers import DecisionsResponse
from prefcenter.web.api.decoding import decode
from prefcenter.web.api.types import DecisionsRequest, RecipientIn
from prefcenter.web.api.written import DecisionsWritten, decision_out
from prefcenter.web.state import web_of

#: Recipients by id that are worked on at a time, and answers that are written at a time: a long call holds up
#: nobody's opt-out.
CHUNK = 500

T = TypeVar("T")
_json = msgspec.json.Encoder()


async def post_decisions(request: Request, _: Key) -> Response:
    web = web_of(request)
    services, now = web.services, web.now()
    wanted, _body = await decode(request, DecisionsRequest)
    question = Question(
        purpose=wanted.purpose,
        channel=wanted.channel,
        version=_given(wanted.version),
        recipient=_given(wanted.recipient),
    )
    if not isinstance(wanted.at, UnsetType):
        past = await _past(services, question, wanted.recipients, wanted.at, now)
        return Response(_json.encode(past), media_type="application/json")
    rules = services.catalogs.in_force.rules
    emails = _emails(wanted.recipients)
    if emails is not None:
        cursor, answers = await decide_addresses(services, question, emails, now)
    else:
        cursor = await services.reader.head()
        answers = await _by_any_name(services, question, wanted.recipients, now)
    response = DecisionsWritten(
        purpose=wanted.purpose,
        channel=wanted.channel,
        at=now,
        rules=rules,
        cursor=str(cursor),
        decisions=msgspec.Raw(await _written(answers)),
    )
    return Response(_json.encode(response), media_type="application/json")


async def _past(
    services: Services, question: Question, recipients: Sequence[RecipientIn], at: datetime, now: datetime
) -> DecisionsResponse:
    """What could be sent at a moment that is past. Raises Refused for one in the future."""
    # Another process may have applied something since we looked, and this answer is to be the same for good.
    await services.catalogs.refresh()
    wanted = [_recipient(index, one) for index, one in enumerate(recipients)]
    answers = decide_past(services, question, wanted, at, now=now)
    return DecisionsResponse(
        purpose=question.purpose,
        channel=question.channel,
        at=at.astimezone(UTC),
        rules=services.catalogs.as_of(at).rules,
        cursor=str(await cursor_at(services, at)),
        decisions=[decision_out(answer) async for answer in answers],
    )


def _emails(recipients: Sequence[RecipientIn]) -> list[str] | None:
    """Their addresses, where each is named by its address alone: the usual case, and the fast one."""
    emails = []
    for one in recipients:
        if one.email is UNSET or one.external_id is not UNSET or one.id is not UNSET:
            return None
        emails.append(one.email)
    return emails


async def _by_any_name(
    services: Services, question: Question, recipients: Sequence[RecipientIn], now: datetime
) -> list[Answered]:
    wanted = [_recipient(index, one) for index, one in enumerate(recipients)]
    answers: list[Answered] = []
    for start in range(0, len(wanted), CHUNK):
        answers += await decide_recipients(services, question, wanted[start : start + CHUNK], now)
        await asyncio.sleep(0)
    return answers


def _recipient(index: int, given: RecipientIn) -> Recipient:
    said = msgspec.to_builtins(given)
    if len(said) != 1:
        raise Refused([ItemError(index, "recipient", "name exactly one of email, external_id and id")])
    return Recipient(**said)


async def _written(answers: Sequence[Answered]) -> bytes:
    """The answers as a JSON array, a part at a time."""
    parts = []
    for start in range(0, len(answers), CHUNK):
        if start:
            await asyncio.sleep(0)
        parts.append(_json.encode([decision_out(one) for one in answers[start : start + CHUNK]])[1:-1])
    return b"[" + b",".join(parts) + b"]"


def _given(value: T | UnsetType) -> T | None:
    return None if isinstance(value, UnsetType) else value
