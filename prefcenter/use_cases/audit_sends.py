"""Sends that are over, run through the decisions of their moments: was anything sent that might not be?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TypeVar

from prefcenter.domain.addresses import Fingerprints, InvalidAddress
from prefcenter.domain.choices import Cause
from prefcenter.domain.decide import Decision
from prefcenter.domain.purposes import Channel
from prefcenter.use_cases.decide_past import decide_then, read_people
from prefcenter.use_cases.decide_recipients import Question
from prefcenter.use_cases.services import Services

#: Reasons that are stops: somebody had said no, or had to be left alone.
STOPPED = frozenset(cause.value for cause in Cause)

#: Sends that are looked into together: memory stays the same however many there are.
_TOGETHER = 1000

_CHANNELS = tuple(channel.value for channel in Channel)

T = TypeVar("T")


class BadSend(ValueError):
    """This is no send. The message names what is wrong with it, and never the address."""


@dataclass(frozen=True, slots=True)
class Send:
    """One message that went out."""

    address: Fingerprints
    question: Question
    sent_at: datetime


def read_send(
    services: Services, *, email: str, purpose: str, channel: str, sent_at: str, now: datetime
) -> Send:
    """A send from the words of a table; `channel` empty: email. Raises BadSend."""
    try:
        address = services.fingerprinter.of_text(email.strip())
    except InvalidAddress as error:
        raise BadSend(f"email: {error}") from error
    if not purpose.strip():
        raise BadSend("purpose: is empty; for what was it sent?")
    channel = channel.strip() or Channel.EMAIL.value
    if channel not in _CHANNELS:
        raise BadSend(f"channel: no such channel; there are {', '.join(_CHANNELS)}")
    return Send(address, Question(purpose=purpose.strip(), channel=channel), _moment(sent_at.strip(), now))


def _moment(text: str, now: datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadSend("sent_at: write a time with its zone, like 2026-11-23T09:30:00+01:00") from error
    if moment > now:
        raise BadSend("sent_at: lies in the future")
    return moment


async def audit(services: Services, sends: Iterable[tuple[T, Send]]) -> AsyncIterator[tuple[T, Decision]]:
    """The decision on each send at its moment, beside what came with it: a stream, in order."""
    taken = iter(sends)
    while part := list(islice(taken, _TOGETHER)):
        past = await read_people(services, [send.address for _, send in part])
        for beside, send in part:
            then = services.catalogs.as_of(send.sent_at)
            yield beside, decide_then(past, send.question, send.address, send.sent_at, then).decision
