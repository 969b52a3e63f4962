"""`import`: people with their consent evidence, and stops, from a file of another tool or of one's own."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from prefcenter.bootstrap import utc_now
from prefcenter.commands.database import opened
from prefcenter.commands.errors import CommandError
from prefcenter.commands.streaming import Namer, progress
from prefcenter.domain.purposes import ANY
from prefcenter.settings import Settings
from prefcenter.storage.imports import ImportRun, begin, find_interrupted, finish
from prefcenter.tables.errors import TableError
from prefcenter.tables.formats import Format
from prefcenter.tables.importing import (
    Declaration,
    Found,
    ImportOptions,
    open_import,
    read_import,
    unread_columns,
)
from prefcenter.tables.recognising import recognise
from prefcenter.tables.rejects import Reject, no_rejects, rejects
from prefcenter.tables.streams import Table
from prefcenter.tables.writing import Write, safe, writer
from prefcenter.use_cases.import_people import REJECTED, Fate, Importer
from prefcenter.use_cases.record_choices import no_such_purpose
from prefcenter.use_cases.services import Services


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
        digest = _digest(table, wanted, form)
        run = None if wanted.dry_run else await find_interrupted(services.database, digest)
        if start := run.reached.position if run else 0:
            print("Going on where an earlier run of this file was interrupted.", file=sys.stderr)
            table = files.enter_context(open_import(wanted.source, start=start, stop=wanted.stop))
            rows = read_import(table, form, options)
        reject = files.enter_context(_rejecting(table, wanted, run))
        if run is None and not wanted.dry_run:
            # After its file of bad rows, or a run that began would be one whose file may not be there.
            name, size = Path(table.name).name, reject([])
            run = await begin(services.database, name=name, digest=digest, rejects=size, now=utc_now())
        importer = Importer(services, run, utc_now, reject)
        await importer.take(rows, files.enter_context(_telling(table, wanted)))
    counts = importer.reached.counts
    if run is not None:
        await finish(services.database, run, importer.reached, utc_now())
    _summary(counts, dry_run=wanted.dry_run)
    if run is not None:
        print(f"Was it a mistake? prefcenter void --import {run.id} --reason … --dry-run", file=sys.stderr)
    return 1 if counts.get(REJECTED) else 0


def _declaration(wanted: ImportRequest) -> Declaration | None:
    if wanted.declare is None:
        if wanted.declared_source is not None:
            raise CommandError("--declared-source: says where --declare was shown; add --declare")
        return None
    source = wanted.declared_source or "declared by the operator for the whole file"
    return Declaration(wording=wanted.declare, source=source)


def _digest(table: Table, wanted: ImportRequest, form: Format) -> str:
    """Of this very file with these options: by it an interrupted run is found again."""
    rejects_to = str(wanted.rejects.absolute()) if wanted.rejects is not None else None
    told = (form.name, wanted.purpose, wanted.stop, wanted.declare, wanted.declared_source, rejects_to)
    seen = hashlib.sha256(repr((table.header, table.size, told)).encode())
    if wanted.source is None:
        # Standard input cannot be begun anew: each is another one.
        seen.update(repr(utc_now()).encode())
    else:
        with wanted.source.open("rb") as file:
            seen.update(hashlib.file_digest(file, "sha256").digest())
    return seen.hexdigest()


def _say(table: Table, form: Format) -> None:
    print(f"{table.name}: {form.title}", file=sys.stderr)
    if unread := unread_columns(table, form):
        print(f"Not read: {', '.join(unread)}", file=sys.stderr)


def _rejecting(table: Table, wanted: ImportRequest, run: ImportRun | None) -> AbstractContextManager[Reject]:
    """The reject file: a new one, or that of the interrupted run."""
    if wanted.rejects is None:
        return nullcontext(no_rejects)
    return rejects(wanted.rejects, table, go_on_at=run.reached.rejects if run else None)


@contextmanager
def _telling(table: Table, wanted: ImportRequest) -> Iterator[Callable[[Fate], None]]:
    """A progress bar, in a dry run what would become of each row, or else the first bad rows by name."""
    with ExitStack() as stack:
        advance = stack.enter_context(progress(table, "importing"))
        if wanted.dry_run:
            tell = _listing(stack.enter_context(writer(None, _LISTED)))
        else:
            tell = _naming() if wanted.rejects is None else _quiet

        def tell_and_advance(fate: Fate) -> None:
            tell(fate)
            advance()

        yield tell_and_advance


def _quiet(_: Fate) -> None: ...


_LISTED = ("line", "action", "purpose", "outcome", "reason")


def _listing(write: Write) -> Callable[[Fate], None]:
    def tell(fate: Fate) -> None:
        row = fate.row
        action, purpose = (row.action, row.purpose) if isinstance(row, Found) else (None, None)
        cells = (str(row.line), action or "", purpose or "", fate.what, fate.reason or "")
        write([safe(cell) for cell in cells])

    return tell


def _naming() -> Callable[[Fate], None]:
    name = Namer("… more rows are bad; --rejects FILE keeps them all")

    def tell(fate: Fate) -> None:
        if fate.what == REJECTED:
            name(fate.row.line, fate.reason or "")

    return tell


def _summary(counts: Mapping[str, int], *, dry_run: bool) -> None:
    head = "Nothing was recorded. It would be:" if dry_run else "Done:"
    lines = [f"  {number:>9,}  {kind}".replace(",", " ") for kind, number in sorted(counts.items())]
    print("\n".join([head, *(lines or ["  no rows"])]), file=sys.stderr)
