"""What an import finds: each row of a recognised table as a choice, facts, or what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from prefcenter.domain.addresses import InvalidAddress, parse_email
from prefcenter.domain.choices import Action, stopping_action
from prefcenter.domain.purposes import ANY
from prefcenter.tables.errors import TableError
from prefcenter.tables.formats import Format, Verdict
from prefcenter.tables.own import COLUMNS, STOP_LIST
from prefcenter.tables.plans import Plan, unread
from prefcenter.tables.streams import Row, Table, open_table
from prefcenter.tables.values import BadValue, text_of

_GIVE = Action.GIVE.value


@dataclass(frozen=True, kw_only=True, slots=True)
class Declaration:
    """What the operator vouches for, for every yes of a file that lacks it: the `wording` that people agreed
    to, and where and how (`source`)."""

    wording: str
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportOptions:
    """`now` is aware. `purpose`: for rows that name none. A stop without one stops all marketing."""

    now: datetime
    purpose: str | None = None
    declaration: Declaration | None = None


class Found(NamedTuple):
    """What a row says. `position`: where a later run goes on after it.

    `action` is a word of `domain.choices.Action`, or None: facts only, and no purpose. `channel` None: the
    usual one (email; every channel for `*`). `occurred_at` is aware UTC, or None where the file does not say
    when. `evidence` holds texts, `facts` the shape of the API's `SubjectIn`. `left_out`: what of a stop's row
    could not be read; it is a stop all the same. `cells`: the row as it was.
    """

    line: int
    position: int
    email: str
    purpose: str | None
    channel: str | None
    action: str | None
    occurred_at: datetime | None
    evidence: dict[str, Any]
    facts: dict[str, Any]
    external_id: str | None
    left_out: tuple[str, ...] = ()
    cells: Sequence[str] = ()


class Bad(NamedTuple):
    """A row that cannot be taken. `reason` names the column and the remedy, and repeats no cell."""

    line: int
    position: int
    reason: str
    cells: list[str]


class Skipped(NamedTuple):
    """A good row that says nothing to be recorded; there are few different reasons in a file."""

    line: int
    position: int
    reason: str


def open_import(path: Path | None, *, start: int = 0, stop: bool = False) -> Table:
    """A table for `recognise` and `read_import`. `start`: the position of the last row of an earlier run."""
    return open_table(path, start=start, bare=stop, fields=COLUMNS)


def read_import(table: Table, form: Format, options: ImportOptions) -> Iterator[Found | Bad | Skipped]:
    """Each row of the table. Raises TableError: at once where an option is missing, while iterating where
    the file is no text."""
    _check(table, form, options)
    reader = _Reader(Plan.of(form, table.header, options.now), options)
    return (_fault(row) if row.fault else reader.read(row) for row in table.rows)


def unread_columns(table: Table, form: Format) -> list[str]:
    """The columns whose cells an import of this format leaves alone, for the operator to look at."""
    return unread(form, table.header)


def _check(table: Table, form: Format, options: ImportOptions) -> None:
    if form is not STOP_LIST and not form.own and options.purpose in (None, ANY):
        if form.yes_without_purpose:
            why = f"{form.title}: people said yes, and the file does not say to what; name it with --purpose"
            raise TableError(f"{table.name}: {why}")
        if options.declaration:
            raise TableError(f"{table.name}: a declaration needs the purpose it is about; add --purpose")
    if options.declaration:
        try:
            text_of(4000)(options.declaration.wording)
            text_of(500)(options.declaration.source)
        except BadValue as error:
            raise TableError(f"the declaration {error}") from error


def _fault(row: Row) -> Bad:
    return Bad(row.line, row.position, row.fault or "", row.cells)


class _Reader:
    def __init__(self, plan: Plan, options: ImportOptions) -> None:
        self._plan = plan
        self._options = options

    def read(self, row: Row) -> Found | Bad | Skipped:
        try:
            return self._read(row)
        except BadValue as error:
            return Bad(row.line, row.position, str(error), row.cells)

    def _read(self, row: Row) -> Found | Skipped:
        cells, plan = row.cells, self._plan
        email = self._email(cells)
        verdict = plan.verdict(cells)
        purpose = self._purpose(verdict, cells)
        action = self._action(verdict, purpose)
        channel = verdict.channel or plan.channel.value(cells)
        problems: list[str] = []
        external_id = plan.external_id(cells, problems)
        occurred_at = plan.occurred_at(cells, action, problems)
        evidence = self._evidence(cells, action, occurred_at, problems)
        facts = plan.facts(cells, problems)
        if problems and action in (None, _GIVE):
            raise BadValue("; ".join(_once(problems)))
        if action is None:
            if not facts and external_id is None:
                return Skipped(row.line, row.position, verdict.why)
            said = (email, None, None, None, None)
            return Found(row.line, row.position, *said, {}, facts, external_id, cells=cells)
        what = (email, purpose, channel, action, occurred_at, evidence, facts, external_id)
        return Found(row.line, row.position, *what, left_out=_once(problems), cells=cells)

    def _email(self, cells: list[str]) -> str:
        address = self._plan.address
        email = address.text(cells)
        if not email:
            raise BadValue(f"{address.columns[0][1]}: is empty")
        try:
            parse_email(email)
        except InvalidAddress as error:
            raise BadValue(f"{address.columns[0][1]}: {error}") from error
        return email

    def _purpose(self, verdict: Verdict, cells: list[str]) -> str:
        """Raises BadValue where a yes is to nothing in particular."""
        if verdict.everywhere:
            return ANY
        purpose: str = self._plan.purpose.value(cells) or self._options.purpose or ANY
        if verdict.action == _GIVE and not verdict.if_declared and purpose == ANY:
            raise BadValue("purpose: a yes needs the purpose it is for, one and not *")
        return purpose

    def _action(self, verdict: Verdict, purpose: str) -> str | None:
        if verdict.is_bad:
            raise BadValue(verdict.why)
        if verdict.if_declared and not self._options.declaration:
            return None
        return stopping_action(purpose, None).value if verdict.action == "stop" else verdict.action

    def _evidence(
        self, cells: list[str], action: str | None, occurred_at: datetime | None, problems: list[str]
    ) -> dict[str, Any]:
        if action is None:
            return {}
        if action != _GIVE:
            return self._plan.evidence(cells, occurred_at is None, problems)
        evidence = self._plan.evidence(cells, False, problems)
        if self._options.declaration:
            _declare(evidence, self._options.declaration)
        return evidence


def _once(problems: list[str]) -> tuple[str, ...]:
    """A column may be read for two things: the time of a yes is evidence, too."""
    return tuple(dict.fromkeys(problems))


def _declare(evidence: dict[str, Any], declared: Declaration) -> None:
    """The operator's word for what the row lacks, marked as such."""
    said = {"wording": declared.wording, "source": declared.source}
    if missing := [name for name in said if name not in evidence]:
        evidence.update({name: said[name] for name in missing}, declared=missing)
