"""An import that was interrupted goes on where it was: after any row, the rest is the same."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcenter.tables.errors import TableError
from prefcenter.tables.streams import Row, open_table
from tests.tables.reading import rows_of, written

# Enough odd things that quotes, line ends and cells of many bytes meet in every way.
CELLS = st.text(alphabet='ab",;\n\r\t ä€🎈\x85\u2028', max_size=6)
#: A cell as it stands in the file: quoted as it should be, or raw, which may break its row.
WRITTEN = st.one_of(CELLS.map(lambda cell: '"' + cell.replace('"', '""') + '"'), CELLS)
ROWS = st.lists(st.lists(WRITTEN, min_size=1, max_size=3).map(",".join), max_size=12)
ENDS = st.sampled_from(["\n", "\r\n"])
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])


@given(rows=ROWS, end=ENDS, last=st.booleans(), encoding=ENCODINGS)
def test_from_any_position_the_same_rows_remain(rows: list[str], end: str, last: bool, encoding: str) -> None:
    text = "email,name" + end + end.join(rows) + end * last
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), text.encode(encoding))
        everything = rows_of(path)
        for number, row in enumerate(everything, 1):
            assert rows_of(path, start=row.position) == everything[number:]


@given(rows=st.lists(st.tuples(CELLS, CELLS), max_size=12), end=ENDS)
def test_what_is_quoted_properly_is_read_as_it_was(rows: list[tuple[str, str]], end: str) -> None:
    def quoted(cell: str) -> str:
        return '"' + cell.replace('"', '""') + '"'

    text = "email,name" + end + "".join(f"{quoted(a)},{quoted(b)}{end}" for a, b in rows)
    with tempfile.TemporaryDirectory() as folder:
        assert [row.cells for row in rows_of(written(Path(folder), text))] == [list(row) for row in rows]


def test_a_bare_list_goes_on_too(tmp_path: Path) -> None:
    path = written(tmp_path, "a@example.com\nb@example.com\nc@example.com")

    def rest(start: int) -> list[Row]:
        with open_table(path, start=start, bare=True) as table:
            return list(table.rows)

    everything = rest(0)
    assert [row.line for row in everything] == [1, 2, 3]
    for number, row in enumerate(everything, 1):
        assert rest(row.position) == everything[number:]


def test_another_file_than_before_is_noticed_where_it_can_be(tmp_path: Path) -> None:
    path = written(tmp_path, "email\na@example.com\nb@example.com\n")
    first = rows_of(path)[0].position
    for start, said in ((first + 1, "has changed"), (first - 1, "has changed"), (3, "has changed")):
        with pytest.raises(TableError, match=f"{said} since; begin anew"):
            open_table(path, start=start)
    with pytest.raises(TableError, match="shorter than it was; begin anew"):
        open_table(path, start=1000)
