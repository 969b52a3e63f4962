"""The preferences page: what was shown, what the person changed against it, and what came of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from prefcenter.domain.choices import STOPS, Action, Choice, Effect, Proof, Source, stopping_action
from prefcenter.domain.purposes import ANY, Purpose
from prefcenter.links import ManageLink
from prefcenter.storage.reading import ContactPoint, Person
from prefcenter.storage.units import ChoiceItem, Outcome, Ref, Unit, UnitRefused
from prefcenter.use_cases.confirming import confirmations
from prefcenter.use_cases.pending_questions import PendingQuestion, pending_questions
from prefcenter.use_cases.services import Services
from prefcenter.use_cases.standings import PurposeStanding, standing_on

CHANNEL = "email"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One purpose on the page."""

    purpose: Purpose
    standing: PurposeStanding


@dataclass(frozen=True, kw_only=True, slots=True)
class Preferences:
    """`shown_seq`: the ledger's head when this was read; it goes into the form and comes back with it.
    `address` is None where nobody has it: then there is nothing to say yes to, and stopping still works."""

    shown_seq: int
    address: str | None
    rows: Sequence[Row]
    questions: Sequence[PendingQuestion] = ()


class LinkVoid(Exception):
    """The address changed hands, or was erased, after the link was made."""


async def show_preferences(services: Services, link: ManageLink, now: datetime) -> Preferences:
    """Raises LinkVoid."""
    contact, person, head = await _find(services, link)
    rows = [
        Row(
            purpose=purpose,
            standing=standing_on(purpose, CHANNEL, person, regimes=services.catalogs.regimes, now=now),
        )
        for purpose in services.catalogs.all()
        if CHANNEL in purpose.channels
    ]
    address = services.reader.address(contact) if contact else None
    questions = await pending_questions(services, contact, person, now)
    return Preferences(shown_seq=head, address=address, rows=rows, questions=questions)


async def _find(services: Services, link: ManageLink) -> tuple[ContactPoint | None, Person, int]:
    # The head is read first: whatever commits meanwhile was not on the page.
    head = await services.reader.head()
    contact = await services.reader.contact_at(link.narrow, link.wide)
    _refuse_void(link, contact)
    if contact is None:
        stops = await services.reader.stops_at(link.wide)
        return None, Person(stops=stops), head
    person = (await services.reader.people_named([contact.subject]))[0]
    return contact, person, head


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the page showed (None: not decided yet) and what the person chose.

    `wording` is the text they read, None where the page showed another one than stands now; `version` the one
    of the purpose that it described (None: the newest).
    """

    shown: bool | None
    wanted: bool
    wording: str | None
    version: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Saved:
    """What came of one change; `reason` says why one that was not applied was not."""

    purpose: Purpose
    on: bool
    applied: bool
    reason: str | None = None


async def save_preferences(
    services: Services, link: ManageLink, *, shown_seq: int, answers: Mapping[str, Answer], now: datetime
) -> Sequence[Saved]:
    """Record what the person changed against what the page showed, and nothing else.

    A stop always counts. A yes needs the words it was said to. Raises LinkVoid, StorageUnavailable.
    """
    contact, _, head = await _find(services, link)
    if shown_seq > head:
        # No page was ever shown so late: somebody made this up.
        shown_seq = 0
    saved: list[Saved] = []
    changes: list[tuple[Purpose, Answer]] = []
    for key, answer in answers.items():
        purpose = services.catalogs.find(key)
        if purpose is None or purpose.retired or not purpose.is_a_choice or answer.wanted is answer.shown:
            continue
        if answer.wanted and contact is None:
            continue
        if answer.wanted and answer.wording is None:
            saved.append(Saved(purpose=purpose, on=True, applied=False, reason="wording_changed"))
            continue
        changes.append((purpose, answer))
    if not changes:
        return saved
    items = [_item(purpose, link, contact, answer, shown_seq) for purpose, answer in changes]
    try:
        unit = Unit(now=now, choices=tuple(items), companions=confirmations(items, now))
        outcome = await services.journal.record(unit)
    except UnitRefused as error:
        # The address changed hands at this very moment. What was to stop here stops here, whoever has it.
        stops = tuple(replace(item, ref=Ref(wide=link.wide)) for item in items if item.choice.action in STOPS)
        if stops:
            await services.journal.record(Unit(now=now, choices=stops))
        raise LinkVoid from error
    for (purpose, answer), result in zip(changes, outcome.results, strict=True):
        applied = result.effect is Effect.APPLIED
        saved.append(Saved(purpose=purpose, on=answer.wanted, applied=applied, reason=result.reason))
    return saved


def _item(
    purpose: Purpose, link: ManageLink, contact: ContactPoint | None, answer: Answer, shown_seq: int
) -> ChoiceItem:
    evidence = {"method": "page"}
    if answer.wording:
        evidence["wording"] = answer.wording
    choice = Choice(
        action=_action(purpose, answer),
        source=Source.PAGE,
        purpose=purpose.key,
        channel=CHANNEL,
        shown_seq=shown_seq,
        proof=Proof.LINK,
        wording=answer.wording,
        version=answer.version,
    )
    return ChoiceItem(ref=_ref(link, contact), choice=choice, evidence=evidence)


def _action(purpose: Purpose, answer: Answer) -> Action:
    if answer.wanted:
        return Action.GIVE
    if answer.shown is None and not purpose.is_objected_to:
        return Action.REFUSE
    return stopping_action(purpose.key, purpose)


async def stop_all_marketing(services: Services, link: ManageLink, now: datetime) -> Outcome:
    """Stop everything that can be stopped; works with a link of any age. Raises LinkVoid."""
    contact = await services.reader.contact_at(link.narrow, link.wide)
    _refuse_void(link, contact)
    choice = Choice(action=Action.OBJECT, source=Source.PAGE, purpose=ANY, channel=ANY)
    item = ChoiceItem(ref=_ref(link, contact), choice=choice, evidence={"method": "page"})
    return await services.journal.record(Unit(now=now, choices=(item,)))


def _refuse_void(link: ManageLink, contact: ContactPoint | None) -> None:
    if contact is not None and link.issued_at < contact.epoch:
        raise LinkVoid


def _ref(link: ManageLink, contact: ContactPoint | None) -> Ref:
    return Ref(wide=link.wide, narrow=link.narrow if contact else None)
