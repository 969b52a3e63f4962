"""`/c/{token}`: what a mail asked to confirm, and what came of the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from prefcenter.domain.choices import Action, Choice, Effect, Proof, Source
from prefcenter.domain.double_opt_in import taken_back
from prefcenter.domain.purposes import Purpose
from prefcenter.links import ConfirmLink, ManageLink
from prefcenter.storage.confirmations import MARK_CONFIRMED
from prefcenter.storage.database import Row, Statement
from prefcenter.storage.fields import to_micros
from prefcenter.storage.mail_queue import MailQueue
from prefcenter.storage.units import ChoiceItem, Claim, Outcome, Ref, StoredAnswer, Unit, UnitRefused
from prefcenter.use_cases.confirming import KIND, Request, Waiting, find_waiting, recipient_names
from prefcenter.use_cases.manage_preferences import LinkVoid
from prefcenter.use_cases.services import Services
from prefcenter.use_cases.standings import PurposeStanding, standing_on

#: A second click finds the first one's answer. The Idempotency-Key of a tool has no space in it.
_CLAIMED_BY = "/c/"


class LinkExpired(Exception):
    """The link's time is over. Says nothing of what came of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One purpose on the page. `purpose` None: it is no longer offered. `standing`: how it stands now.
    `taken_back`: they have said no to it since."""

    key: str
    request: Request
    purpose: Purpose | None
    recipients: Sequence[str]
    standing: PurposeStanding | None
    taken_back: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """`shown_seq`: the ledger's head when this was read; it goes into the form and comes back with it.

    `stopped`: purposes that a button was pressed for, but a stop came after they were asked for.
    """

    shown_seq: int
    address: str
    until: datetime
    confirmed_at: datetime | None
    rows: Sequence[Asked]
    manage_token: str
    stopped: frozenset[str] = frozenset()


async def show_confirmation(services: Services, link: ConfirmLink, now: datetime) -> Shown:
    """Raises LinkExpired or LinkVoid."""
    # The head is read first: whatever commits meanwhile was not on the page.
    head = await services.reader.head()
    return _shown(services, await _find(services, link, now), head, now)


async def _find(services: Services, link: ConfirmLink, now: datetime) -> Waiting:
    if link.expired(now):
        raise LinkExpired
    waiting = await find_waiting(services, link.confirmation)
    if waiting is None:
        raise LinkVoid
    return waiting


def _shown(
    services: Services, waiting: Waiting, head: int, now: datetime, stopped: frozenset[str] = frozenset()
) -> Shown:
    contact = waiting.contact
    return Shown(
        shown_seq=head,
        address=services.reader.address(contact),
        until=waiting.confirmation.expires_at,
        confirmed_at=waiting.confirmation.confirmed_at,
        rows=[_asked(services, waiting, request, now) for request in waiting.requests],
        manage_token=services.links.manage(ManageLink(contact.narrow, contact.wide, now)),
        stopped=stopped,
    )


def _asked(services: Services, waiting: Waiting, request: Request, now: datetime) -> Asked:
    standing = None
    if request.purpose is not None:
        standing = standing_on(
            request.purpose,
            request.entry.channel,
            waiting.person,
            regimes=services.catalogs.regimes,
            now=now,
        )
    return Asked(
        key=request.entry.purpose,
        request=request,
        purpose=request.purpose,
        recipients=recipient_names(services, request.terms) if request.terms else (),
        standing=standing,
        taken_back=_taken_back(waiting, request),
    )


def _taken_back(waiting: Waiting, request: Request) -> bool:
    purpose = request.purpose
    stops, held = waiting.person.stops, waiting.held(request)
    return purpose is not None and taken_back(request.entry, purpose, stops, held)


async def confirm(
    services: Services,
    link: ConfirmLink,
    *,
    shown_seq: int,
    button: str,
    evidence: Mapping[str, Any],
    now: datetime,
) -> Shown:
    """Record the yes of whoever reads the mailbox; a second time it records nothing and answers the same.
    What they have said no to since it was asked for stays as it is.

    `button`: its words, which are kept with what the page said where the request brought no wording.
    Raises LinkExpired, LinkVoid, StorageUnavailable.
    """
    head = await services.reader.head()
    waiting = await _find(services, link, now)
    if waiting.confirmation.confirmed_at is not None:
        return _shown(services, waiting, head, now)
    offered = [request for request in waiting.requests if request.purpose is not None]
    stopped = frozenset(one.entry.purpose for one in offered if _taken_back(waiting, one))
    open_requests = [request for request in offered if request.entry.purpose not in stopped]
    if not open_requests:
        return _shown(services, waiting, head, now, stopped)
    # No page was ever shown so late as after the head: somebody made that up.
    seen = shown_seq if shown_seq <= head else 0
    said = {**evidence, **await _proof_of_mail(services, waiting)}
    wordings = await _wordings(services, open_requests)
    items = tuple(
        _item(waiting, one, wordings.get(one.entry.entry) or _words(services, one, button), seen, said, now)
        for one in open_requests
    )
    stopped |= await _record(services, waiting, items, seen, now)
    # As it is now, for the answer.
    after = await find_waiting(services, link.confirmation)
    if after is None:
        raise LinkVoid
    return _shown(services, after, head, now, stopped)


async def _proof_of_mail(services: Services, waiting: Waiting) -> dict[str, str]:
    digest = await MailQueue(services.database).digest_about(KIND, waiting.confirmation.id)
    return {} if digest is None else {"mail_sha256": digest.hex()}


async def _wordings(services: Services, requests: Sequence[Request]) -> dict[str, str]:
    """The words that were read as it was asked for, by entry."""
    digests = {r.entry.entry: r.evidence["wording"] for r in requests if "wording" in r.evidence}
    texts = await services.reader.wordings(digests.values())
    return {entry: texts[digest] for entry, digest in digests.items() if digest in texts}


def _words(services: Services, request: Request, button: str) -> str:
    """All that was read on the page, the answer's own words last."""
    assert request.terms is not None
    terms = request.terms
    return "\n".join([terms.title, terms.description, *recipient_names(services, terms), button])


