"""`[regimes.*]`: what an operator sets in place of the shipped rules of a country, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

from prefcenter.catalog.sections import REASON, Problems, read_section
from prefcenter.catalog.toml_lines import KeyPath
from prefcenter.domain.countries import wrong_name
from prefcenter.domain.regime_rows import Override, wrong_override
from prefcenter.domain.regime_values import Place, Section, sections


def read_overrides(problems: Problems, tree: dict[str, Any]) -> Iterator[Override]:
    """Each section that sets something, in the order of the file."""
    rows = tree.get("regimes", {})
    if not isinstance(rows, dict):
        problems.add((), "'regimes' must hold sections; write [regimes.FR]", key="regimes")
        return
    for row, table in rows.items():
        if wrong := wrong_name(row):
            problems.add(("regimes", row), wrong)
        if isinstance(table, dict):
            yield from _of_row(problems, row, table)
        else:
            problems.add(("regimes",), f"{row!r} must be a section; write [regimes.{row}]", key=row)


def _of_row(problems: Problems, row: str, table: dict[str, Any]) -> Iterator[Override]:
    def misplaced(path: Place, message: str) -> None:
        problems.add(("regimes", row, *path), message)

    for section in sections(table, misplaced):
        if not section.table:
            continue  # only there for the parts inside it
        values = {key: value for key, value in section.table.items() if key != "reason"}
        reason = _reason(problems, ("regimes", row, *section.path), section, values)
        if _is_sound(problems, ("regimes", row, *section.path), section, values) and reason:
            yield Override(row=row, path=section.path, reason=reason, values=MappingProxyType(values))


def _reason(problems: Problems, at: KeyPath, section: Section, values: dict[str, Any]) -> str | None:
    if not values:
        problems.add(at, "'reason' stands alone; say what it is the reason for, or take it out", key="reason")
    given = {key: value for key, value in section.table.items() if key == "reason"}
    said = read_section(problems, at, given, REASON)
    return said["reason"] if said and values else None


def _is_sound(problems: Problems, at: KeyPath, section: Section, values: dict[str, Any]) -> bool:
    wrong = [(key, one) for key, value in values.items() for one in wrong_override(key, value, section)]
    for key, message in wrong:
        problems.add(at, message, key=key)
    return not wrong
