"""NDJSON: one JSON object a line, read as a row of a table whose columns are known beforehand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from prefcenter.tables.errors import TableError
from prefcenter.tables.lines import Lines, Unreadable
from prefcenter.tables.refused import refuse_columns


def is_ndjson(lines: Lines) -> bool:
    """Whether the first line is an object; it comes again. Raises TableError for other JSON."""
    try:
        first = next(lines.pull(), "").strip()
    except Unreadable:
        first = ""
    lines.put_back()
    if first == "[" or first.startswith("[{"):
        raise TableError(f"{lines.name}: is one JSON array; write one object a line (jq -c '.[]')")
    return first.startswith("{")


class Objects:
    """Turns lines into cells in the order of `fields`."""

    def __init__(self, name: str, fields: Sequence[str]) -> None:
        self._name = name
        self._fields = fields
        self._known = frozenset(fields)

    def cells(self, line: str, number: int) -> list[str]:
        """Raises Unreadable, and TableError for a field that no import may bring (refused.py)."""
        try:
            found = json.loads(line, object_pairs_hook=_without_twins)
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"not JSON: {getattr(error, 'msg', None) or 'it cannot be read'}") from error
        if not isinstance(found, dict):
            raise Unreadable("not a JSON object")
        if unknown := found.keys() - self._known:
            refuse_columns(f"{self._name}, line {number}", sorted(unknown))
            raise Unreadable(f"unknown field: {', '.join(sorted(unknown))[:200]!r}")
        return [_text(name, found.get(name)) for name in self._fields]


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable("a field stands twice in the object")
    return found


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        raise Unreadable(f"{name}: must be a text, a whole number, true, false or null")
    return value
