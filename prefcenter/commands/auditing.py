"""`audit`: a list of sends, and which of them should not have been."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from prefcenter.bootstrap import utc_now
from prefcenter.commands.database import opened
from prefcenter.commands.errors import CommandError
from prefcenter.commands.streaming import name_bad, progress
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


def _columns(table: Table) -> dict[str, int]:
    columns = {name: column(table, name) for name in _NEEDED}
    if _OPTIONAL in (cell.strip().casefold() for cell in table.header):
        columns[_OPTIONAL] = column(table, _OPTIONAL)
    return columns


async def _audit(
    services: Services, table: Table, columns: dict[str, int], target: Path | None
) -> Counter[str]:
    counts: Counter[str] = Counter()
    now = utc_now()
    # Another process may have applied something since we opened: what we say of a moment is to stay so.
    await services.catalogs.refresh()
    with writer(target, _FOUND) as write, progress(table, "auditing") as advance:
        sends = _sends(services, table, columns, counts, now)
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
            name_bad(row.line, str(error))


def _found(row: Row, columns: dict[str, int], decision: Decision) -> Iterator[str]:
    """A row of what is written: the send as it was given, and why it was not allowed."""
    yield str(row.line)
    for name in (*_NEEDED, _OPTIONAL):
        yield row.cells[columns[name]].strip() if name in columns else ""
    yield decision.reason
    yield decision.since.isoformat() if decision.since is not None else ""
    yield decision.entry or ""
