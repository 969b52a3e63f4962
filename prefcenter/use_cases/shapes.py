"""Decisions on rows that look alike: whoever differs in nothing that decides gets the same answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from prefcenter.domain.choices import Cause, Proof, Source, Status
from prefcenter.domain.decide import Decision
from prefcenter.domain.standing import Standing, Stop
from prefcenter.storage.candidates import NOBODY, Candidate
from prefcenter.storage.fields import EPOCH, from_micros
from prefcenter.storage.sweep import DAYS_BEFORE_1970

Shape = tuple[Any, ...]
Answer = tuple[bool, str]

_DAY = timedelta(days=1)
_MOMENT = timedelta(microseconds=1)
#: More shapes than this are forgotten and learnt again: memory stays bounded where everybody differs.
_MOST = 200_000


class Shapes:
    """Answers by shape: the columns of `storage.sweep` from `SHAPE` on.

    A shape has the day of the yes, not its moment. Everything else being equal, an answer changes at most
    once as that moment grows, when the yes stops being too old. So what is the same for the day's first
    and last moment is the same for the whole day; where it is not, each row is decided by itself.
    """

    def __init__(self, decide: Callable[[Candidate], Decision], purpose: str, channel: str) -> None:
        self._decide = decide
        self._purpose = purpose
        self._channel = channel
        self._known: dict[Shape, Answer | None] = {}

    def nobody(self) -> Answer:
        """For an address that nothing is known of."""
        decision = self._decide(NOBODY)
        return decision.allowed, decision.reason

    def answer(self, shape: Shape, at: int | None) -> Answer:
        """`at`: the moment of the yes, in microseconds since 1970."""
        try:
            known = self._known[shape]
        except KeyError:
            if len(self._known) >= _MOST:
                self._known.clear()
            known = self._known[shape] = self._for_the_day(shape)
        return known if known is not None else self._answer(shape, None if at is None else from_micros(at))

    def _for_the_day(self, shape: Shape) -> Answer | None:
        day = shape[11]
        if day is None:
            return self._answer(shape, None)
        first = EPOCH + (day - DAYS_BEFORE_1970) * _DAY
        begins, ends = self._answer(shape, first), self._answer(shape, first + _DAY - _MOMENT)
        return begins if begins == ends else None

    def _answer(self, shape: Shape, at: datetime | None) -> Answer:
        decision = self._decide(self._candidate(shape, at))
        return decision.allowed, decision.reason

    def _candidate(self, shape: Shape, at: datetime | None) -> Candidate:
        _, body, since, status, proof, version, until, declined, noticed, noticed_at, has_seq, *rest = shape
        _, cause, purpose, channel, outlived = rest
        standing = None
        if status is not None and at is not None:
            standing = Standing(
                "",
                self._purpose,
                self._channel,
                Status(status),
                (3 if outlived else 1) if has_seq else None,
                "",
                at,
                at,
                Proof(proof),
                version,
                _moment(until),
                declined,
                noticed,
                _moment(noticed_at),
            )
        stops: tuple[Stop, ...] = ()
        if cause is not None:
            stops = (Stop(b"", channel, purpose, Cause(cause), Source.SYSTEM, 2, "", EPOCH, EPOCH),)
        return Candidate(standing, stops, body, _moment(since))


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
