"""The rows of regimes.toml with where each value comes from, and the regimes they come to."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from prefcenter.domain.countries import country_of, wrong_name
from prefcenter.domain.regime_json import canonical
from prefcenter.domain.regime_sources import Sourced, wrong_source, wrong_value
from prefcenter.domain.regime_values import CELL, DATA_ONLY, ROW, Place, Section, sections
from prefcenter.domain.regimes import STRICT, Cell, Regime, Regimes
from prefcenter.domain.words import unknown

#: What an operator cannot set: the deadline of an alarm, and the day a law came into force.
_NOT_THE_OPERATORS = DATA_ONLY | {"soft_since"}

_Held = TypeVar("_Held")


class RegimeError(ValueError):
    """What is wrong with a text of rows, all that could be found, each with its row, key and remedy."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A row as written: its own values. What it does not say is as in `base`, else as `Regime` has it."""

    name: str
    title: str
    base: str | None = None
    values: Mapping[Place, Sourced] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, kw_only=True, slots=True)
class Override:
    """What an operator sets in one section, `[regimes.FR]` or `[regimes.FR.cells.email]`, as TOML has it.

    It reaches the rows that stand on this one too, save where they have a value of their own.
    """

    row: str
    path: Place = ()
    reason: str
    values: Mapping[str, Any]


def parse_regimes(text: str) -> Mapping[str, Row]:
    """The rows of a text in the form of regimes.toml, by name; raises RegimeError."""
    try:
        tree = tomllib.loads(text)
    except ValueError as error:
        raise RegimeError((f"not valid TOML: {error}; mend that line",)) from None
    problems: list[str] = []
    rows = {name: _row(name, table, problems) for name, table in tree.items()}
    if STRICT not in rows:
        problems.append(f"{STRICT}: is missing; it is the row of whoever lives nowhere that is known")
    problems += [wrong for row in rows.values() if (wrong := _wrong_base(rows, row))]
    if problems:
        raise RegimeError(problems)
    return MappingProxyType(rows)


def effective(rows: Mapping[str, Row], overrides: Iterable[Override] = ()) -> Regimes:
    """The regimes that count: the operator's values over the rows' own, theirs over their base's.

    A row that only an override names stands on its country's (a region), else on STRICT.
    """
    own = {name: {path: held.value for path, held in row.values.items()} for name, row in rows.items()}
    bases = {name: row.base for name, row in rows.items()}
    for override in overrides:
        own.setdefault(override.row, {}).update(_counted(override))
    for name in own.keys() - rows.keys():
        country = country_of(name)
        bases[name] = country if country != name and country in own else STRICT
    titles = {name: rows[name].title if name in rows else name for name in own}
    regimes = {name: _regime(name, titles[name], inherited(own, bases, name)) for name in sorted(own)}
    digest = hashlib.sha256(canonical(regimes)).hexdigest()
    return Regimes(rows=MappingProxyType(regimes), digest=digest)


def inherited(
    own: Mapping[str, Mapping[Place, _Held]], bases: Mapping[str, str | None], name: str
) -> dict[Place, _Held]:
    """All that a row says, with what it leaves to its base, and that to its own."""
    base = bases[name]
    return {**(inherited(own, bases, base) if base else {}), **own[name]}


def honour_within(rows: Mapping[str, Row]) -> Mapping[str, str]:
    """Within what a stop must be honoured, such as `10 business days`, by row; STRICT's where a row, and what
    it stands on, says nothing."""
    own = {name: {path: held.value for path, held in row.values.items()} for name, row in rows.items()}
    bases = {name: row.base for name, row in rows.items()}
    found = {name: inherited(own, bases, name).get(("honour_within",)) for name in own}
    return MappingProxyType({name: within for name, within in found.items() if within is not None})


def wrong_override(key: str, value: object, section: Section) -> Iterator[str]:
    """What is wrong with one value of an operator, each with its remedy."""
    if key in _NOT_THE_OPERATORS:
        yield f"{key!r} is not the operator's to set; take it out"
    elif key in section.readers:
        yield from wrong_value(section.readers[key], key, value)
    else:
        known = [*(section.readers.keys() - _NOT_THE_OPERATORS), "reason", *section.inside]
        yield unknown(f"key {key!r}", key, known)


def _row(name: str, table: object, problems: list[str]) -> Row:
    def problem(path: Place, message: str) -> None:
        problems.append(f"{': '.join((name, *filter(None, ['.'.join(path)])))}: {message}")

    if wrong := wrong_name(name):
        problem((), wrong)
    if not isinstance(table, dict):
        problem((), f"must be a section; write [{name}]")
        return Row(name=name, title=name)
    title, base = table.get("title"), table.get("base")
    if not isinstance(title, str) or not title.strip():
        problem(("title",), "must be the name that people use, in quotes")
    if "base" in table and not (isinstance(base, str) and base):
        problem(("base",), "must be the name of another row, in quotes")
        base = None
    values: dict[Place, Sourced] = {}
    rules = {key: held for key, held in table.items() if key not in ("title", "base")}
    for section in sections(rules, problem):
        values |= _values(section, problem)
    return Row(name=name, title=str(title), base=base, values=MappingProxyType(values))


def _values(section: Section, problem: Callable[[Place, str], None]) -> Iterator[tuple[Place, Sourced]]:
    for key, held in section.table.items():
        path = (*section.path, key)
        if key not in section.readers:
            known = [*section.readers, *section.inside, *(() if section.path else ("title", "base"))]
            problem(path, unknown(f"key {key!r}", key, known))
            continue
        wrong = list(wrong_source(section.readers[key], held))
        for message in wrong:
            problem(path, message)
        if not wrong:
            yield path, Sourced(**{**held, "value": section.readers[key](held["value"])})


def _wrong_base(rows: Mapping[str, Row], row: Row) -> str | None:
    seen = [row.name]
    while base := rows[seen[-1]].base:
        if base not in rows:
            # Told once, at the row that names it.
            return f"{row.name}: base: {unknown(f'row {base!r}', base, rows)}" if len(seen) == 1 else None
        if base in seen:
            return f"{row.name}: base: leads in a circle, {' to '.join((*seen, base))}; take one of them out"
        seen.append(base)
    return None


def _counted(override: Override) -> dict[Place, Any]:
    readers = CELL if override.path else ROW
    return {(*override.path, key): readers[key](value) for key, value in override.values.items()}


def _regime(name: str, title: str, values: Mapping[Place, Any]) -> Regime:
    said = {path[0]: value for path, value in values.items() if len(path) == 1 and path[0] not in DATA_ONLY}
    cells: dict[tuple[str, str | None], dict[str, Any]] = {}
    for path, value in values.items():
        if len(path) > 1:
            subscriber = path[2] if len(path) > 3 else None
            cells.setdefault((path[1], subscriber), {})[path[-1]] = value
    return Regime(
        name=name, title=title, cells=MappingProxyType({at: Cell(**cells[at]) for at in cells}), **said
    )
