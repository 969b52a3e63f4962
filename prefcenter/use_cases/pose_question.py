"""A question about a purpose as one person is asked it: by mail, on a page, and in the ledger's evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from prefcenter.domain.asking import channel_asked
from prefcenter.domain.decide import Dossier
from prefcenter.domain.folding import refold
from prefcenter.domain.interest import TIME_TO_OBJECT
from prefcenter.domain.purposes import Purpose
from prefcenter.domain.question import Question, question_for
from prefcenter.domain.standing import VALID, counts
from prefcenter.storage.reading import Person
from prefcenter.use_cases.services import Services


@dataclass(frozen=True, kw_only=True, slots=True)
class Posed:
    """`names`: of the third parties, by key. `begins_at`: when it begins at the earliest; None: at once.

    `before`: by channel, the version they had agreed to before the newest, which they hold.
    """

    question: Question
    names: Mapping[str, str]
    begins_at: datetime | None
    before: Mapping[str, int]


async def pose(services: Services, purpose: Purpose, person: Person, now: datetime) -> Posed:
    """The question as it is now."""
    before = await _agreed_before(services, purpose, person)
    question = question_for(
        purpose,
        person,
        before=before.get(channel_asked(purpose)),
        regimes=services.catalogs.regimes,
        now=now,
    )
    return Posed(
        question=question,
        names={key: one.name for key, one in services.catalogs.in_force.recipients.items()},
        begins_at=_begins_at(question, person, now),
        before=before,
    )


def _begins_at(question: Question, known: Dossier, now: datetime) -> datetime | None:
    """After a notice there are 30 days to object; and nothing begins before the policy is in force."""
    purpose = question.purpose
    moments = [purpose.in_force_at] if purpose.in_force_at is not None else []
    if question.is_notice:
        held = known.standings.get((purpose.key, channel_asked(purpose)))
        told = held is not None and (held.noticed or 0) >= purpose.version
        noticed_at = held.noticed_at if held is not None and told else None
        moments.append((noticed_at or now) + TIME_TO_OBJECT)
    latest = max(moments, default=now)
    return latest if latest > now else None


async def _agreed_before(services: Services, purpose: Purpose, person: Person) -> Mapping[str, int]:
    """What stood before somebody said yes to the newest version: a "no" after that goes back to it."""
    held = [person.standings.get((purpose.key, channel)) for channel in purpose.channels]
    newest = [one for one in held if one and one.status in VALID and one.version >= purpose.version]
    if purpose.version == 1 or not newest or person.subject is None:
        return {}
    items = await services.reader.history({one.wide for one in person.contacts}, person.subject)
    entries = [item.entry for item in items]
    found = {}
    for standing in newest:
        said = next((entry.seq for entry in entries if entry.entry == standing.entry), 0)
        state = refold([entry for entry in entries if entry.seq < said], services.catalogs.find)
        earlier = state.standings.get(person.subject, {}).get(standing.key)
        stops = state.stops_of(contact.wide for contact in person.contacts)
        if earlier is not None and counts(earlier, stops, purpose) and earlier.version < purpose.version:
            found[standing.channel] = earlier.version
    return found
