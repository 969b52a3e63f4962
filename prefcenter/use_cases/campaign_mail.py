"""The mails of a campaign: the question, its one reminder, the notice.

Each is marketing itself: it travels as a purpose that may be mailed now, with that one's unsubscribe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from prefcenter.domain.asking import MAILED_ON, may_ask
from prefcenter.domain.campaign_words import AskedState, Asking, CampaignKind, NotAsked
from prefcenter.domain.choices import Action, Choice, Source
from prefcenter.domain.purposes import Purpose
from prefcenter.links import MAX_CAMPAIGN, AskedLink
from prefcenter.mail.dates import day
from prefcenter.mail.message import ListUnsubscribe, OutgoingEmail
from prefcenter.mail.render import Templates, shipped_templates
from prefcenter.storage.campaign_statements import MARK_ASKED, MARK_REMINDED
from prefcenter.storage.campaigns import Campaigns
from prefcenter.storage.database import Row, Statement
from prefcenter.storage.fields import to_micros
from prefcenter.storage.mail_queue import ClaimedMail
from prefcenter.storage.reading import ContactPoint, Person
from prefcenter.storage.units import ChoiceItem, Outcome, Ref, Unit
from prefcenter.use_cases.campaign_queue import REMIND
from prefcenter.use_cases.composing import Composer, message_id, sender
from prefcenter.use_cases.mint_links import minter
from prefcenter.use_cases.pose_question import Posed, pose
from prefcenter.use_cases.services import Services

LANGUAGE = "en"

#: A question that could not be delivered within this time is left for the next round.
TRIES_FOR = timedelta(days=2)

_TEMPLATE = {
    CampaignKind.ASK.value: "ask",
    CampaignKind.NOTICE.value: "notice",
    REMIND: "ask-reminder",
}
#: What stands in the place of somebody's own links in the wording that is kept.
_LINKS = ("choice_url", "unsubscribe_url", "preferences_url")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Due:
    """A mail that may go out now; `carrier` is the purpose that it travels as."""

    asking: Asking
    purpose: Purpose
    carrier: Purpose
    person: Person
    contact: ContactPoint


async def _due(services: Services, mail: ClaimedMail, now: datetime) -> _Due | NotAsked | None:
    """Everything is checked again: whoever stopped since they were queued is left alone.

    None: it was sent, or answered elsewhere, already.
    """
    campaigns = Campaigns(services.database)
    asking = await campaigns.one(mail.about)
    if asking is None or not _waits(asking, mail):
        return None
    # Asked about right after an `apply`, which this process may not have heard of.
    await services.catalogs.refresh()
    purpose = services.catalogs.find(asking.purpose)
    if purpose is None or purpose.retired or purpose.version != asking.version:
        return NotAsked.SUPERSEDED
    person = (await services.reader.people_named([asking.subject]))[0]
    contact = next((one for one in person.contacts if one.channel == MAILED_ON), None)
    if contact is None:
        return NotAsked.NO_ADDRESS
    askable = may_ask(
        CampaignKind(asking.kind),
        purpose,
        services.catalogs.all(),
        person,
        (await campaigns.of([asking.subject])).get(asking.subject, ()),
        regimes=services.catalogs.regimes,
        now=now,
        itself=asking.id,
    )
    carrier = services.catalogs.find(askable.carrier) if askable.carrier is not None else None
    if carrier is None:
        return askable.reason or NotAsked.NO_LIVE_PURPOSE
    return _Due(asking=asking, purpose=purpose, carrier=carrier, person=person, contact=contact)


def _waits(asking: Asking, mail: ClaimedMail) -> bool:
    """Whether this mail was not sent yet, and nothing was said that makes it needless."""
    if mail.kind != REMIND:
        return asking.state == AskedState.QUEUED
    sent = asking.reminded_at is not None and asking.reminded_at > mail.created_at
    return asking.state == AskedState.ASKED and not sent


async def compose(
    services: Services, templates: Templates, mail: ClaimedMail, now: datetime
) -> OutgoingEmail | None:
    """None where they may not be asked any more; the campaign then has the reason."""
    due = await _due(services, mail, now)
    campaigns = Campaigns(services.database)
    if not isinstance(due, _Due):
        if due is not None:
            await campaigns.drop(mail.about, due.value)
        return None
    if due.carrier.key != due.asking.carrier:
        await campaigns.carry(mail.about, due.carrier.key)
    at = _stamp(mail, now)
    address = services.reader.address(due.contact)
    campaign = f"{mail.kind}-{due.asking.purpose}-{due.asking.version}"[:MAX_CAMPAIGN]
    links = minter(services, due.carrier.key, campaign, now=max(at, due.contact.epoch))(address)
    token = services.links.choice(AskedLink(due.asking.id, max(at, due.contact.epoch)))
    posed = await pose(services, due.purpose, due.person, at)
    context = {
        "choice_url": f"{services.settings.base_url}/n/{token}",
        "unsubscribe_url": links.unsubscribe_url,
        "preferences_url": links.preferences_url,
    }
    rendered = templates.render_email(
        _TEMPLATE[mail.kind], {**_context(services, posed, due.carrier), **context}, LANGUAGE
    )
    return OutgoingEmail(
        to=address,
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        sender=sender(services),
        message_id=message_id(services, mail),
        date=at,
        list_unsubscribe=ListUnsubscribe(
            url=links.unsubscribe_url,
            mailto=services.settings.unsubscribe_address,
            token=links.unsubscribe_url.rpartition("/")[2],
        ),
        list_id=links.headers["List-ID"],
        feedback_id=links.headers["Feedback-ID"],
    )


def _stamp(mail: ClaimedMail, now: datetime) -> datetime:
    """The mail's own time, so that a repeat is the same mail; now, where it had to wait for long."""
    return mail.created_at if now - mail.created_at < timedelta(hours=6) else now