def _item(
    waiting: Waiting,
    request: Request,
    wording: str,
    shown_seq: int,
    evidence: Mapping[str, Any],
    now: datetime,
) -> ChoiceItem:
    entry, contact = request.entry, waiting.contact
    choice = Choice(
        action=Action.GIVE,
        source=Source.CONFIRMATION,
        purpose=entry.purpose,
        channel=entry.channel,
        shown_seq=shown_seq,
        proof=Proof.CONFIRMED,
        wording=wording,
        version=entry.version,
    )
    return ChoiceItem(
        ref=Ref(wide=contact.wide, narrow=contact.narrow, subject=contact.subject),
        choice=choice,
        evidence={
            "method": "confirmation",
            **evidence,
            "request": entry.entry,
            "requested_at": entry.occurred_at.isoformat(),
            "confirmed_at": now.isoformat(),
            "wording": wording,
        },
    )


async def _record(
    services: Services, waiting: Waiting, items: tuple[ChoiceItem, ...], shown_seq: int, now: datetime
) -> frozenset[str]:
    """Returns the purposes whose yes came before a stop, and so does not count."""
    confirmation = waiting.confirmation

    def mark(outcome: Outcome) -> Sequence[tuple[Statement, Row]]:
        applied = any(result.effect is Effect.APPLIED for result in outcome.results)
        return [(MARK_CONFIRMED, (confirmation.id, to_micros(now)))] if applied else []

    def respond(outcome: Outcome) -> StoredAnswer:
        late = [
            item.choice.purpose
            for item, result in zip(items, outcome.results, strict=True)
            if result.reason == "shown_before_stop"
        ]
        return StoredAnswer(200, msgspec.json.encode(late))

    claim = Claim(api_key=_CLAIMED_BY, key=f"{confirmation.id} {shown_seq}", fingerprint=b"")
    unit = Unit(now=now, choices=items, companions=mark, claim=claim, respond=respond)
    try:
        outcome = await services.journal.record(unit)
    except UnitRefused as error:
        # The address changed hands at this very moment.
        raise LinkVoid from error
    assert outcome.answer is not None
    return frozenset(msgspec.json.decode(outcome.answer.body, type=list[str]))
