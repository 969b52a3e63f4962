"""A mail came in: act on what is proved, put the rest before the operator, ignore what no person wrote."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from prefcenter.domain.addresses import InvalidAddress
from prefcenter.domain.choices import Action, Choice, Source
from prefcenter.domain.mail_in import Meaning, is_dead, meaning_of_feedback, stated_time
from prefcenter.domain.purposes import ANY
from prefcenter.links import StopLink
from prefcenter.mail.authentication import is_vouched_for
from prefcenter.mail.delivery_status import Delivery, DeliveryStatus
from prefcenter.mail.feedback_report import FeedbackReport
from prefcenter.mail.incoming import Automatic, Incoming, StopRequest, Unreadable, read_incoming
from prefcenter.mail.stop_request import NotUnderstood, StopReply
from prefcenter.storage.mail_in import MailsIn
from prefcenter.storage.units import ChoiceItem, Claim, Ref, StoredAnswer, Unit
from prefcenter.use_cases.mail_claims import Ambiguous, by_tokens, whose
from prefcenter.use_cases.services import Services
from prefcenter.use_cases.stop_link_mail import KIND
from prefcenter.use_cases.stop_mail import CHANNEL, stop_item

_CLAIMED_BY = "mail in"


class Became(StrEnum):
    """What became of a mail."""

    STOPPED = "stopped"
    COMPLAINED = "complained"
    BOUNCED = "bounced"
    ASKED = "asked"
    QUEUED = "queued"
    IGNORED = "ignored"
    #: The same mail came before.
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Received:
    """`why`: of what was queued or ignored."""

    became: Became
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Arrival:
    services: Services
    raw: bytes
    incoming: Incoming
    now: datetime

    async def queue(self, why: str) -> Received:
        services = self.services
        kept = await MailsIn(services.database, services.vault).keep(
            self.incoming.digest, why, self.raw, self.now
        )
        return Received(Became.QUEUED if kept else Became.REPEATED, why)

    async def record(self, became: Became, items: Sequence[ChoiceItem]) -> Received:
        digest = self.incoming.digest
        unit = Unit(
            now=self.now,
            choices=tuple(items),
            claim=Claim(api_key=_CLAIMED_BY, key=digest.hex(), fingerprint=digest),
            respond=lambda _: StoredAnswer(200, b""),
        )
        outcome = await self.services.journal.record(unit)
        return Received(Became.REPEATED if outcome.replayed else became)

    def evidence(self, method: str, **more: str) -> dict[str, Any]:
        return {"method": method, "mail_sha256": self.incoming.digest.hex(), **more}


async def receive_mail(services: Services, raw: bytes, *, sender: str | None, now: datetime) -> Received:
    """Durable when it returns. Any bytes have an answer; the same mail twice has one effect.

    `sender`: the envelope's, empty for the null sender; None: not known. Raises StorageUnavailable: the mail
    server must keep the mail and try again.
    """
    # In a thread: a hostile mail takes its time, and the clicks of others must not wait for it.
    incoming = await asyncio.to_thread(read_incoming, raw, sender)
    arrival = _Arrival(services, raw, incoming, now)
    what = incoming.what
    if isinstance(what, StopRequest):
        stopped = await _by_token(arrival, what)
        if stopped is not None:
            return stopped
        what = what.otherwise
        if isinstance(what, NotUnderstood):
            return await arrival.queue("token_not_ours")
    match what:
        case StopReply():
            return await _by_words(arrival, what)
        case FeedbackReport():
            return await _feedback(arrival, what)
        case DeliveryStatus():
            return await _bounces(arrival, what)
        case Automatic():
            return Received(Became.IGNORED, what.why)
        case Unreadable():
            return await arrival.queue(f"bad_{what.why}")
        case NotUnderstood():
            return await arrival.queue("not_understood")


async def _by_token(arrival: _Arrival, request: StopRequest) -> Received | None:
    """None: none of the tokens is ours."""
    links = by_tokens(arrival.services, request.tokens)
    if not links:
        return None
    if len({link.wide for link in links}) > 1:
        return await arrival.queue("several_people")
    everything = isinstance(request.otherwise, StopReply) and request.otherwise.everything
    return await _stop(arrival, links[0], everything=everything, method="mailto")


async def _by_words(arrival: _Arrival, reply: StopReply) -> Received:
    link = await whose(arrival.services, reply.traces)
    if isinstance(link, Ambiguous):
        return await arrival.queue("several_people")
    if link is not None:
        return await _stop(arrival, link, everything=reply.everything, method="reply")
    services = arrival.services
    vouched = reply.sender is not None and is_vouched_for(
        arrival.incoming.mail, reply.sender, services.settings.authserv_id
    )
    if reply.sender is None or not vouched or services.settings.smtp_url is None:
        return await arrival.queue("stop_unproved")
    return await _ask_back(arrival, reply.sender)


async def _ask_back(arrival: _Arrival, sender: str) -> Received:
    """The domain says that the mail is its own, not who in it wrote: the mailbox itself is to confirm it."""
    services = arrival.services
    try:
        wide = services.fingerprinter.of_text(sender).wide
    except InvalidAddress:
        return await arrival.queue("stop_unproved")
    mails = MailsIn(services.database, services.vault)
    asked = await mails.ask_back(arrival.incoming.digest, KIND, wide, arrival.raw, arrival.now)
    return Received(Became.ASKED if asked else Became.REPEATED)


async def _stop(arrival: _Arrival, link: StopLink, *, everything: bool, method: str) -> Received:
    item = stop_item(
        arrival.services,
        link,
        everything=everything,
        source=Source.EMAIL_REQUEST,
        evidence=arrival.evidence(method),
    )
    return await arrival.record(Became.STOPPED, [item])


async def _feedback(arrival: _Arrival, report: FeedbackReport) -> Received:
    meaning = meaning_of_feedback(report.kind)
    if meaning is Meaning.IGNORED:
        return Received(Became.IGNORED, "no_complaint")
    link = await whose(arrival.services, report.traces)
    if not isinstance(link, StopLink) or meaning is Meaning.UNCLEAR:
        why = "several_people" if isinstance(link, Ambiguous) else "complaint_unproved"
        return await arrival.queue("complaint_unclear" if isinstance(link, StopLink) else why)
    more = {"feedback_type": report.kind, "purpose": link.purpose, "campaign": link.campaign}
    choice = Choice(
        action=Action.COMPLAIN,
        source=Source.PROVIDER,
        purpose=ANY,
        channel=ANY,
        stated_at=stated_time(report.reported_at, arrival.now),
    )
    evidence = arrival.evidence("feedback_report", **{name: value for name, value in more.items() if value})
    return await arrival.record(
        Became.COMPLAINED, [ChoiceItem(ref=Ref(wide=link.wide), choice=choice, evidence=evidence)]
    )


async def _bounces(arrival: _Arrival, report: DeliveryStatus) -> Received:
    dead = [one for one in report.deliveries if is_dead(one.action, one.status)]
    if not dead:
        return Received(Became.IGNORED, "not_final")
    link = await whose(arrival.services, report.traces)
    if not isinstance(link, StopLink):
        return await arrival.queue("several_people" if isinstance(link, Ambiguous) else "bounce_unproved")
    bounced = _meant(arrival.services, link, report, dead)
    if bounced is None:
        return await arrival.queue("bounce_of_another")
    choice = Choice(
        action=Action.BOUNCE,
        source=Source.PROVIDER,
        purpose=ANY,
        channel=CHANNEL,
        stated_at=stated_time(report.reported_at, arrival.now),
    )
    evidence = arrival.evidence("delivery_status", status=bounced.status)
    return await arrival.record(
        Became.BOUNCED, [ChoiceItem(ref=Ref(wide=link.wide), choice=choice, evidence=evidence)]
    )


def _meant(
    services: Services, link: StopLink, report: DeliveryStatus, dead: Sequence[Delivery]
) -> Delivery | None:
    """Which of the failures is of the one whom the returned mail was for."""
    wides = services.fingerprinter.wides([one.address for one in dead])
    for one, wide in zip(dead, wides, strict=True):
        if wide == link.wide:
            return one
    # A mail that was passed on to another address failed there: who it was for cannot be reached by it.
    return dead[0] if len(report.deliveries) == 1 else None
