"""`links`: a CSV in, the same CSV with links out, any size in constant memory."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, cast

from rich.console import Console
from rich.progress import Progress

from prefcenter.bootstrap import utc_now
from prefcenter.commands.database import opened
from prefcenter.commands.errors import CommandError
from prefcenter.domain.addresses import InvalidAddress
from prefcenter.settings import Settings
from prefcenter.use_cases.mint_links import Minted, minter
from prefcenter.use_cases.refusals import Refused

ADDED = (
    "unsubscribe_url",
    "preferences_url",
    "list_unsubscribe",
    "list_unsubscribe_post",
    "list_id",
    "feedback_id",
)
_HEADERS = ("List-Unsubscribe", "List-Unsubscribe-Post", "List-ID", "Feedback-ID")
_REPORT_EVERY = 5000


async def links(
    settings: Settings, source: Path | None, target: Path | None, *, purpose: str, campaign: str
) -> int:
    """Rows whose address cannot be read are left without links and counted; the exit code says so."""
    async with opened(settings) as services:
        try:
            mint = minter(services, purpose, campaign, now=utc_now())
        except Refused as error:
            raise CommandError("\n".join(f"{e.field}: {e.message}" for e in error.errors)) from error
    _refuse_the_same(source, target)
    with _reading(source) as lines:
        reader = csv.DictReader(lines, strict=True)
        # The header is read before OUT is touched.
        column = _email_column(reader)
        with _writing(target) as out, _progress(source) as advance:
            made, bad = _add_links(reader, column, out, mint, advance)
    print(f"{made} rows with links, {bad} without a usable address", file=sys.stderr)
    return 1 if bad else 0


def _refuse_the_same(source: Path | None, target: Path | None) -> None:
    if source and target and source.exists() and target.exists() and target.samefile(source):
        raise CommandError(f"{target}: is the file that is read; write to another one")


def _email_column(reader: csv.DictReader[str]) -> str:
    columns = [name for name in reader.fieldnames or () if name]
    if twice := sorted({name for name in columns if columns.count(name) > 1}):
        raise CommandError(f"the file has a column twice: {', '.join(twice)}; give each a name of its own")
    by_name = {name.strip().lower(): name for name in columns}
    if "email" not in by_name:
        raise CommandError(f"the file needs a column 'email'; it has: {', '.join(columns) or 'no header'}")
    return by_name["email"]


def _add_links(
    reader: csv.DictReader[str],
    column: str,
    out: TextIO,
    mint: Callable[[str], Minted],
    advance: Callable[[int], None],
) -> tuple[int, int]:
    columns = list(reader.fieldnames or ())
    # A file that was here before has the columns already; they are made anew.
    added = [name for name in ADDED if name not in columns]
    # What stands beyond the last column has no name to be written under.
    writer = csv.DictWriter(out, [*columns, *added], extrasaction="ignore")
    writer.writeheader()
    made = bad = 0
    for row in reader:
        if None in row:
            print(f"line {reader.line_num}: more cells than the header names; left out", file=sys.stderr)
        try:
            minted = mint((row[column] or "").strip())
        except InvalidAddress as error:
            bad += 1
            print(f"line {reader.line_num}: {error}", file=sys.stderr)
            writer.writerow({**row, **dict.fromkeys(ADDED, "")})
            continue
        made += 1
        values = (minted.unsubscribe_url, minted.preferences_url, *(minted.headers[h] for h in _HEADERS))
        writer.writerow({**row, **dict(zip(ADDED, values, strict=True))})
        if made % _REPORT_EVERY == 0:
            advance(_REPORT_EVERY)
    return made, bad


@contextmanager
def _reading(path: Path | None) -> Iterator[TextIO]:
    name = str(path) if path else "standard input"
    try:
        if path is None:
            wrapped = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8-sig", newline="")
            try:
                yield wrapped
            finally:
                wrapped.detach()
        else:
            with _open(path, "r", "utf-8-sig") as file:
                yield file
    except UnicodeDecodeError as error:
        raise CommandError(f"{name}: not UTF-8; save it as UTF-8 CSV") from error
    except csv.Error as error:
        raise CommandError(f"{name}: not CSV: {error}") from error


@contextmanager
def _writing(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        return
    with _open(path, "w", "utf-8") as file:
        yield file


def _open(path: Path, mode: str, encoding: str) -> TextIO:
    try:
        return cast(TextIO, path.open(mode, encoding=encoding, newline=""))
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error


@contextmanager
def _progress(source: Path | None) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, silence in a pipe."""
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal or source is None) as progress:
        task = progress.add_task("minting links", total=None)
        yield lambda number: progress.advance(task, number)
