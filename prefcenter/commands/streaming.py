"""What the commands that pass a CSV through have in common: reading rows, a bar, the same dialect out."""

from __future__ import annotations

import codecs
import csv
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from prefcenter.tables.errors import TableError
from prefcenter.tables.streams import Table
from prefcenter.tables.writing import create

#: Bad rows that are named; the rest is counted.
NAMED = 20


@contextmanager
def raw_writer(path: Path | None, table: Table) -> Iterator[Callable[[bytes], None]]:
    """Writes bytes of UTF-8 in the encoding of the table that is read. `path` None or `-`: standard output.

    Raises TableError if the file is there already, or cannot be written to.
    """
    encode = _encoder(table.dialect.encoding)
    try:
        with _opened(path) as file:
            yield lambda raw: cast(None, file.write(encode(raw)))
    except BrokenPipeError:
        # Whoever read it has had enough.
        raise
    except OSError as error:
        raise TableError(f"{path or 'standard output'}: {error.strerror}") from error


def _encoder(encoding: str) -> Callable[[bytes], bytes]:
    """Begins with a byte order mark where the encoding has one."""
    if encoding == "utf-8":
        return lambda raw: raw
    encoder = codecs.getincrementalencoder(encoding)()
    return lambda raw: encoder.encode(raw.decode())


@contextmanager
def _opened(path: Path | None) -> Iterator[BinaryIO]:
    if path is None or str(path) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        with create(path) as file:
            yield file


def line_of(table: Table, cells: Sequence[str]) -> bytes:
    """Cells as a line of the table."""
    text = io.StringIO(newline="")
    dialect = table.dialect
    csv.writer(text, delimiter=dialect.delimiter, lineterminator=dialect.line_end).writerow(cells)
    return text.getvalue().encode()


def cells_of(table: Table, raw: bytes) -> list[str]:
    """The cells of a row that was read, from its bytes."""
    lines = io.StringIO(raw.decode(), newline="")
    return next(csv.reader(lines, delimiter=table.dialect.delimiter, strict=True))


def name_bad(line: int, reason: str) -> None:
    """Names a bad row on standard error, by line and reason, never by what is in it."""
    print(f"line {line}: {reason}", file=sys.stderr)


class Namer:
    """Names the first bad rows and counts them all. `more` follows where there are others."""

    def __init__(self, more: str = "… more rows are bad") -> None:
        self.number = 0
        self._more = more

    def __call__(self, line: int, reason: str) -> None:
        self.number += 1
        if self.number <= NAMED:
            name_bad(line, reason)
        elif self.number == NAMED + 1:
            print(self._more, file=sys.stderr)


@contextmanager
def progress(table: Table, title: str) -> Iterator[Callable[[], None]]:
    """A bar by bytes on a terminal, silence in a pipe."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=table.size)
        yield lambda: bar.update(task, completed=table.bytes_read)
