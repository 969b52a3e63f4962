"""The file of rows that were not taken: why, and as they were, to be mended and imported again."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from prefcenter.tables.errors import TableError
from prefcenter.tables.importing import Bad
from prefcenter.tables.recognising import IGNORED
from prefcenter.tables.streams import Table
from prefcenter.tables.writing import create, safe

#: Keeps bad rows on the disk before it returns how long the file is now, in bytes. Raises TableError.
Reject = Callable[[Sequence[Bad]], int]


def no_rejects(_: Sequence[Bad]) -> int:
    """Where nobody asked for a file."""
    return 0


@contextmanager
def rejects(path: Path, table: Table, *, go_on_at: int | None = None) -> Iterator[Reject]:
    """Hands out what keeps bad rows. `go_on_at`: the length of the file as an interrupted import recorded it;
    what it wrote later comes again and is cut off. Otherwise the file is a new one.

    The file is ours, and what is wrong with a row may be that it attacks a spreadsheet: every cell is made
    safe. A cell that begins like a formula has an apostrophe to be taken off before the next import.
    Raises TableError.
    """
    known = [name for name in table.header if name not in IGNORED]
    places = [place for place, name in enumerate(table.header) if name not in IGNORED]

    def cells_of(bad: Bad) -> list[str]:
        cells = [bad.cells[place] for place in places if place < len(bad.cells)]
        beyond = bad.cells[len(table.header) :]
        return [str(bad.line), bad.reason, *map(safe, [*cells, *beyond])]

    with create(path) if go_on_at is None else _found(path, go_on_at) as file:
        size = go_on_at or 0

        def reject(bad: Sequence[Bad]) -> int:
            nonlocal size
            if bad or not size:
                rows = [cells_of(one) for one in bad]
                lines = _lines(
                    table, rows if size else [[*IGNORED, *map(safe, known)], *rows], is_first=not size
                )
                _write(file, path, lines)
                size += len(lines)
            return size

        yield reject


def _found(path: Path, size: int) -> BinaryIO:
    """The file of the interrupted run, as it was when its last chunk was recorded."""
    if path.exists() and not path.is_file():
        return create(path)
    try:
        file = path.open("r+b")
        if file.seek(0, os.SEEK_END) < size:
            file.close()
            raise TableError(
                f"{path}: is shorter than the interrupted import left it; put it back as it was, "
                "or name another file and import from the beginning"
            )
        file.truncate(size)
        file.seek(size)
        return file
    except OSError as error:
        raise TableError(
            f"{path}: {error.strerror}; the interrupted import goes on with this file: put it back, "
            "or name another one and import from the beginning"
        ) from error


def _lines(table: Table, rows: Sequence[Sequence[str]], *, is_first: bool) -> bytes:
    """With a byte order mark at the head of the file only, where the encoding has one."""
    text = io.StringIO(newline="")
    dialect = table.dialect
    csv.writer(text, delimiter=dialect.delimiter, lineterminator=dialect.line_end).writerows(rows)
    mark = 0 if is_first else len("".encode(dialect.encoding))
    return text.getvalue().encode(dialect.encoding)[mark:]


def _write(file: BinaryIO, path: Path, lines: bytes) -> None:
    try:
        file.write(lines)
        file.flush()
        if path.is_file():
            os.fsync(file.fileno())
    except OSError as error:
        raise TableError(f"{path}: {error.strerror}") from error
