"""Lines that are taken apart all at once are the rows that they are one by one."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prefcenter.tables import lines
from prefcenter.tables.errors import TableError
from prefcenter.tables.streams import Row, open_table
from tests.tables.reading import rows_of, written

TOKENS = st.sampled_from(
    ["a@example.com", ",", ",", "\n", "\n", "\r\n", "\r", '"', '"x"', '""', "\0", "ä", "\u2028", "x" * 70_000]
)
HEADER = b"email,name\n"


def read(content: bytes, monkeypatch: pytest.MonkeyPatch, *, at_once: bool) -> tuple[list[Row], str]:
    """The rows up to the end, or up to what is no text."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, monkeypatch.context() as patch:
        if not at_once:
            patch.setattr(lines.Lines, "pull_at_hand", lambda self: ([], []))
        try:
            with open_table(written(Path(folder), HEADER + content)) as table:
                for row in table.rows:
                    rows.append(row)
        except TableError as error:
            return rows, str(error).replace(folder, "")
    return rows, ""


@given(
    parts=st.lists(st.one_of(TOKENS.map(str.encode), st.just(b"\xff"), st.binary(max_size=3)), max_size=60)
)
@example([b'"', b"\n", b'"', b"\n", b",", b"\n"])
@example([b'"x"y', b"\n", b",", b"\n"])
@example([b",\n", b"\xff\n", b",\n"])
@example([b",\r", b"\n", b"\r\n", b"\n", b"a,b,c\n", b"a\n"])
def test_any_lines(parts: list[bytes]) -> None:
    content = b"".join(parts)
    with pytest.MonkeyPatch.context() as patch:
        assert read(content, patch, at_once=True) == read(content, patch, at_once=False)


def test_a_row_knows_its_bytes_wherever_a_block_ends(tmp_path: Path) -> None:
    records = [b"p%d@example.com,Ada\n" % number for number in range(30_000)]
    records[7::100] = [b'p@example.com,"A\nda"\r\n'] * 300
    records[9::100] = [b'"p@example.com","Ada, L."\n'] * 300
    blank = [record + b"\n" * (number % 60 == 0) for number, record in enumerate(records)]
    rows = rows_of(written(tmp_path, HEADER + b"".join(blank)))
    assert [row.raw for row in rows] == records
    again = rows_of(tmp_path / "people.csv", start=rows[20_000].position)
    assert again == rows[20_001:]


def test_rows_come_in_batches_where_they_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + b"a@example.com,Ada\n" * 20_000)
    with open_table(path) as table:
        sizes = [len(batch) for batch in table.batches]
    assert sum(sizes) == 20_000
    assert len(sizes) < 20
