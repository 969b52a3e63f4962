"""Which rows of a list may be sent to: any number, in blocks, in constant memory."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from prefcenter.domain.addresses import Fingerprints, InvalidAddress
from prefcenter.storage.database import PostgresDatabase
from prefcenter.storage.sweep import SHAPE, sweep
from prefcenter.use_cases.decide_recipients import INVALID, Question, decide_stream, decider, matter_of
from prefcenter.use_cases.services import Services
from prefcenter.use_cases.shapes import Answer, Shapes

#: Rows, and bytes of them, that are joined at a time on PostgreSQL: each join reads whole tables.
_MOST_ROWS = 500_000
_MOST_BYTES = 24 * 1024 * 1024
#: SQLite looks each address up by itself, so a block need not be large.
_MOST_ROWS_SQLITE = 20_000
#: Rows read in one go, so that what goes on beside it does.
_AT_ONCE = 2_000
_PRINT = 16


class ListRow(NamedTuple):
    """`raw`: as it stands in the file."""

    email: str
    raw: bytes


@dataclass(slots=True)
class Block:
    """Some rows of the list: their bytes one after the other, and the fingerprints of the addresses."""

    raw: bytearray = field(default_factory=bytearray)
    ends: array[int] = field(default_factory=lambda: array("Q"))
    prints: bytearray = field(default_factory=bytearray)
    places: array[int] = field(default_factory=lambda: array("I"))

    def add(self, rows: Iterable[ListRow], of_text: Callable[[str], Fingerprints]) -> None:
        raw, ends, prints, places = self.raw, self.ends, self.prints, self.places
        for email, line in rows:
            raw += line
            try:
                narrow, wide = of_text(email)
            except InvalidAddress:
                pass
            else:
                prints += narrow + wide
                places.append(len(ends))
            ends.append(len(raw))

    def rows(self) -> Iterator[bytes]:
        begins = 0
        for end in self.ends:
            yield bytes(self.raw[begins:end])
            begins = end

    def row(self, place: int) -> bytes:
        return bytes(self.raw[self.ends[place - 1] if place else 0 : self.ends[place]])

    def asked(self) -> Iterator[tuple[int, bytes, bytes]]:
        """(place, narrow, wide) of each address."""
        prints = self.prints
        for number, place in enumerate(self.places):
            begins = number * 2 * _PRINT
            pair = bytes(prints[begins : begins + 2 * _PRINT])
            yield place, pair[:_PRINT], pair[_PRINT:]


@dataclass(slots=True)
class Answered:
    """A block and the answer for each of its rows: `codes` are places in `answers`."""

    block: Block
    codes: bytearray
    answers: list[Answer]

    def rows(self) -> Iterator[tuple[bytes, Answer]]:
        answers = self.answers
        for raw, code in zip(self.block.rows(), self.codes, strict=True):
            yield raw, answers[code]


class _Codes:
    """Few different answers, each in a byte."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self._codes: dict[Answer, int] = {}

    def of(self, answer: Answer) -> int:
        code = self._codes.get(answer)
        if code is None:
            code = self._codes[answer] = len(self.answers)
            self.answers.append(answer)
        return code


async def filter_list(
    services: Services,
    question: Question,
    rows: Iterable[ListRow],
    email_of: Callable[[bytes], str],
    now: datetime,
) -> AsyncIterator[Answered]:
    """Every row with its answer, in order: the next block is read while the database joins this one.

    `email_of` finds the address in the bytes of a row again. Raises StorageUnavailable.
    """
    filtering = _Filter(services, question, email_of, now)
    pending: asyncio.Task[Answered] | None = None
    try:
        async for block in _blocks(services, rows):
            following = asyncio.create_task(filtering.answered(block))
            del block
            if pending is not None:
                answered, pending = await pending, None
                yield answered
                del answered
            pending = following
        if pending is not None:
            yield await pending
    finally:
        if pending is not None and not pending.done():
            pending.cancel()
            await asyncio.wait([pending])


async def _blocks(services: Services, rows: Iterable[ListRow]) -> AsyncIterator[Block]:
    most = _MOST_ROWS if services.database.dialect == "postgres" else _MOST_ROWS_SQLITE
    left = iter(rows)
    block = Block()
    while some := list(islice(left, _AT_ONCE)):
        block.add(some, services.fingerprinter.of_text)
        if len(block.ends) >= most or len(block.raw) >= _MOST_BYTES:
            yield block
            block = Block()
        await asyncio.sleep(0)
    if block.ends:
        yield block


class _Filter:
    def __init__(
        self, services: Services, question: Question, email_of: Callable[[bytes], str], now: datetime
    ) -> None:
        self._services = services
        self._question = question
        self._email_of = email_of
        self._now = now

    async def answered(self, block: Block) -> Answered:
        codes = _Codes()
        found = bytearray([codes.of((False, INVALID.reason))]) * len(block.ends)
        database = self._services.database
        if isinstance(database, PostgresDatabase):
            closer = await self._sweep(database, block, codes, found)
        else:
            closer = list(block.places)
        await self._look_closer(block, closer, codes, found)
        return Answered(block, found, codes.answers)

    async def _sweep(
        self, database: PostgresDatabase, block: Block, codes: _Codes, found: bytearray
    ) -> list[int]:
        """The usual rows by their shapes. Returns the places of those that take a closer look."""
        decide = decider(self._services, self._question, self._now)
        shapes = Shapes(decide, self._question.purpose, self._question.channel)
        nobody = codes.of(shapes.nobody())
        for place in block.places:
            found[place] = nobody
        seen = bytearray(len(block.ends))
        closer: set[int] = set()
        answer, code_of = shapes.answer, codes.of
        async for rows in sweep(database, block.asked(), matter_of(self._services, self._question)):
            for row in rows:
                place = row[0]
                # Several people, addresses or stops, or another spelling.
                if seen[place] or row[SHAPE] is False:
                    closer.add(place)
                    continue
                seen[place] = 1
                found[place] = code_of(answer(tuple(row[SHAPE:]), row[1]))
        return sorted(closer)

    async def _look_closer(self, block: Block, places: list[int], codes: _Codes, found: bytearray) -> None:
        """One by one, as the API does."""
        emails = (self._email_of(block.row(place)) for place in places)
        left = iter(places)
        async for part in decide_stream(self._services, self._question, emails, self._now):
            for answered in part:
                decision = answered.decision
                found[next(left)] = codes.of((decision.allowed, decision.reason))
