"""Reading what came: whatever it is, a value, None, or `Malformed`; never another error."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from email_hooks.errors import Malformed
from email_hooks.events import NOTHING

_decode = msgspec.json.Decoder().decode
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Seconds from 1970 to the end of the year 9999.
_LAST = 253_402_300_799


def json_of(body: bytes | str) -> Any:
    """The decoded document. Raises Malformed."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed("the body is not JSON") from error


def object_of(body: bytes | str) -> dict[str, Any]:
    """The document, where it is an object. Raises Malformed."""
    value = json_of(body)
    if not isinstance(value, dict):
        raise Malformed("the body is not a JSON object")
    return value


def list_of(body: bytes | str) -> list[Any]:
    """The document, where it is an array. Raises Malformed."""
    value = json_of(body)
    if not isinstance(value, list):
        raise Malformed("the body is not a JSON array")
    return value


def part(value: Any, *names: str) -> dict[str, Any]:
    """An object within an object; empty where it is missing or something else."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in an array; none where it is missing or something else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def text(value: Any) -> str | None:
    """A text that says something, or a whole number as one; None for anything else."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def texts(value: Any) -> dict[str, str] | Mapping[str, str]:
    """The entries of an object that are plain values, as texts."""
    if not isinstance(value, dict) or not value:
        return NOTHING
    return {key: found for key, one in value.items() if (found := text(one)) is not None}


def iso_time(value: Any) -> datetime | None:
    """An ISO 8601 time, in UTC where it names no zone; None where it cannot be read."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is UTC:
            return moment
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def unix_time(value: Any, *, per_second: int = 1) -> datetime | None:
    """A time in seconds since 1970 (or so many parts of one); None where it cannot be read."""
    if type(value) is int and per_second == 1 and 0 <= value <= _LAST:
        # Nearly always, and the quickest way.
        return datetime.fromtimestamp(value, UTC)
    if isinstance(value, str):
        if len(value) > 20 or not value.isascii() or not value.isdigit():
            return None
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 <= value <= _LAST * per_second:
        return None
    if isinstance(value, int):
        return _EPOCH + timedelta(microseconds=value * 1_000_000 // per_second)
    return _EPOCH + timedelta(seconds=value / per_second)


def composed_id(*parts: object) -> str:
    """An event id for providers that give none: the same for the same parts."""
    joined = "\x1f".join("" if one is None else str(one) for one in parts)
    return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()
