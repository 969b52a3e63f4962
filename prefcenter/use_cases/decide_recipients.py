"""May this be sent, to each of these people?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from prefcenter.domain.addresses import Fingerprints, InvalidAddress
from prefcenter.domain.decide import Decision, decide, may_send
from prefcenter.storage.candidates import MOST, NOBODY, Candidate, Matter, candidates, ledger_head
from prefcenter.storage.database import PostgresDatabase
from prefcenter.storage.reading import Person
from prefcenter.storage.sweep import candidates_of_many
from prefcenter.use_cases.ahead import ahead
from prefcenter.use_cases.decide_one import decide_safely
from prefcenter.use_cases.services import Services

#: So many addresses are looked up together with whatever else waits; more make statements of their own.
_FEW = 50
#: So many are joined with whole tables: about where that costs less than looking each of them up.
_MANY = 20_000
#: Decided on in one go, so that a long call holds up nobody's opt-out.
_AT_ONCE = 250


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipient:
    """Exactly one of the three is set."""

    email: str | None = None
    external_id: str | None = None
    id: str | None = None


class Answered(NamedTuple):
    decision: Decision
    matched: str | None = None


INVALID = Decision(allowed=False, reason="invalid_address")
_INVALID = Answered(INVALID)


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What is to be sent. `version`, `recipient`: as `decide` takes them."""

    purpose: str
    channel: str = "email"
    version: int | None = None
    recipient: str | None = None


async def decide_recipients(
    services: Services, question: Question, recipients: Sequence[Recipient], now: datetime
) -> list[Answered]:
    """A decision for each of the people, in order. Nobody is created. Raises StorageUnavailable."""
    people = await find_people(services, recipients)
    return [_answer_for(services, question, person, now) for person in people]


async def decide_addresses(
    services: Services, question: Question, addresses: Sequence[str], now: datetime
) -> tuple[int, list[Answered]]:
    """The ledger's head as it was before, and a decision for each address, in order."""
    if len(addresses) > _FEW:
        head = await ledger_head(services.database)
        if len(addresses) >= _MANY and isinstance(services.database, PostgresDatabase):
            return head, await _decide_many(services, services.database, question, addresses, now)
        return head, [one async for part in decide_stream(services, question, addresses, now) for one in part]
    prints, places = _fingerprints(services, addresses)
    head, found = await services.lookups.ask(prints, matter_of(services, question))
    return head, _in_places(found, places, len(addresses), _answerer(services, question, now))


async def _decide_many(
    services: Services,
    database: PostgresDatabase,
    question: Question,
    addresses: Sequence[str],
    now: datetime,
) -> list[Answered]:
    """By one join. Whoever has several stops, addresses or spellings is looked up again, by themselves."""
    answer = _answerer(services, question, now)
    matter = matter_of(services, question)
    prints, places = _fingerprints(services, addresses)
    found: list[Answered | None] = [None] * len(prints)
    closer: set[int] = set()
    async for part in candidates_of_many(database, prints, matter):
        for number, candidate in part:
            if found[number] is not None:
                closer.add(number)
            found[number] = answer(candidate)
    again = sorted(closer)
    for start in range(0, len(again), MOST["postgres"]):
        some = again[start : start + MOST["postgres"]]
        looked_up = await candidates(database, [prints[number] for number in some], matter)
        for number, candidate in zip(some, looked_up, strict=True):
            found[number] = answer(candidate)
    nobody = answer(NOBODY)
    answers = [_INVALID] * len(addresses)
    for place, one in zip(places, found, strict=True):
        answers[place] = one or nobody
    return answers


async def decide_stream(
    services: Services, question: Question, addresses: Iterable[str], now: datetime
) -> AsyncIterator[list[Answered]]:
    """Decisions for any number of addresses, in order, a part at a time, in constant memory."""
    answer = _answerer(services, question, now)
    matter = matter_of(services, question)

    async def look_up(part: Sequence[str]) -> tuple[Sequence[Candidate], Sequence[int], int]:
        prints, places = _fingerprints(services, part)
        found = await candidates(services.database, prints, matter)
        return found, places, len(part)

    async for found, places, number in ahead(_parts(addresses, MOST[services.database.dialect]), look_up):
        answers = [_INVALID] * number
        for start in range(0, len(found), _AT_ONCE):
            await asyncio.sleep(0)
            end = start + _AT_ONCE
            for place, candidate in zip(places[start:end], found[start:end], strict=True):
                answers[place] = answer(candidate)
        yield answers


