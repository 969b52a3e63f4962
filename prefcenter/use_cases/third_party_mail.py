"""The mail that tells a third party to stop, and asks it to confirm."""

from __future__ import annotations

from datetime import datetime, timedelta

from prefcenter.links import TaskLink
from prefcenter.mail.dates import moment
from prefcenter.mail.message import OutgoingEmail
from prefcenter.mail.render import Templates
from prefcenter.storage.mail_queue import ClaimedMail
from prefcenter.storage.tasks import CONFIRMED, mark_told
from prefcenter.use_cases.composing import Composer, message_id, sender
from prefcenter.use_cases.services import Services
from prefcenter.use_cases.third_parties import address_of, details_of

#: As long as a stop is tried at a tool. After it the task stays open, and `prefcenter tasks` shows it untold.
_TRIES_FOR = timedelta(days=30)


async def compose(
    services: Services, templates: Templates, mail: ClaimedMail, now: datetime
) -> OutgoingEmail | None:
    """None: confirmed before it was told, or told through a connection only."""
    details = await details_of(services, mail.about, now)
    if details is None or details.task.state == CONFIRMED or details.recipient.email is None:
        return None
    context = {
        "controller": services.catalog.controller,
        "details": details,
        "address": address_of(services, details.task),
        "moment": moment,
        "url": f"{services.settings.base_url}/t/{services.links.task(TaskLink(details.task.id))}",
    }
    made = templates.render_email("third-party", context)
    return OutgoingEmail(
        to=details.recipient.email,
        subject=made.subject,
        text=made.text,
        html=made.html,
        sender=sender(services),
        message_id=message_id(services, mail),
        date=mail.created_at,
        automatic=True,
    )


async def after_sent(services: Services, mail: ClaimedMail, digest: bytes, now: datetime) -> None:
    """The third party's server took it."""
    await mark_told(services.database, mail.about, now)


THIRD_PARTY_MAIL = Composer(compose=compose, after_sent=after_sent, tries_for=_TRIES_FOR)
