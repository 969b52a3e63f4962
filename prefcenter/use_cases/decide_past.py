"""Could this have been sent, at that moment? As then known, by the catalog and the rules of that day."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime

from prefcenter.domain.addresses import Fingerprints, InvalidAddress
from prefcenter.domain.decide import Decision, may_send
from prefcenter.storage.in_force import InForce
from prefcenter.storage.past import Past, PersonThen
from prefcenter.storage.past_entries import head_at, read_past
from prefcenter.use_cases.decide_one import decide_safely
from prefcenter.use_cases.decide_recipients import INVALID, Answered, Question, Recipient
from prefcenter.use_cases.refusals import ItemError, Refused
from prefcenter.use_cases.services import Services

#: People read at a time: memory stays the same however many are asked about.
CHUNK = 500
#: People decided on in one go: nobody's opt-out waits longer.
_AT_ONCE = 50

#: Whom a decision is about: an address, or the id of a person.
Who = Fingerprints | str

#: An id that nobody has.
NOBODY = ""


async def decide_past(
    services: Services,
    question: Question,
    recipients: Sequence[Recipient],
    at: datetime,
    *,
    now: datetime,
) -> AsyncIterator[Answered]:
    """A decision for each of the people, in order, as it was at that moment. Raises Refused for the future.

    An external id or an id means whoever has it now.
    """
    if at > now:
        raise Refused([ItemError(0, "at", "lies in the future; leave it out to ask about now")])
    then = services.catalogs.as_of(at)
    for start in range(0, len(recipients), CHUNK):
        part = recipients[start : start + CHUNK]
        externals = {one.external_id for one in part if one.external_id is not None}
        ids = await services.reader.subjects_of(externals) if externals else {}
        wanted = [_who(services, one, ids) for one in part]
        past = await read_people(services, [who for who in wanted if who is not None])
        for number, who in enumerate(wanted):
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
            if who is None:
                yield Answered(INVALID)
                continue
            yield decide_then(past, question, who, at, then)


def _who(services: Services, recipient: Recipient, ids: Mapping[str, str]) -> Who | None:
    """None: not an address."""
    if recipient.email is None:
        return recipient.id or ids.get(recipient.external_id or "", NOBODY)
    try:
        return services.fingerprinter.of_text(recipient.email)
    except InvalidAddress:
        return None


async def read_people(services: Services, people: Sequence[Who]) -> Past:
    """What decides on these people, at any moment."""
    return await read_past(
        services.database,
        services.vault,
        wides={who.wide for who in people if isinstance(who, Fingerprints)},
        subjects={who for who in people if isinstance(who, str)},
    )


def decide_then(past: Past, question: Question, who: Who, at: datetime, then: InForce) -> Answered:
    """The decision on one of the people that were read; what cannot be read is a no, for them alone."""
    person: PersonThen | None = None

    def decide() -> Decision:
        nonlocal person
        person = find_then(past, who, at, then)
        return may_send(
            then.find(question.purpose),
            question.channel,
            person,
            regimes=then.regimes,
            now=at,
            version=question.version,
            recipient=question.recipient,
        )

    decision = decide_safely(decide)
    return Answered(decision, person.matched if person is not None else None)


def find_then(past: Past, who: Who, at: datetime, then: InForce) -> PersonThen:
    """Raises whatever unreadable rows lead to."""
    if isinstance(who, Fingerprints):
        return past.person_at(who, at, then.find)
    return past.person_named(who, at, then.find)


async def cursor_at(services: Services, at: datetime) -> int:
    """The ledger's head as of then: `/v1/changes` after it names whoever changed since."""
    return await head_at(services.database, at)
