"""The mail that answers an unsigned "stop": did you mean it? One link, whose page stops everything."""

from __future__ import annotations

from datetime import datetime, timedelta

from prefcenter.domain.addresses import InvalidAddress
from prefcenter.domain.purposes import ANY
from prefcenter.links import StopLink
from prefcenter.mail.authentication import sender_of
from prefcenter.mail.message import OutgoingEmail
from prefcenter.mail.parts import read_mail
from prefcenter.mail.render import Templates
from prefcenter.storage.mail_in import MailsIn
from prefcenter.storage.mail_queue import ClaimedMail
from prefcenter.use_cases.composing import Composer, message_id, sender
from prefcenter.use_cases.services import Services

#: Its `about` is the id of the mail that it answers.
KIND = "stop-link"

_TRIES_FOR = timedelta(days=7)


async def compose(
    services: Services, templates: Templates, mail: ClaimedMail, now: datetime
) -> OutgoingEmail | None:
    """None: what it answers is purged. To nobody but the address that the receiving server vouched for."""
    mails = MailsIn(services.database, services.vault)
    found = await mails.find(mail.about)
    raw = mails.unsealed(found) if found is not None else None
    to = sender_of(read_mail(raw)) if raw is not None else None
    if to is None:
        return None
    try:
        wide = services.fingerprinter.of_text(to).wide
    except InvalidAddress:
        return None
    url = f"{services.settings.base_url}/u/{services.links.stop(StopLink(wide, ANY))}"
    made = templates.render_email(
        "stop-link", {"controller": services.catalog.controller, "unsubscribe_url": url}
    )
    return OutgoingEmail(
        to=to,
        subject=made.subject,
        text=made.text,
        html=made.html,
        sender=sender(services),
        message_id=message_id(services, mail),
        date=mail.created_at,
        automatic=True,
    )


STOP_LINK_MAIL = Composer(compose=compose, tries_for=_TRIES_FOR)
