"""The mail that asks to confirm: who, what, when and through what it was asked for, and one link."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

from prefcenter.domain.choices import Status
from prefcenter.domain.mailing import CONFIRM_LIFE
from prefcenter.domain.standing import VALID, covers
from prefcenter.links import ConfirmLink
from prefcenter.mail.dates import moment
from prefcenter.mail.message import OutgoingEmail
from prefcenter.mail.render import Templates
from prefcenter.storage.mail_queue import ClaimedMail
from prefcenter.use_cases.confirming import Request, Waiting, find_waiting, recipient_names
from prefcenter.use_cases.mailing import Composer, message_id, sender
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
    """Whether they still wait for it: nobody is asked to confirm what they have stopped or given since."""
    entry, purpose = request.entry, request.purpose
    if purpose is None:
        return False
    if any(stop.seq > entry.seq and covers(stop, purpose, entry.channel) for stop in waiting.person.stops):
        return False
    held = waiting.person.standings.get((entry.purpose, entry.channel))
    if held is None:
        return False
    if held.status in VALID:
        # A yes to a newer version waits, while the one before it goes on counting.
        said_no = held.declined is not None and held.declined <= (entry.version or 1)
        taken_back = said_no and held.said_at > entry.occurred_at
        return not taken_back and held.seq is not None and held.seq < entry.seq
    return held.status is Status.REQUESTED and held.entry == entry.entry


def _shown(services: Services, request: Request) -> dict[str, object]:
    assert request.terms is not None
    return {
        "title": request.terms.title,
        "description": request.terms.description,
        "recipients": recipient_names(services, request.terms),
    }


def place_of(url: object) -> str | None:
    """Where a form stands, as people know it: host and path. None for what is no address of a page."""
    if not isinstance(url, str) or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host:
        return None
    return f"{host}{parts.path}".rstrip("/")


CONFIRMATION = Composer(compose=compose, tries_for=CONFIRM_LIFE)
