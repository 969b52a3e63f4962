"""Decisions on people who are alike: whoever differs in nothing that decides gets the same answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from prefcenter.domain.choices import Cause, Proof, Source, Status
from prefcenter.domain.decide import Decision
from prefcenter.domain.standing import Standing, Stop
from prefcenter.domain.turning import Turning
from prefcenter.storage.candidates import Candidate
from prefcenter.storage.everybody import Shape
from prefcenter.storage.fields import EPOCH

Answer = tuple[bool, str]

_MOMENT = timedelta(microseconds=1)


def answer_of(decide: Callable[[Candidate], Decision], candidate: Candidate) -> Answer:
    decision = decide(candidate)
    return decision.allowed, decision.reason


def example_of(shape: Shape, purpose: str, channel: str, turning: Turning) -> Candidate:
    """Somebody of this shape. Its times are others than those of anybody there, between the same two turning
    moments; entries, ids and the number of the yes and the stop matter to no answer but by their order."""
    standing = None
    if shape.status is not None and shape.proof is not None:
        given = _between(turning.given, shape.given) or EPOCH
        standing = Standing(
            "",
            purpose,
            channel,
            Status(shape.status),
            (3 if shape.outlived else 1) if shape.has_seq else None,
            "",
            given,
            given,
            Proof(shape.proof),
            shape.version or 0,
            _between(turning.until, shape.until),
            shape.declined,
            shape.noticed,
            _between(turning.noticed, shape.noticed_at),
        )
    stops: tuple[Stop, ...] = ()
    if shape.cause is not None and shape.channel is not None and shape.purpose is not None:
        cause = Cause(shape.cause)
        stops = (Stop(b"", shape.channel, shape.purpose, cause, Source.SYSTEM, 2, "", EPOCH, EPOCH),)
    return Candidate(standing, stops, shape.facts_body, _between(turning.known, shape.known))


def _between(moments: Sequence[datetime], passed: int | None) -> datetime | None:
    """A time that is not before so many of the moments. None stays None."""
    if passed is None:
        return None
    if passed:
        return moments[passed - 1]
    return moments[0] - _MOMENT if moments else EPOCH
