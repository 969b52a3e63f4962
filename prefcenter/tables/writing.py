"""Writing tables, in the dialect of the one that was read, into files that are not there yet."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

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
def writer(path: Path | None, header: Sequence[str], dialect: Dialect = CSV) -> Iterator[Write]:
    """Writes the header, then hands out what writes a row. `path` None or `-`: standard output.

    Cells are written as they are. Cells of our own making, and whole files of our own making, pass through
    `safe` first; a cell that only travels from an input to an output must not: the tool that reads it next
    would get another value than the file had (`+44…`, `-5`). Raises TableError as `create` does.
    """
    with _opened(path, dialect) as file:
        write = csv.writer(file, delimiter=dialect.delimiter, lineterminator=dialect.line_end).writerow
        write(header)
        yield write


#: What a spreadsheet takes for a formula, or strips off to find one (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe(cell: str) -> str:
    """The cell, with an apostrophe before what a spreadsheet would run."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


@contextmanager
def _opened(path: Path | None, dialect: Dialect) -> Iterator[TextIO]:
    if path is None or str(path) == "-":
        wrapped = io.TextIOWrapper(sys.stdout.buffer, encoding=dialect.encoding, newline="")
        try:
            yield wrapped
        finally:
            # Flushes it, and leaves standard output open.
            wrapped.detach()
        return
    with io.TextIOWrapper(create(path), encoding=dialect.encoding, newline="") as file:
        yield file


def create(path: Path) -> BinaryIO:
    """A new file, for its owner only: it will hold personal data. Devices and pipes are written to.

    Raises TableError where a file is there already (nothing is ever written over), or where none can be.
    """
    try:
        try:
            return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        except FileExistsError:
            if path.is_file():
                raise
            return os.fdopen(os.open(path, os.O_WRONLY), "wb")
    except FileExistsError as error:
        raise TableError(f"{path}: is there already; write to another file, or move it away") from error
    except OSError as error:
        raise TableError(f"{path}: {error.strerror}") from error
