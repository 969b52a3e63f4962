"""A row that cannot be taken apart costs itself only, however it is broken."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from prefcenter.tables.lines import MAX_LINES, MAX_RECORD
from prefcenter.tables.streams import open_table
from tests.tables.reading import rows_of, written

HEADER = b"email,name\n"
GOOD = b"z@example.com,Zoe\n"
MIB = 1024 * 1024

BROKEN = {
    "a quote closed within the cell": (b'a@example.com,"A"da\n', "quote is closed in the middle"),
    "a quote never closed": (b'a@example.com,"Ada\n', "opened"),
    "a NUL": (b"a@example.com,A\0da\n", "NUL"),
    "a bare carriage return": (b"a@example.com,A\rda\n", "carriage return"),
    "a very long cell": (b"a@example.com," + b"x" * 200_000 + b"\n", "longer than 128 KiB"),
    "a line of 10 MiB": (b"a@example.com," + b"x" * 10 * MIB + b"\n", "line too long"),
}


@pytest.mark.parametrize(("line", "why"), BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("quoted", [False, True])
def test_a_broken_row_is_told_and_the_next_one_read(
    line: bytes, why: str, quoted: bool, tmp_path: Path
) -> None:
    after = b'"z@example.com","Z\noe"\n' if quoted else GOOD
    rows = rows_of(written(tmp_path, HEADER + line + after))
    assert (rows[0].line, rows[0].cells) == (2, [])
    assert why in (rows[0].fault or "")
    assert (rows[-1].line, rows[-1].cells[0], rows[-1].fault) == (3, "z@example.com", None)
    assert len(rows) == 2


def test_a_broken_last_row_ends_the_file(tmp_path: Path) -> None:
    for line, why in BROKEN.values():
        rows = rows_of(written(tmp_path, HEADER + GOOD + line.rstrip(b"\n")))
        assert [row.fault is None for row in rows] == [True, False], why
        assert rows[1].position == len(HEADER + GOOD + line) - 1


def test_a_quote_left_open_swallows_nothing_of_what_follows(tmp_path: Path) -> None:
    people = b"".join(b"p%d@example.com,P\n" % number for number in range(50_000))
    rows = rows_of(written(tmp_path, HEADER + b'a@example.com,"Ada\n' + people))
    assert [row.fault is None for row in rows] == [False] + [True] * 50_000
    assert rows[-1].line == 50_002


def test_many_line_breaks_in_a_cell_are_fine_up_to_a_limit(tmp_path: Path) -> None:
    for breaks, read in ((MAX_LINES - 1, True), (MAX_LINES, False)):
        cell = b'"' + b"\n" * breaks + b'"'
        rows = rows_of(written(tmp_path, HEADER + b"a@example.com," + cell + b"\n" + GOOD))
        assert (rows[0].fault is None) is read
        assert rows[-1].cells == ["z@example.com", "Zoe"]


def test_the_longest_line_there_may_be_is_read(tmp_path: Path) -> None:
    # In cells that are short enough.
    cells = b",".join([b"x" * 1023] * 1024)
    assert len(cells) + 1 == MAX_RECORD
    names = b",".join(b"c%d" % number for number in range(1024)) + b"\n"
    rows = rows_of(written(tmp_path, names + cells + b"\n" + cells + b"x\n"))
    assert [row.fault for row in rows] == [None, "line too long (more than 1 MiB)"]


def test_memory_stays_the_same_however_long_the_file_or_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    with path.open("wb") as file:
        file.write(HEADER)
        file.writelines(b"p%d@example.com,Person %d\n" % (number, number) for number in range(200_000))
        for _ in range(3):
            file.write(b"x" * 10 * MIB + b"\n")
        # Every line opens a quote, and none closes it.
        file.writelines(b'x","' + b"y" * 3000 + b"\n" for _ in range(400))
    tracemalloc.start()
    with open_table(path) as table:
        good = sum(row.fault is None for row in table.rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert good == 200_000
    assert peak < 4 * MIB