def matter_of(services: Services, question: Question) -> Matter:
    purpose = services.catalogs.find(question.purpose)
    return Matter(question.purpose, question.channel, purpose is not None and purpose.is_dated)


def _parts(items: Iterable[str], size: int) -> Iterator[list[str]]:
    left = iter(items)
    while part := list(islice(left, size)):
        yield part


def _fingerprints(services: Services, addresses: Sequence[str]) -> tuple[list[Fingerprints], list[int]]:
    """Of those that are addresses, with their places."""
    found = services.fingerprinter.of_texts(addresses)
    places = [place for place, prints in enumerate(found) if prints is not None]
    return [prints for prints in found if prints is not None], places


def _in_places(
    found: Sequence[Candidate], places: Sequence[int], number: int, answer: Callable[[Candidate], Answered]
) -> list[Answered]:
    answers = [_INVALID] * number
    for place, candidate in zip(places, found, strict=True):
        answers[place] = answer(candidate)
    return answers


def decider(services: Services, question: Question, now: datetime) -> Callable[[Candidate], Decision]:
    """A function from what is known of a recipient to the decision, by what is in force now. Never raises."""
    purpose = services.catalogs.find(question.purpose)
    regimes = services.catalogs.regimes
    channel, version, recipient = question.channel, question.version, question.recipient

    def decide_one(candidate: Candidate) -> Decision:
        facts = candidate.facts()
        return decide(
            purpose,
            channel=channel,
            regime=regimes.of(facts.country),
            standing=candidate.standing,
            stops=candidate.stops,
            now=now,
            facts=facts,
            known_since=candidate.known_since,
            version=version,
            recipient=recipient,
        )

    return lambda candidate: decide_safely(decide_one, candidate)


def _answerer(services: Services, question: Question, now: datetime) -> Callable[[Candidate], Answered]:
    decide_one = decider(services, question, now)
    nobody = Answered(decide_one(NOBODY))

    def answer(candidate: Candidate) -> Answered:
        if candidate is NOBODY:
            return nobody
        return Answered(decide_one(candidate), "spelling" if candidate.spelling else None)

    return answer


def _answer_for(services: Services, question: Question, person: Person | None, now: datetime) -> Answered:
    if person is None:
        return _INVALID
    decision = decide_safely(
        may_send,
        services.catalogs.find(question.purpose),
        question.channel,
        person,
        regimes=services.catalogs.regimes,
        now=now,
        version=question.version,
        recipient=question.recipient,
    )
    return Answered(decision, person.matched)


async def find_people(services: Services, recipients: Sequence[Recipient]) -> list[Person | None]:
    """The person of each recipient, in order; None where the address is none."""
    found: list[Person | None] = [None] * len(recipients)
    by_address: list[tuple[int, Fingerprints]] = []
    by_id: list[tuple[int, str | None]] = []
    externals = {r.external_id for r in recipients if r.external_id is not None}
    subjects = await services.reader.subjects_of(externals) if externals else {}
    for index, recipient in enumerate(recipients):
        if recipient.email is not None:
            try:
                by_address.append((index, services.fingerprinter.of_text(recipient.email)))
            except InvalidAddress:
                continue
        elif recipient.external_id is not None:
            by_id.append((index, subjects.get(recipient.external_id)))
        else:
            by_id.append((index, recipient.id))
    if by_address:
        people = await services.reader.people_at([address for _, address in by_address])
        for (index, _), person in zip(by_address, people, strict=True):
            found[index] = person
    if by_id:
        people = await services.reader.people_named([subject for _, subject in by_id])
        for (index, _), person in zip(by_id, people, strict=True):
            found[index] = person
    return found
