"""`import`: people with their consent evidence, and stops, from a file of another tool or of one's own."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from prefcenter.bootstrap import utc_now
from prefcenter.commands.database import opened
from prefcenter.commands.errors import CommandError
from prefcenter.domain.purposes import ANY
from prefcenter.settings import Settings
from prefcenter.storage.imports import ImportRun, find_or_begin, finish
from prefcenter.tables.errors import TableError
from prefcenter.tables.formats import Format
from prefcenter.tables.importing import (
    Bad,
    Declaration,
    Found,
    ImportOptions,
    Skipped,
    open_import,
    read_import,
    unread_columns,
)
from prefcenter.tables.recognising import recognise
from prefcenter.tables.rejects import Reject, rejects
from prefcenter.tables.streams import Table
from prefcenter.tables.writing import Write, safe, writer
from prefcenter.use_cases.import_people import REJECTED, Fate, Importer
from prefcenter.use_cases.record_choices import no_such_purpose
from prefcenter.use_cases.services import Services

#: Bad rows that are named on the terminal; all of them are in the reject file.
_NAMED = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportRequest:
    """What was asked for on the command line. `source` None: standard input."""

    source: Path | None
    purpose: str | None = None
    stop: bool = False
    dry_run: bool = False
    format: str | None = None
    declare: str | None = None
    declared_source: str | None = None
    rejects: Path | None = None


async def import_file(settings: Settings, wanted: ImportRequest) -> int:
    """The exit code is 1 where rows were rejected."""
    try:
        async with opened(settings) as services:
            return await _import(services, wanted)
    except TableError as error:
        raise CommandError(str(error)) from error


async def _import(services: Services, wanted: ImportRequest) -> int:
    now = utc_now()
    if wanted.purpose not in (None, ANY) and services.catalogs.find(wanted.purpose or "") is None:
        raise CommandError(f"--purpose: {no_such_purpose(services)}")
    options = ImportOptions(now=now, purpose=wanted.purpose, declaration=_declaration(wanted))
    with ExitStack() as files:
        table = files.enter_context(open_import(wanted.source, stop=wanted.stop))
        form = recognise(table, wanted.format, stop=wanted.stop)
        rows = read_import(table, form, options)
        _say(table, form)
        run = None if wanted.dry_run else await _run(services, table, wanted, form)
        start = run.position if run else 0
        if start:
            print("Going on where an earlier run of this file was interrupted.", file=sys.stderr)
            table = files.enter_context(open_import(wanted.source, start=start, stop=wanted.stop))
            rows = read_import(table, form, options)
        importer = Importer(services, run, utc_now)
        tell = files.enter_context(_telling(table, wanted, resumed=bool(start)))
        await importer.take(rows, tell)
    if run is not None:
        await finish(services.database, run, importer.position, importer.counts, utc_now())
    _summary(importer.counts, dry_run=wanted.dry_run)
    return 1 if importer.counts[REJECTED] else 0


def _declaration(wanted: ImportRequest) -> Declaration | None:
    if wanted.declare is None:
        if wanted.declared_source is not None:
            raise CommandError("--declared-source: says where --declare was shown; add --declare")
        return None
    source = wanted.declared_source or "declared by the operator for the whole file"
    return Declaration(wording=wanted.declare, source=source)


async def _run(services: Services, table: Table, wanted: ImportRequest, form: Format) -> ImportRun:
    """The interrupted run of this very file with these options, or a new one."""
    told = (form.name, wanted.purpose, wanted.stop, wanted.declare, wanted.declared_source)
    seen = hashlib.sha256(repr((table.header, table.size, told)).encode())
    if wanted.source is None:
        # Standard input cannot be begun anew: each is another one.
        seen.update(repr(utc_now()).encode())
    else:
        with wanted.source.open("rb") as file:
            seen.update(hashlib.file_digest(file, "sha256").digest())
    return await find_or_begin(
        services.database, name=Path(table.name).name, digest=seen.hexdigest(), now=utc_now()
    )


def _say(table: Table, form: Format) -> None:
    print(f"{table.name}: {form.title}", file=sys.stderr)
    if unread := unread_columns(table, form):
        print(f"Not read: {', '.join(unread)}", file=sys.stderr)


@contextmanager
def _telling(table: Table, wanted: ImportRequest, *, resumed: bool) -> Iterator[Callable[[Fate], None]]:
    """A progress bar, the reject file, and in a dry run what would become of each row."""
    with ExitStack() as stack:
        advance = stack.enter_context(_progress(table))
        tellers = []
        if wanted.rejects is not None:
            tellers.append(_rejecting(stack.enter_context(rejects(wanted.rejects, table, append=resumed))))
        if wanted.dry_run:
            tellers.append(_listing(stack.enter_context(writer(None, _LISTED))))
        if not tellers:
            tellers.append(_naming())

        def tell(fate: Fate) -> None:
            for teller in tellers:
                teller(fate)
            advance()

        yield tell


def _rejecting(reject: Reject) -> Callable[[Fate], None]:
    def tell(fate: Fate) -> None:
        row = fate.row
        if fate.what == REJECTED and not isinstance(row, Skipped):
            reject(Bad(row.line, row.position, fate.reason or "", list(row.cells)))

    return tell


_LISTED = ("line", "action", "purpose", "outcome", "reason")


def _listing(write: Write) -> Callable[[Fate], None]:
    def tell(fate: Fate) -> None:
        row = fate.row
        action, purpose = (row.action, row.purpose) if isinstance(row, Found) else (None, None)
        cells = (str(row.line), action or "", purpose or "", fate.what, fate.reason or "")
        write([safe(cell) for cell in cells])

    return tell


def _naming() -> Callable[[Fate], None]:
    """The first bad rows on standard error: without their cells, which may hold addresses."""
    named = 0

    def tell(fate: Fate) -> None:
        nonlocal named
        if fate.what != REJECTED or named > _NAMED:
            return
        named += 1
        more = named > _NAMED
        what = "… more rows are bad; --rejects FILE keeps them all"
        print(what if more else f"line {fate.row.line}: {fate.reason}", file=sys.stderr)

    return tell


def _summary(counts: Mapping[str, int], *, dry_run: bool) -> None:
    head = "Nothing was recorded. It would be:" if dry_run else "Done:"
    lines = [f"  {number:>9,}  {kind}".replace(",", " ") for kind, number in sorted(counts.items())]
    print("\n".join([head, *(lines or ["  no rows"])]), file=sys.stderr)


@contextmanager
def _progress(table: Table) -> Iterator[Callable[[], None]]:
    """A bar on a terminal, silence in a pipe."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("importing", total=table.size)
        yield lambda: progress.update(task, completed=table.bytes_read)