def _context(services: Services, posed: Posed, carrier: Purpose) -> Mapping[str, object]:
    return {
        "controller": services.catalog.controller,
        "carrier": carrier,
        "question": posed.question,
        "names": posed.names,
        "begins_on": day(posed.begins_at, LANGUAGE) if posed.begins_at is not None else None,
    }


async def after_sent(services: Services, mail: ClaimedMail, digest: bytes, now: datetime) -> None:
    """The ledger says that they were asked, or told, in which words, by which mail."""
    campaigns = Campaigns(services.database)
    asking = await campaigns.one(mail.about)
    if asking is None or not _waits(asking, mail):
        return
    purpose, carrier = services.catalogs.find(asking.purpose), services.catalogs.find(asking.carrier)
    assert purpose is not None and carrier is not None
    person = (await services.reader.people_named([asking.subject]))[0]
    posed = await pose(services, purpose, person, _stamp(mail, now))
    evidence = {
        "method": "email",
        "campaign": asking.campaign,
        "mail": mail.kind,
        "carrier": asking.carrier,
        "wording": _wording(services, posed, carrier, _TEMPLATE[mail.kind]),
        "language": LANGUAGE,
        "mail_sha256": digest.hex(),
    }
    statement = MARK_REMINDED if mail.kind == REMIND else MARK_ASKED

    def companions(_: Outcome) -> Sequence[tuple[Statement, Row]]:
        return [(statement, (asking.id, to_micros(now)))]

    choices = tuple(
        ChoiceItem(ref=Ref(subject=asking.subject), choice=choice, evidence=evidence)
        for choice in _entries(asking, purpose)
    )
    # A question is no choice: tools find it in /v1/changes, and are not called for each.
    await services.journal.record(Unit(now=now, choices=choices, companions=companions, told=False))


def _entries(asking: Asking, purpose: Purpose) -> Sequence[Choice]:
    action = Action.NOTIFY if asking.kind == CampaignKind.NOTICE else Action.ASK
    return [
        Choice(
            action=action,
            source=Source.SYSTEM,
            purpose=purpose.key,
            channel=channel,
            version=asking.version,
        )
        for channel in purpose.channels
    ]


def _wording(services: Services, posed: Posed, carrier: Purpose, template: str) -> str:
    """The text that they got, without the links that are theirs alone: so that it is kept once for all."""
    context = {**_context(services, posed, carrier), **dict.fromkeys(_LINKS, "[…]")}
    return _templates(services.settings.templates).render_email(template, context, LANGUAGE).text


@lru_cache(maxsize=4)
def _templates(folder: Path | None) -> Templates:
    return Templates([*([folder] if folder else []), shipped_templates()])


_COMPOSER = Composer(compose=compose, after_sent=after_sent, tries_for=TRIES_FOR)
CAMPAIGN_MAILS: Mapping[str, Composer] = dict.fromkeys(_TEMPLATE, _COMPOSER)
