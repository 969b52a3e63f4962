"""A mail to start from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from prefcenter.mail.message import ListUnsubscribe, OutgoingEmail, feedback_id, list_id

NEWSLETTER = OutgoingEmail(
    to="ada@example.com",
    subject="What is new in November",
    text="Hello Ada",
    html="<p>Hello Ada</p>",
    sender="Example Ltd <news@example.com>",
    message_id="<1@prefs.example.com>",
    date=datetime(2026, 11, 23, 12, tzinfo=UTC),
    list_unsubscribe=ListUnsubscribe(url="https://prefs.example.com/u/tok"),
    list_id=list_id("Product newsletter", "newsletter", "prefs.example.com"),
    feedback_id=feedback_id("newsletter", "prefs.example.com", "2026-11", "signed"),
)


def a_newsletter(**changes: Any) -> OutgoingEmail:
    return replace(NEWSLETTER, **changes)
