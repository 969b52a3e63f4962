"""A mail that arrived, as a page shows it. Never fails on bad input: it shows what can be read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import Message

from prefcenter.mail.one_click import OneClick, parse_one_click
from prefcenter.mail.parts import decoded, unfolded


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedMail:
    """`headers` are in order and unfolded, otherwise as they came; `to` and `sender` are the envelope's."""

    id: str
    to: tuple[str, ...]
    sender: str
    subject: str
    received_at: datetime
    raw: bytes
    headers: tuple[tuple[str, str], ...]
    text: str
    html: str
    one_click: OneClick | None


def read_mail(*, id: str, to: tuple[str, ...], sender: str, raw: bytes, now: datetime) -> ReceivedMail:
    message = message_from_bytes(raw)
    headers = tuple((name, unfolded(value)) for name, value in message.raw_items())
    subjects = [value for name, value in headers if name.lower() == "subject"]
    return ReceivedMail(
        id=id,
        to=to,
        sender=sender,
        subject=decoded(subjects[0]) if subjects else "",
        received_at=now,
        raw=raw,
        headers=headers,
        text=_body(message, "text/plain"),
        html=_body(message, "text/html"),
        one_click=parse_one_click(headers),
    )


def _body(message: Message, kind: str) -> str:
    """The first part of that type that is not an attachment."""
    for part in message.walk():
        if part.get_content_type() == kind and part.get_content_disposition() != "attachment":
            return _text_of(part)
    return ""


def _text_of(part: Message) -> str:
    content = part.get_payload(decode=True)
    octets = content if isinstance(content, bytes) else b""
    try:
        text = octets.decode(part.get_content_charset("utf-8"), "replace")
    except (LookupError, ValueError):
        text = octets.decode("utf-8", "replace")
    return text.replace("\r\n", "\n")
