"""What every kind of mail of ours is made of: how it is composed, and what is done once it went out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from prefcenter.mail.message import OutgoingEmail
from prefcenter.mail.render import Templates
from prefcenter.storage.mail_queue import ClaimedMail
from prefcenter.use_cases.services import Services

#: The mail as it is now, or None where it is no longer needed (the mail is dropped).
#: Called again for every attempt: with the same data it makes the same mail, to the byte.
Compose = Callable[[Services, Templates, ClaimedMail, datetime], Awaitable[OutgoingEmail | None]]

#: Run once the server took it, before that is written down; `digest` is the SHA-256 of its bytes.
#: May run twice, if the worker dies in between.
AfterSent = Callable[[Services, ClaimedMail, bytes, datetime], Awaitable[None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Composer:
    """One kind of mail. `tries_for`: how long after its birth it is worth another try."""

    compose: Compose
    after_sent: AfterSent | None = None
    tries_for: timedelta


def message_id(services: Services, mail: ClaimedMail) -> str:
    """From the mail's id, so that a repeat after a crash is the same mail to whoever gets both.

    Signed: an answer or a bounce that names it is about this mail.
    """
    return (
        f"<{services.links.message(mail.id)}@{urlsplit(services.settings.base_url).hostname or 'localhost'}>"
    )


def sender(services: Services) -> str:
    """Who our mails are from: PREFCENTER_MAIL_FROM, else the controller's own address."""
    return services.settings.mail_from or services.catalog.controller.email
