"""`links`: a CSV in, the same CSV with links out, any size in constant memory."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import Progress

from prefcenter.bootstrap import open_services, utc_now
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
    async with open_services(settings) as services:
        try:
            mint = minter(services, purpose, campaign, now=utc_now())
        except Refused as error:
            raise CommandError("\n".join(f"{e.field}: {e.message}" for e in error.errors)) from error
    with _reading(source) as lines, _writing(target) as out, _progress(source) as advance:
        made, bad = _add_links(lines, out, mint, advance)
    print(f"{made} rows with links, {bad} without a usable address", file=sys.stderr)
    return 1 if bad else 0


def _add_links(
    lines: TextIO, out: TextIO, mint: Callable[[str], Minted], advance: Callable[[int], None]
) -> tuple[int, int]:
    reader = csv.DictReader(lines)
    columns = [*(reader.fieldnames or ())]
    by_name = {name.strip().lower(): name for name in columns if name}
    if "email" not in by_name:
        raise CommandError(f"the file needs a column 'email'; it has: {', '.join(columns) or 'no header'}")
    writer = csv.DictWriter(out, [*columns, *ADDED], extrasaction="ignore")
    writer.writeheader()
    made = bad = 0
    for row in reader:
        try:
            minted = mint((row[by_name["email"]] or "").strip())
        except InvalidAddress as error:
            bad += 1
            print(f"line {reader.line_num}: {error}", file=sys.stderr)
            writer.writerow(row)
            continue
        made += 1
        urls = (minted.unsubscribe_url, minted.preferences_url)
        writer.writerow(
            {**row, **dict(zip(ADDED, (*urls, *(minted.headers[h] for h in _HEADERS)), strict=True))}
        )
        if made % _REPORT_EVERY == 0:
            advance(_REPORT_EVERY)
    return made, bad


@contextmanager
def _reading(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdin
        return
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path}: not UTF-8; save it as UTF-8 CSV") from error


@contextmanager
def _writing(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        yield file


@contextmanager
def _progress(source: Path | None) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, silence in a pipe."""
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal or source is None) as progress:
        task = progress.add_task("minting links", total=None)
        yield lambda number: progress.advance(task, number)
