"""Which rows of a list may be sent to: any number, in constant memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime

from prefcenter.domain.turning import turning
from prefcenter.storage.candidates import NOBODY
from prefcenter.storage.database import PostgresDatabase
from prefcenter.storage.everybody import Everybody, everybody, packed, people_about
from prefcenter.use_cases.decide_recipients import INVALID, Question, decide_stream, decider, matter_of
from prefcenter.use_cases.list_blocks import Block, ListRows
from prefcenter.use_cases.services import Services
from prefcenter.use_cases.shapes import Answer, answer_of, example_of

#: Of one block.
_MOST_ROWS = 1_000_000
_MOST_BYTES = 512 * 1024 * 1024
#: Rows read in one go, so that what goes on beside it does.
_AT_ONCE = 1_000

#: All people are gone through for a list of at least so many rows, and of one for so many people: about where
#: that costs no more than looking up each address.
_LONG = 20_000
_PEOPLE_A_ROW = 8


@dataclass(frozen=True, slots=True)
class Answered:
    """A block and the answer for each of its rows: `codes` are places in `answers`."""

    block: Block
    codes: bytes
    answers: list[Answer]

    def pieces(self) -> Iterator[tuple[list[bytes], bytes]]:
        """Rows and their codes, in order, a few at a time."""
        first = 0
        for rows in self.block.pieces():
            yield rows, self.codes[first : first + len(rows)]
            first += len(rows)


async def filter_list(
    services: Services,
    question: Question,
    rows: Iterable[ListRows],
    email_of: Callable[[bytes], str],
    now: datetime,
) -> AsyncGenerator[Answered, None]:
    """Every row with its answer, in order: the next block is read while the database works on this one.

    `email_of` finds the address in the bytes of a row again. To be closed where it is left early. Raises
    StorageUnavailable, and TableError where the disk is full.
    """
    async with AsyncExitStack() as stack:
        filtering = _Filter(services, question, email_of, now, stack)
        pending: asyncio.Task[Answered] | None = None
        try:
            async for block in _blocks(rows, filtering):
                if pending is not None:
                    answered, pending = await pending, None
                    yield answered
                pending = asyncio.create_task(filtering.answered(block))
            if pending is not None:
                yield await pending
        finally:
            if pending is not None and not pending.done():
                pending.cancel()
                await asyncio.wait([pending])


async def _blocks(rows: Iterable[ListRows], filtering: _Filter) -> AsyncIterator[Block]:
    block, since = Block(), 0
    for some in rows:
        if len(block) >= _MOST_ROWS or block.size >= _MOST_BYTES:
            yield block
            block = Block()
        block.add(some, filtering.fingerprinter)
        since += len(some.raws)
        if since >= _AT_ONCE:
            await filtering.saw(since)
            since = 0
    yield block


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


class _Filter:
    def __init__(
        self,
        services: Services,
        question: Question,
        email_of: Callable[[bytes], str],
        now: datetime,
        stack: AsyncExitStack,
    ) -> None:
        self.fingerprinter = services.fingerprinter
        self._services = services
        self._question = question
        self._email_of = email_of
        self._now = now
        self._stack = stack
        self._decide = decider(services, question, now)
        self._turning = turning(services.catalogs.find(question.purpose), services.catalogs.regimes, now)
        self._codes = _Codes()
        self._seen = 0
        self._enough: int | None = None
        self._gathering: asyncio.Task[Everybody] | None = None

    async def saw(self, number: int) -> None:
        """So many rows more were read. Once they are many, all people are gathered meanwhile."""
        await asyncio.sleep(0)
        self._seen += number
        database = self._services.database
        if self._gathering is not None or self._seen < _LONG or not isinstance(database, PostgresDatabase):
            return
        if self._enough is None:
            self._enough = await people_about(database) // _PEOPLE_A_ROW
        if self._seen >= self._enough:
            matter = matter_of(self._services, self._question)
            found = await self._stack.enter_async_context(everybody(database, matter, self._turning))
            self._gathering = asyncio.create_task(_gathered(found))
            self._stack.push_async_callback(_ended, self._gathering)

    async def answered(self, block: Block) -> Answered:
        codes = bytearray([self._codes.of((False, INVALID.reason))]) * len(block)
        closer: Sequence[int] = block.places
        if self._gathering is not None:
            # Made while all people are still being gathered.
            asked = packed(block.addresses())
            closer = await self._by_shape(await self._gathering, block, asked, codes)
        if closer:
            await self._look_closer(block, closer, codes)
        return Answered(block, bytes(codes), self._codes.answers)

    async def _by_shape(
        self, people: Everybody, block: Block, asked: Sequence[bytes], codes: bytearray
    ) -> list[int]:
        """Returns the places of those that take a closer look."""
        nobody = self._codes.of(answer_of(self._decide, NOBODY))
        for place in block.places:
            codes[place] = nobody
        seen = bytearray(len(block))
        closer: set[int] = set()
        async for part in people.alike(asked):
            for places, shape in part:
                if shape.elsewhere:
                    closer.update(places)
                    continue
                example = example_of(shape, self._question.purpose, self._question.channel, self._turning)
                code = self._codes.of(answer_of(self._decide, example))
                for place in places:
                    if seen[place]:
                        closer.add(place)
                    seen[place] = 1
                    codes[place] = code
        return sorted(closer)

    async def _look_closer(self, block: Block, places: Iterable[int], codes: bytearray) -> None:
        """One by one, as the API does."""
        emails = (self._email_of(row) for row in block.rows_at(places))
        left = iter(places)
        async for part in decide_stream(self._services, self._question, emails, self._now):
            for answered in part:
                decision = answered.decision
                codes[next(left)] = self._codes.of((decision.allowed, decision.reason))


async def _gathered(people: Everybody) -> Everybody:
    await people.gather()
    return people


async def _ended(task: asyncio.Task[Everybody]) -> None:
    task.cancel()
    await asyncio.wait([task])
