"""`audit`: a list of sends, and which of them should not have been."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from prefcenter.bootstrap import utc_now
from prefcenter.commands.database import opened
from prefcenter.commands.errors import CommandError
from prefcenter.domain.decide import Decision
from prefcenter.settings import Settings
from prefcenter.tables.errors import TableError
from prefcenter.tables.streams import Row, Table, column, open_table
from prefcenter.tables.writing import safe, writer
from prefcenter.use_cases.audit_sends import STOPPED, BadSend, Send, audit, read_send
from prefcenter.use_cases.services import Services

_NEEDED = ("email", "purpose", "sent_at")
_OPTIONAL = "channel"
_REPORT_EVERY = 500
_FOUND = ("line", *_NEEDED, _OPTIONAL, "reason", "since", "entry")


async def audit_file(settings: Settings, source: Path | None, target: Path | None) -> int:
    """Write a row for each send that was not allowed; the exit code is 1 where there is one, or a bad row."""
    try:
        with open_table(source) as table:
            _refuse_the_same(table, target)
            columns = _columns(table)
            async with opened(settings) as services:
                counts = await _audit(services, table, columns, target)
    except TableError as error:
        raise CommandError(str(error)) from error
    print(
        f"{counts['sends']} sends, {counts['stopped']} after a stop, "
        f"{counts['not allowed']} otherwise not allowed, {counts['bad']} bad rows",
        file=sys.stderr,
    )
    return 1 if counts["stopped"] or counts["not allowed"] or counts["bad"] else 0


def _refuse_the_same(table: Table, target: Path | None) -> None:
    if table.path and target and target.exists() and target.samefile(table.path):
        raise CommandError(f"{target}: is the file that is read; write to another one")


def _columns(table: Table) -> dict[str, int]:
    columns = {name: column(table, name) for name in _NEEDED}
    if _OPTIONAL in (cell.strip().casefold() for cell in table.header):
        columns[_OPTIONAL] = column(table, _OPTIONAL)
    return columns


async def _audit(
    services: Services, table: Table, columns: dict[str, int], target: Path | None
) -> Counter[str]:
    counts: Counter[str] = Counter()
    with writer(target, _FOUND) as write, _progress(table) as advance:
        sends = _sends(services, table, columns, counts, utc_now())
        async for row, decision in audit(services, sends):
            counts["sends"] += 1
            if not decision.allowed:
                counts["stopped" if decision.reason in STOPPED else "not allowed"] += 1
                write(safe(cell) for cell in _found(row, columns, decision))
            if counts["sends"] % _REPORT_EVERY == 0:
                advance()
    return counts


def _sends(
    services: Services, table: Table, columns: dict[str, int], counts: Counter[str], now: datetime
) -> Iterator[tuple[Row, Send]]:
    """What can be understood; the rest is named on standard error and counted as bad."""
    for row in table.rows:
        try:
            if row.fault is not None:
                raise BadSend(row.fault)
            said = {name: row.cells[place] for name, place in columns.items()}
            yield row, read_send(services, **{_OPTIONAL: "", **said}, now=now)
        except BadSend as error:
            counts["bad"] += 1
            print(f"line {row.line}: {error}", file=sys.stderr)


def _found(row: Row, columns: dict[str, int], decision: Decision) -> Iterator[str]:
    """A row of what is written: the send as it was given, and why it was not allowed."""
    yield str(row.line)
    for name in (*_NEEDED, _OPTIONAL):
        yield row.cells[columns[name]].strip() if name in columns else ""
    yield decision.reason
    yield decision.since.isoformat() if decision.since is not None else ""
    yield decision.entry or ""


@contextmanager
def _progress(table: Table) -> Iterator[Callable[[], None]]:
    """A bar on a terminal, silence in a pipe."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("auditing", total=table.size)
        yield lambda: progress.update(task, completed=table.bytes_read)
