"""A format applied to one header: where each value stands, and how it is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, Self

from prefcenter.domain.facts import wrong_ending
from prefcenter.tables.formats import Format, Verdict
from prefcenter.tables.own import COLUMNS, STOP_LIST
from prefcenter.tables.recognising import IGNORED, column_names
from prefcenter.tables.values import (
    BadValue,
    Clock,
    Read,
    evidence_reader,
    fact_readers,
    identifier,
    one_of,
    purpose,
)

_BLANK = " \t\r\n\u00a0"
_LONGEST_RAW_TIME = 64


class _Source(NamedTuple):
    """Where one value comes from: the first column that is filled. `words` translate it, and drop others."""

    field: str
    columns: tuple[tuple[int, str], ...]
    read: Read
    words: Mapping[str, str] | None = None

    def text(self, cells: Sequence[str]) -> str:
        for place, _ in self.columns:
            if text := cells[place].strip(_BLANK):
                return text
        return ""

    def value(self, cells: Sequence[str]) -> Any:
        """None if no column is filled. Raises BadValue, which names the column."""
        for place, name in self.columns:
            if text := cells[place].strip(_BLANK):
                if self.words is not None:
                    return self.words.get(text.casefold())
                try:
                    return self.read(text)
                except BadValue as error:
                    raise BadValue(f"{name}: {error}") from error
        return None


class _Test(NamedTuple):
    place: int
    words: frozenset[str]
    unless: bool
    verdict: Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Reads the cells of rows that have as many as the header."""

    form: Format
    address: _Source
    purpose: _Source
    channel: _Source
    _external_id: _Source
    _tests: tuple[_Test, ...]
    _given_at: _Source
    _stopped_at: _Source
    _evidence: tuple[_Source, ...]
    _facts: tuple[_Source, ...]

    @classmethod
    def of(cls, form: Format, header: Sequence[str], now: datetime) -> Self:
        names = column_names(header)
        clock = Clock(now, zoneless=not form.own)
        # A stop that is dated too early undoes less than it must: without a known zone it has no date.
        strict = Clock(now, zoneless=form.utc)

        def source(field: str, columns: Iterable[str], read: Read) -> _Source:
            found = tuple((names.index(column), column) for column in columns if column in names)
            return _Source(field, found, read, form.words.get(field))

        def own(field: str, read: Read) -> _Source:
            return source(field, (field,) if form.own else (), read)

        readers = fact_readers(clock)
        evidence = (source(f, c, evidence_reader(f, clock)) for f, c in form.evidence.items())
        facts = (source(f, c, readers[f]) for f, c in form.facts.items())
        return cls(
            form=form,
            address=source("email", _address_columns(form, names), str),
            purpose=own("purpose", purpose),
            channel=own("channel", one_of("email", "sms", "push", "post", "phone")),
            _external_id=own("external_id", identifier),
            _tests=tuple(_tests(form, names)),
            _given_at=source("occurred_at", form.given_at, clock.moment),
            _stopped_at=source("occurred_at", form.stopped_at, strict.moment),
            _evidence=tuple(each for each in evidence if each.columns),
            _facts=tuple(each for each in facts if each.columns),
        )

    def verdict(self, cells: Sequence[str]) -> Verdict:
        for place, words, unless, verdict in self._tests:
            if (_plain(cells[place]) in words) is not unless:
                return verdict
        return self.form.otherwise

    def external_id(self, cells: Sequence[str], problems: list[str]) -> str | None:
        found: str | None = _collected([self._external_id], cells, problems).get("external_id")
        return found

    def occurred_at(self, cells: Sequence[str], action: str | None, problems: list[str]) -> datetime | None:
        if action is None:
            return None
        found = _collected([self._given_at if action == "give" else self._stopped_at], cells, problems)
        moment: datetime | None = found.get("occurred_at")
        return moment

    def evidence(self, cells: Sequence[str], undated: bool, problems: list[str]) -> dict[str, Any]:
        """`undated`: the time of a stop as it stands in the file is evidence, even where it is no date."""
        found = _collected(self._evidence, cells, problems)
        if not self.form.own and self.form is not STOP_LIST:
            found["format"] = self.form.name
        if undated and (stated := self._stopped_at.text(cells)):
            found["stated_time"] = stated[:_LONGEST_RAW_TIME]
        return found

    def facts(self, cells: Sequence[str], problems: list[str]) -> dict[str, Any]:
        """In the shape of the API's `SubjectIn`."""
        if not self._facts:
            return {}
        found = _collected(self._facts, cells, problems)
        region = found.pop("region", None)
        # Only there do states have laws of their own, and codes of two letters.
        if region and found.get("country") == "US" and len(region) == 2 and region.isalpha():
            found["country"] = f"US-{region.upper()}"
        return _with_relationship(found, self.form.own, problems)


def unread(form: Format, header: Sequence[str]) -> list[str]:
    """The columns that an import in this format leaves alone, as they are spelled in the file."""
    mapped = (form.given_at, form.stopped_at, *form.evidence.values(), *form.facts.values())
    names = column_names(header)
    read = {name for columns in mapped for name in columns} | set(_address_columns(form, names)[:1])
    read |= {names[test.place] for test in _tests(form, names)} | set(COLUMNS if form.own else ())
    return [
        cell.strip()
        for cell, name in zip(header, names, strict=True)
        if name and name not in read and name not in IGNORED
    ]


def _address_columns(form: Format, names: Sequence[str]) -> Sequence[str]:
    own = [name for name in names if name not in IGNORED]
    return own if form is STOP_LIST and len(own) == 1 else [c for c in form.email if c in names]


def _tests(form: Format, names: Sequence[str]) -> Iterator[_Test]:
    for rule in form.rules:
        for place, name in enumerate(names):
            if fnmatchcase(name, rule.column):
                yield _Test(place, rule.words, rule.unless, rule.verdict)


def _plain(cell: str) -> str:
    return cell.strip(_BLANK).casefold().replace("_", " ").replace("-", " ")


def _collected(sources: Iterable[_Source], cells: Sequence[str], problems: list[str]) -> dict[str, Any]:
    found = {}
    for source in sources:
        try:
            value = source.value(cells)
        except BadValue as error:
            problems.append(str(error))
            continue
        if value is not None:
            found[source.field] = value
    return found


_RELATIONSHIP = "relationship_"
_OFFER = {"opt_out_offered_at": "at", "opt_out_wording": "wording"}


def _with_relationship(found: dict[str, Any], own: bool, problems: list[str]) -> dict[str, Any]:
    """`found` with its relationship in one piece; half of one is a problem, or, in an export, left out."""
    names = [name for name in found if name.startswith(_RELATIONSHIP)]
    parts = {name.removeprefix(_RELATIONSHIP): found.pop(name) for name in names}
    if offer := {key: found.pop(name) for name, key in _OFFER.items() if name in found}:
        parts["opt_out_offered"] = offer
    if not parts:
        return found
    missing = [_RELATIONSHIP + name for name in ("kind", "since") if name not in parts]
    missing += [name for name, key in _OFFER.items() if offer and key not in offer]
    if missing:
        if own:
            problems.append(f"{', '.join(missing)}: is missing, and needed with the other columns about it")
        return found
    if wrong := wrong_ending(parts["since"], parts.get("ended_at"), parts.get("ongoing", False)):
        problems.append(f"{_RELATIONSHIP}ended_at: {wrong}")
    else:
        found["relationship"] = parts
    return found
