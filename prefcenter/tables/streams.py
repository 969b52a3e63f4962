"""Reading tables of any size in constant memory, from the beginning or from where an earlier run stopped."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import accumulate, chain, repeat
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from prefcenter.tables.errors import TableError, shown
from prefcenter.tables.headers import read_header
from prefcenter.tables.lines import Lines, Unreadable
from prefcenter.tables.ndjson import Objects, is_ndjson
from prefcenter.tables.text import BLOCK, STANDARD_INPUT, Utf8Source, open_bytes
from prefcenter.tables.writing import CSV, Dialect


class Row(NamedTuple):
    """`line` is where the row begins in the file, `position` where to go on after it (opaque). `raw`: its
    bytes, as UTF-8, with the line end, if it could be taken apart.

    `fault` None: as many cells as the header. Otherwise what is wrong: with `cells` too few or too many of
    them, without any the row could not be taken apart.
    """

    line: int
    position: int
    cells: list[str]
    fault: str | None = None
    raw: bytes = b""


@dataclass(kw_only=True)
class Table:
    """An open table: a context manager. `name` is for messages, `path` None for standard input, `size` in
    bytes if known. `rows` and `batches` are the same rows, one by one or as they are read; iterating raises
    TableError where the file is no Unicode text."""

    name: str
    path: Path | None
    header: list[str]
    batches: Iterator[list[Row]]
    rows: Iterator[Row]
    dialect: Dialect
    size: int | None
    _source: Utf8Source
    _open: ExitStack = field(default_factory=ExitStack)

    @property
    def bytes_read(self) -> int:
        """For a progress bar: runs at most a block ahead of the rows."""
        return self._source.bytes_read

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()


def open_table(path: Path | None, *, start: int = 0, bare: bool = False, fields: Sequence[str] = ()) -> Table:
    """Reads the header. `path` None or `-`: standard input.

    `start`: the `position` of a row, to go on after it; the header is read all the same. `bare`: a column
    of addresses may come without a header, and is called `email` then. `fields`: what objects of NDJSON may
    hold, and so the header of such a file; without, NDJSON is refused. Raises TableError.
    """
    with ExitStack() as stack:
        file, name, size = open_bytes(path, stack)
        source = Utf8Source(file, name)
        lines = Lines(io.BufferedReader(source, BLOCK), name)
        if is_ndjson(lines):
            header, batches, dialect = _ndjson(lines, fields)
        else:
            header, batches, dialect = _csv(lines, source.encoding, bare)
        if start:
            lines.skip_to(start)
        return Table(
            name=name,
            path=None if name == STANDARD_INPUT else path,
            header=header,
            batches=batches,
            rows=chain.from_iterable(batches),
            dialect=dialect,
            size=size,
            _source=source,
            _open=stack.pop_all(),
        )


def _ndjson(lines: Lines, fields: Sequence[str]) -> tuple[list[str], Iterator[list[Row]], Dialect]:
    if not fields:
        raise TableError(f"{lines.name}: is NDJSON; CSV is needed here")
    return list(fields), ([row] for row in _object_rows(lines, Objects(lines.name, fields))), CSV


def _object_rows(lines: Lines, objects: Objects) -> Iterator[Row]:
    pulled = lines.pull()
    while True:
        number = lines.line + 1
        try:
            line = next(pulled, None)
            if line is None:
                return
            cells = objects.cells(line, number) if line.strip() else []
        except Unreadable as error:
            lines.give_up()
            pulled = lines.pull()
            yield Row(number, lines.position, [], str(error))
            continue
        lines.settle()
        if cells:
            yield Row(number, lines.position, cells)


def _csv(lines: Lines, encoding: str, bare: bool) -> tuple[list[str], Iterator[list[Row]], Dialect]:
    header, delimiter, line_end = read_header(lines, bare=bare)
    written = "utf-16" if encoding.startswith("utf-16") else encoding
    dialect = Dialect(delimiter=delimiter, encoding=written, line_end=line_end)
    return header, _csv_batches(lines, delimiter, len(header)), dialect


def _csv_batches(lines: Lines, delimiter: str, width: int) -> Iterator[list[Row]]:
    """All lines at hand where each is surely a record, as is usual, and soon done; else one record."""
    records = csv.reader(lines.pull(), delimiter=delimiter, strict=True)
    while True:
        if (rows := _rows_at_hand(lines, delimiter, width)) is not None:
            yield rows
            continue
        number = lines.line + 1
        try:
            cells = next(records)
        except StopIteration:
            return
        except (csv.Error, Unreadable) as error:
            lines.give_up()
            records = csv.reader(lines.pull(), delimiter=delimiter, strict=True)
            yield [Row(number, lines.position, [], _plain(error))]
            continue
        raw = lines.settle()
        if cells:
            yield [_row(number, lines.position, cells, width, raw)]


def _rows_at_hand(lines: Lines, delimiter: str, width: int) -> list[Row] | None:
    texts, raws = lines.pull_at_hand()
    if not texts:
        return None
    try:
        records = list(csv.reader(texts, delimiter=delimiter, strict=True))
    except csv.Error:
        records = []
    if len(records) != len(texts):
        # One of several lines, or what is none: they come again, one by one.
        lines.put_back()
        return None
    numbers = range(lines.line + 1, lines.line + 1 + len(raws))
    positions = accumulate(map(len, raws[1:]), initial=lines.position + len(raws[0]))
    lines.settle()
    if set(map(len, records)) == {width}:
        return list(map(Row._make, zip(numbers, positions, records, repeat(None), raws, strict=False)))
    parts = zip(numbers, positions, records, raws, strict=True)
    return [_row(line, position, cells, width, raw) for line, position, cells, raw in parts if cells]


def _row(line: int, position: int, cells: list[str], width: int, raw: bytes) -> Row:
    return Row(line, position, cells, None if len(cells) == width else _miscounted(len(cells), width), raw)


def _miscounted(cells: int, width: int) -> str:
    return f"{cells} cells, and the header names {width}"


#: What Python's reader says, in words for whoever has the file.
_PLAIN = {
    "unexpected end of data": "a quote is opened and never closed",
    "field larger than": "a cell is longer than 128 KiB, or a quote is opened and never closed",
    "new-line character": "a bare carriage return outside of quotes",
}


def _plain(error: Exception) -> str:
    said = str(error)
    if "expected after" in said:
        return "a quote is closed in the middle of a cell, or opened before and never closed"
    return next((plain for begins, plain in _PLAIN.items() if said.startswith(begins)), said)


def column(table: Table, name: str) -> int:
    """Where the column is in each row, by its name in any case. Raises TableError."""
    names = [cell.strip().casefold() for cell in table.header]
    if name not in names:
        raise TableError(f"{table.name}: the file needs a column '{name}'; it has: {shown(table.header)}")
    return names.index(name)
