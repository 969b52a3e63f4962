"""Single questions that wait at the same moment share one statement, as choices share one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from prefcenter.domain.addresses import Fingerprints
from prefcenter.storage.candidates import MOST, Candidate, Matter, head_and_candidates
from prefcenter.storage.database import AnyDatabase

Answer = tuple[int, Sequence[Candidate]]


@dataclass(slots=True)
class _Question:
    addresses: Sequence[Fingerprints]
    matter: Matter
    answer: asyncio.Future[Answer] = field(default_factory=asyncio.Future)


class Lookups:
    """Who is behind a few addresses, for many who ask at once."""

    def __init__(self, database: AnyDatabase) -> None:
        self._database = database
        self._waiting: list[_Question] = []
        self._asker: asyncio.Task[None] | None = None

    async def ask(self, addresses: Sequence[Fingerprints], matter: Matter) -> Answer:
        """The ledger's head as it was before, and the candidates in order.

        At most `candidates.MOST` addresses. Raises StorageUnavailable.
        """
        question = _Question(addresses, matter)
        self._waiting.append(question)
        if self._asker is None:
            self._asker = asyncio.create_task(self._ask_all())
        return await question.answer

    async def _ask_all(self) -> None:
        try:
            while self._waiting:
                # One turn of the loop lets questions that arrived together be asked together.
                await asyncio.sleep(0)
                await self._ask_together(self._next())
        finally:
            self._asker = None
            for question in self._waiting:
                question.answer.cancel()
            self._waiting = []

    def _next(self) -> list[_Question]:
        """Those about the same matter as the first, as many as fit into one statement."""
        first = self._waiting[0]
        room = MOST[self._database.dialect]
        taken, left = [], []
        for question in self._waiting:
            if question.matter == first.matter and (question is first or len(question.addresses) <= room):
                taken.append(question)
                room -= len(question.addresses)
            else:
                left.append(question)
        self._waiting = left
        return taken

    async def _ask_together(self, questions: Sequence[_Question]) -> None:
        first = questions[0]
        addresses = [address for question in questions for address in question.addresses]
        try:
            head, found = await head_and_candidates(self._database, addresses, first.matter)
        except Exception as error:
            for question in questions:
                if not question.answer.done():
                    question.answer.set_exception(error)
            return
        place = 0
        for question in questions:
            end = place + len(question.addresses)
            if not question.answer.done():
                question.answer.set_result((head, found[place:end]))
            place = end
