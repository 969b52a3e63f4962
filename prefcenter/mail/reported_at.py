"""When a report says that it was made."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from prefcenter.mail.parts import Part


def reported_at(mail: Part) -> datetime | None:
    """The Date of the mail, in UTC; None where it cannot be read."""
    try:
        stated = parsedate_to_datetime(mail.value("date")[:100])
        # RFC 5322 3.3: -0000 says that only UTC is known.
        return stated.replace(tzinfo=UTC) if stated.tzinfo is None else stated.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
