"""The file of rows that were not taken: why, and as they were, to be mended and imported again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prefcenter.tables.errors import TableError
from prefcenter.tables.importing import Bad
from prefcenter.tables.recognising import IGNORED
from prefcenter.tables.streams import Table
from prefcenter.tables.writing import safe, writer

Reject = Callable[[Bad], None]


@contextmanager
def rejects(path: Path, table: Table, *, append: bool = False) -> Iterator[Reject]:
    """Hands out what writes one bad row. `append`: go on with the file of an earlier run.

    The file is ours, and what is wrong with a row may be that it attacks a spreadsheet: every cell is made
    safe. A cell that begins like a formula has an apostrophe to be taken off before the next import.
    Raises TableError.
    """
    if table.path and path.exists() and path.samefile(table.path):
        raise TableError(f"{path}: is the file that is read; write the rejects to another one")
    known = [name for name in table.header if name not in IGNORED]
    places = [place for place, name in enumerate(table.header) if name not in IGNORED]
    with writer(path, [*IGNORED, *map(safe, known)], table.dialect, append=append) as write:

        def reject(bad: Bad) -> None:
            cells = [bad.cells[place] for place in places if place < len(bad.cells)]
            beyond = bad.cells[len(table.header) :]
            write([str(bad.line), bad.reason, *map(safe, [*cells, *beyond])])

        yield reject
