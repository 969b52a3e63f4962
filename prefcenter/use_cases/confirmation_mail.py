"""The mail that asks to confirm: who, what, when and through what it was asked for, and one link."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

from prefcenter.domain.double_opt_in import still_waits
from prefcenter.domain.mail_retries import CONFIRM_LIFE
from prefcenter.links import ConfirmLink
from prefcenter.mail.dates import moment
from prefcenter.mail.message import OutgoingEmail
from prefcenter.mail.render import Templates
from prefcenter.storage.mail_queue import ClaimedMail
from prefcenter.use_cases.composing import Composer, message_id, sender
from prefcenter.use_cases.confirming import Request, Waiting, find_waiting, recipient_names
from prefcenter.use_cases.services import Services

_TEMPLATE = "confirm"


async def compose(
    services: Services, templates: Templates, mail: ClaimedMail, now: datetime
) -> OutgoingEmail | None:
    """None where nothing waits to be confirmed any more. Made twice it is the same mail, to the byte."""
    waiting = await find_waiting(services, mail.about)
    if waiting is None or waiting.confirmation.confirmed_at is not None:
        return None
    confirmation = waiting.confirmation
    still = [request for request in waiting.requests if _is_open(request, waiting)]
    if not still or now > confirmation.expires_at:
        return None
    language = templates.nearest(waiting.person.facts.language)
    token = services.links.confirm(ConfirmLink(confirmation.id, confirmation.created_at))
    first = still[0]
    rendered = templates.render_email(
        _TEMPLATE,
        {
            "controller": services.catalog.controller,
            "requests": [_shown(services, request) for request in still],
            "asked_at": moment(first.entry.occurred_at, language),
            "source": first.entry.source.value,
            "place": place_of(first.evidence.get("url")),
            "confirm_url": f"{services.settings.base_url}/c/{token}",
            "until": moment(confirmation.expires_at, language),
        },
        language,
    )
    return OutgoingEmail(
        to=services.reader.address(waiting.contact),
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        sender=sender(services),
        message_id=message_id(services, mail),
        date=mail.created_at,
        automatic=True,
    )


def _is_open(request: Request, waiting: Waiting) -> bool:
    if request.purpose is None:
        return False
    return still_waits(request.entry, request.purpose, waiting.person.stops, waiting.held(request))


def _shown(services: Services, request: Request) -> dict[str, object]:
    assert request.terms is not None
    return {
        "title": request.terms.title,
        "description": request.terms.description,
        "recipients": recipient_names(services, request.terms),
    }


def place_of(url: object) -> str | None:
    """Where a form stands: the host alone, as the rest of a URL may carry data. None for what is no address
    of a page."""
    if not isinstance(url, str) or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    return host if parts.scheme in ("http", "https") and host else None


CONFIRMATION = Composer(compose=compose, tries_for=CONFIRM_LIFE)
