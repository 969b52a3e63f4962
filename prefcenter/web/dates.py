"""Days as people read them, with the machine's form beside (`<time datetime>`)."""

from __future__ import annotations

from datetime import UTC, datetime

from babel.dates import format_date
from markupsafe import Markup

#: Bare "en" would put the month first, which half the world misreads.
_LOCALES = {"en": "en_GB"}


def day(moment: datetime, language: str = "en") -> Markup:
    """`3 March 2026`, the day in UTC."""
    date = moment.astimezone(UTC).date()
    shown = format_date(date, format="long", locale=_LOCALES.get(language, language))
    return Markup('<time datetime="{}">{}</time>').format(date.isoformat(), shown)
