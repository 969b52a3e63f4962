"""Where a value of a regime comes from: without that it is not taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from prefcenter.domain.regime_values import Reader
from prefcenter.domain.words import unknown

#: How a value was checked: the primary text was read, a secondary source was, or nothing was.
CONFIDENCE = ("P", "S", "K")

_NEEDED = {
    "value": "say what counts",
    "source": "cite where the rule stands",
    "checked": "give the day it was looked up, such as 2026-11-01",
    "confidence": 'say how it was checked, "P", "S" or "K"',
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Sourced:
    """A value as it counts (None: never, unlimited), and why it may be believed: see `CONFIDENCE`."""

    value: Any
    source: str
    checked: date
    confidence: str
    note: str | None = None


def wrong_value(read: Reader, key: str, value: object) -> Iterator[str]:
    """What is wrong with a value, each with its remedy."""
    try:
        read(value)
    except ValueError as error:
        yield from (f"{key!r} {message}" for message in error.args)


def wrong_source(read: Reader, held: object) -> Iterator[str]:
    """What is wrong with a table of value, source, checked, confidence and perhaps a note."""
    if not isinstance(held, dict):
        yield f"must be a table with {', '.join(_NEEDED)}"
        return
    yield from (f"{name!r} is missing; {remedy}" for name, remedy in _NEEDED.items() if name not in held)
    for name, value in held.items():
        match name:
            case "value":
                yield from wrong_value(read, name, value)
            case "source" | "note":
                if not isinstance(value, str) or not value.strip():
                    yield f"{name!r} must be text in quotes, not empty"
            case "checked":
                if not isinstance(value, date) or isinstance(value, datetime):
                    yield "'checked' must be a day without quotes, such as 2026-11-01"
            case "confidence":
                if value not in CONFIDENCE:
                    yield f"'confidence' must be one of {', '.join(CONFIDENCE)}"
            case _:
                yield unknown(f"key {name!r}", name, (*_NEEDED, "note"))
