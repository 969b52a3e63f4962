"""May this be sent, to each of these people?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from prefcenter.domain.addresses import Fingerprints, InvalidAddress
from prefcenter.domain.decide import Decision, may_send
from prefcenter.storage.reading import Person
from prefcenter.use_cases.services import Services


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipient:
    """Exactly one of the three is set."""

    email: str | None = None
    external_id: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    decision: Decision
    matched: str | None = None


INVALID = Decision(allowed=False, reason="invalid_address")


async def decide_recipients(
    services: Services,
    purpose_key: str,
    channel: str,
    recipients: Sequence[Recipient],
    now: datetime,
    *,
    version: int | None = None,
    recipient: str | None = None,
) -> list[Answered]:
    """A decision for each of the people, in order. Nobody is created.

    `version`, `recipient`: as `decide` takes them.
    """
    purpose = services.catalogs.find(purpose_key)
    people = await find_people(services, recipients)
    answers = []
    for person in people:
        if person is None:
            answers.append(Answered(INVALID))
            continue
        decision = may_send(
            purpose,
            channel,
            person.standings,
            person.stops,
            person.facts,
            now=now,
            version=version,
            recipient=recipient,
        )
        answers.append(Answered(decision, person.matched))
    return answers


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
