"""Bodies of forms: fields, and the brackets in which PHP writes objects (`data[merges][FNAME]`)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from email_hooks.errors import Malformed

#: More fields, or deeper brackets, than any provider sends.
MOST_FIELDS = 2000
MOST_DEPTH = 8

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_BRACKET = re.compile(r"\[([^\[\]]*)\]")


def fields_of(body: bytes) -> list[tuple[str, str]]:
    """The fields of a form, decoded, in order. Raises Malformed."""
    try:
        # A byte that is no UTF-8 in somebody's name must not lose the opt-out beside it.
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="replace")
    except ValueError as error:
        raise Malformed("the body is no form, or has too many fields") from error


def nested(body: bytes) -> dict[str, Any]:
    """The form as objects in objects; lists keep their numbers as keys. A field that came twice, or one that
    is text and object at once, keeps what came first. Raises Malformed."""
    found: dict[str, Any] = {}
    for name, value in fields_of(body):
        path = _path(name)
        place: Any = found
        for key in path[:-1]:
            place = place.setdefault(key, {})
            if not isinstance(place, dict):
                break
        else:
            place.setdefault(path[-1], value)
    return found


def _path(name: str) -> list[str]:
    match = _NAME.fullmatch(name)
    if match is None:
        return [name]
    path = [match[1], *_BRACKET.findall(match[2])]
    if len(path) > MOST_DEPTH:
        raise Malformed("the form has brackets within brackets beyond measure")
    return path
