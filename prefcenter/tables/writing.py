"""Writing tables, in the dialect of the one that was read."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, cast

from prefcenter.tables.errors import TableError

Write = Callable[[Iterable[str]], object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """`encoding` as Python names it: `utf-8-sig` and `utf-16` begin with a byte order mark."""

    delimiter: str = ","
    encoding: str = "utf-8"
    line_end: str = "\r\n"


#: RFC 4180.
CSV = Dialect()


@contextmanager
def writer(
    path: Path | None, header: Sequence[str], dialect: Dialect = CSV, *, append: bool = False
) -> Iterator[Write]:
    """Writes the header, then hands out what writes a row. `path` None or `-`: standard output.

    Cells are written as they are. Cells of our own making, and whole files of our own making, pass through
    `safe` first; a cell that only travels from an input to an output must not: the tool that reads it next
    would get another value than the file had (`+44…`, `-5`). `append`: go on with a file that is there.
    Raises TableError if the file cannot be opened.
    """
    with _opened(path, dialect, append) as (file, is_new):
        write = csv.writer(file, delimiter=dialect.delimiter, lineterminator=dialect.line_end).writerow
        if is_new:
            write(header)
        yield write


#: What a spreadsheet takes for a formula, or strips off to find one (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe(cell: str) -> str:
    """The cell, with an apostrophe before what a spreadsheet would run."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


@contextmanager
def _opened(path: Path | None, dialect: Dialect, append: bool) -> Iterator[tuple[TextIO, bool]]:
    if path is None or str(path) == "-":
        wrapped = io.TextIOWrapper(sys.stdout.buffer, encoding=dialect.encoding, newline="")
        try:
            yield wrapped, True
        finally:
            # Flushes it, and leaves standard output open.
            wrapped.detach()
        return
    with _open(path, dialect, append) as file:
        yield file, file.tell() == 0


def _open(path: Path, dialect: Dialect, append: bool) -> TextIO:
    try:
        return cast(TextIO, path.open("a" if append else "w", encoding=dialect.encoding, newline=""))
    except OSError as error:
        raise TableError(f"{path}: {error.strerror}") from error
