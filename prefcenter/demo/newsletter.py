"""The demo's mailings: composed for whoever may be written to, and sent over real SMTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from prefcenter.demo.people import NEWSLETTER, OFFERS, PEOPLE
from prefcenter.mail.message import ListUnsubscribe, OutgoingEmail, compose, new_message_id
from prefcenter.mail.render import Templates
from prefcenter.mail.sender import Sender
from prefcenter.use_cases.decide_recipients import Question, Recipient, decide_recipients
from prefcenter.use_cases.mint_links import minter
from prefcenter.use_cases.services import Services


@dataclass(frozen=True, kw_only=True, slots=True)
class Mailing:
    purpose: str
    campaign: str
    template: str
    title: str


MAILINGS = (
    Mailing(purpose=OFFERS, campaign="spring", template="offers-demo", title="Something for your desk"),
    Mailing(
        purpose=NEWSLETTER, campaign="news-1", template="newsletter-demo", title="What is new this month"
    ),
)


async def send_mailings(services: Services, templates: Templates, sender: Sender, now: datetime) -> None:
    for mailing in MAILINGS:
        for mail in await _composed(services, templates, mailing, now):
            await sender.send(compose(mail))


async def _composed(
    services: Services, templates: Templates, mailing: Mailing, now: datetime
) -> Sequence[OutgoingEmail]:
    """One mail for each of the sample people who may be sent it."""
    everybody = [Recipient(email=person.email) for person in PEOPLE]
    answers = await decide_recipients(services, Question(purpose=mailing.purpose), everybody, now)
    mint = minter(services, mailing.purpose, mailing.campaign, now=now)
    host = urlsplit(services.settings.base_url).hostname or "localhost"
    mails = []
    for person, answer in zip(PEOPLE, answers, strict=True):
        if not answer.decision.allowed:
            continue
        links = mint(person.email)
        rendered = templates.render_email(
            mailing.template,
            {
                "title": mailing.title,
                "name": person.name,
                "controller": services.catalog.controller,
                "purpose": services.catalogs.find(mailing.purpose),
                "unsubscribe_url": links.unsubscribe_url,
                "preferences_url": links.preferences_url,
            },
        )
        mail = OutgoingEmail(
            to=f"{person.name} <{person.email}>",
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            sender=services.settings.mail_from or services.catalog.controller.email,
            message_id=new_message_id(host),
            date=now,
            list_unsubscribe=ListUnsubscribe(
                url=links.unsubscribe_url,
                mailto=services.settings.unsubscribe_address,
                token=links.unsubscribe_url.rpartition("/")[2],
            ),
            list_id=links.headers["List-ID"],
            feedback_id=links.headers["Feedback-ID"],
        )
        mails.append(mail)
    return mails
