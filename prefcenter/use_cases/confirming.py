"""Double opt-in: what waits for a mailbox to confirm it, and the mail that is born with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prefcenter.domain.choices import Action, Effect, Entry
from prefcenter.domain.purposes import Purpose, Terms
from prefcenter.domain.standing import Standing
from prefcenter.storage.confirmations import (
    ADD_CONFIRMATION,
    Confirmation,
    Confirmations,
    confirmation_row,
)
from prefcenter.storage.database import Row, Statement
from prefcenter.storage.mail_queue import ADD_MAIL, Priority, mail_row
from prefcenter.storage.people import new_id
from prefcenter.storage.reading import ContactPoint, Person
from prefcenter.storage.units import ChoiceItem, Outcome, Result
from prefcenter.use_cases.services import Services

#: The kind of the mail; its `about` is the confirmation's id.
KIND = "confirm"

#: The reason of an entry that a mail asks to confirm.
NEEDS_CONFIRMATION = "needs_confirmation"

#: Confirmations go by mail, whatever channel the yes is for.
CHANNEL = "email"


def confirmations(
    items: Sequence[ChoiceItem], now: datetime
) -> Callable[[Outcome], Sequence[tuple[Statement, Row]]]:
    """For `Unit.companions` of a unit with these choices: one mail to each person with something to confirm.

    Without it a yes that "needs_confirmation" waits for a mail that nobody sends.
    """

    def born(outcome: Outcome) -> Sequence[tuple[Statement, Row]]:
        waiting: dict[str, tuple[bytes, list[str]]] = {}
        for item, result in zip(items, outcome.results, strict=True):
            if result.subject is None:
                continue
            if _waits(result):
                waiting.setdefault(result.subject, (result.wide, []))[1].append(result.entry)
            elif _came_for_nothing(item, result, now):
                waiting.setdefault(result.subject, (result.wide, []))
        return [
            pair
            for subject, (wide, entries) in waiting.items()
            for pair in _rows(subject, wide, entries, now)
        ]

    return born


def _waits(result: Result) -> bool:
    return result.effect is Effect.PENDING and result.reason == NEEDS_CONFIRMATION


def _came_for_nothing(item: ChoiceItem, result: Result, now: datetime) -> bool:
    """Whether all that made us know this person is a request that we refused: they are not kept either."""
    asked = item.choice.action is Action.REQUEST or result.effect is Effect.PENDING
    return asked and result.known.known_since == now


def _rows(
    subject: str, wide: bytes, entries: Sequence[str], now: datetime
) -> Iterator[tuple[Statement, Row]]:
    made = Confirmation(
        id=new_id(), subject=subject, wide=wide, channel=CHANNEL, entries=tuple(entries), created_at=now
    )
    yield ADD_CONFIRMATION, confirmation_row(made)
    if entries:
        mail = mail_row(kind=KIND, about=made.id, priority=Priority.CONFIRMATION, now=now)
        yield ADD_MAIL, mail


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One entry that waits. `purpose` None: it was retired since, so there is nothing to confirm.

    `terms`: what it was asked for under, and what a confirmation agrees to.
    """

    entry: Entry
    purpose: Purpose | None
    terms: Terms | None
    evidence: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """A confirmation with whom and what it is about. `contact` is where its mail goes."""

    confirmation: Confirmation
    contact: ContactPoint
    person: Person
    requests: Sequence[Request]

    def held(self, request: Request) -> Standing | None:
        """How the person stands on what was asked for."""
        return self.person.standings.get((request.entry.purpose, request.entry.channel))


async def find_waiting(services: Services, confirmation: str) -> Waiting | None:
    """None: there is none, or its address changed hands, or is nobody's any more. Says nothing of its age."""
    found = await Confirmations(services.database).find(confirmation)
    if found is None or not found.entries:
        return None
    person = (await services.reader.people_named([found.subject]))[0]
    contact = next((one for one in person.contacts if one.channel == found.channel), None)
    if contact is None or contact.wide != found.wide or contact.epoch > found.created_at:
        return None
    items = await services.reader.items(found.entries)
    requests = [
        _request(services, items[entry].entry, items[entry].evidence or {})
        for entry in found.entries
        if entry in items
    ]
    return Waiting(confirmation=found, contact=contact, person=person, requests=requests)


def _request(services: Services, entry: Entry, evidence: dict[str, Any]) -> Request:
    purpose = services.catalogs.find(entry.purpose)
    if purpose is None or purpose.retired or not purpose.is_a_choice:
        return Request(entry=entry, purpose=None, terms=None, evidence=evidence)
    terms = purpose.terms_of(entry.version or purpose.version)
    return Request(entry=entry, purpose=purpose, terms=terms, evidence=evidence)


def recipient_names(services: Services, terms: Terms) -> Sequence[str]:
    """The third parties that the terms name, as the catalog spells them."""
    known = services.catalog.recipients
    return [known[key].name if key in known else key for key in terms.recipients]
