"""Moments as people read them in a mail, where no `<time>` stands beside."""

from __future__ import annotations

from datetime import UTC, datetime

from babel.dates import format_date, format_time

#: Bare "en" would put the month first, which half the world misreads.
_LOCALES = {"en": "en_GB"}


def moment(at: datetime, language: str = "en") -> str:
    """`3 March 2026, 14:05 UTC`."""
    utc = at.astimezone(UTC)
    locale = _LOCALES.get(language, language)
    return f"{format_date(utc, format='long', locale=locale)}, {format_time(utc, 'HH:mm', locale=locale)} UTC"


def day(at: datetime, language: str = "en") -> str:
    """`3 March 2026`, the day in UTC."""
    return format_date(at.astimezone(UTC), format="long", locale=_LOCALES.get(language, language))
