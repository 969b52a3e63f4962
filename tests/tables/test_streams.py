"""Whatever program saved the table, it is read; what cannot be read is said, with the remedy."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from prefcenter.tables.errors import TableError
from prefcenter.tables.streams import Row, column, open_table
from tests.tables.reading import rows_of, written

TEXT = 'Name;E-Mail\r\n"Grüße; Ada";ada@example.com\r\nBob 🎈;bob@example.org\r\n'
SAID = [["Grüße; Ada", "ada@example.com"], ["Bob 🎈", "bob@example.org"]]


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-8", b""), ("utf-8-sig", b""), ("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")],
)
def test_each_unicode_encoding_is_read_by_its_mark(encoding: str, mark: bytes, tmp_path: Path) -> None:
    path = written(tmp_path, mark + TEXT.encode(encoding))
    with open_table(path) as table:
        assert table.header == ["Name", "E-Mail"]
        assert [row.cells for row in table.rows] == SAID
        assert (table.size, table.bytes_read) == (path.stat().st_size, path.stat().st_size)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_rows_are_the_same_in_every_encoding_where_blocks_end_within_a_character(
    encoding: str, tmp_path: Path
) -> None:
    lines = "".join(f"{'ä€🎈' * 7}{number},x\n" for number in range(30_000))
    path = written(tmp_path, f"a,b\n{lines}".encode(encoding))
    rows = rows_of(path)
    assert len(rows) == 30_000
    assert {row.cells[0].rstrip("0123456789") for row in rows} == {"ä€🎈" * 7}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_in_the_header(delimiter: str, tmp_path: Path) -> None:
    path = written(tmp_path, f"email{delimiter}name\na@example.com{delimiter}Ada\n")
    with open_table(path) as table:
        assert table.dialect.delimiter == delimiter
        assert [row.cells for row in table.rows] == [["a@example.com", "Ada"]]


def test_a_delimiter_within_quotes_or_a_rarer_one_parts_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, 'email;"Which, topics, do, you, like?";First, last\na@example.com;x;y\n')
    with open_table(path) as table:
        assert table.header == ["email", "Which, topics, do, you, like?", "First, last"]


@pytest.mark.parametrize("text", ["email\na@example.com\n", "\r\n\r\nemail\r\na@example.com", "email"])
def test_one_column_blank_lines_and_no_last_line_end_are_fine(text: str, tmp_path: Path) -> None:
    expected = [["a@example.com"]] if "@" in text else []
    assert [row.cells for row in rows_of(written(tmp_path, text))] == expected


REFUSED = {
    "empty": (b"", "is empty"),
    "only a mark": (b"\xef\xbb\xbf", "is empty"),
    "only blank lines": (b"\n\r\n\n", "is empty"),
    "no names": (b",,\n1,2,3\n", "no header"),
    "no header": (b"ada@example.com,Ada\n", "no header; put a first line"),
    "latin-1": ("email,näme\n".encode("latin-1"), 'line 1: not UTF-8; save the file as "CSV UTF-8"'),
    "utf-16 without a mark": ("email,name\n".encode("utf-16-le"), "UTF-16 without its mark"),
    "utf-32": ("email,name\n".encode("utf-32"), 'is UTF-32; save it as "CSV UTF-8"'),
    "half a character of utf-16": ("email\n".encode("utf-16") + b"a", "damaged UTF-16"),
    "a workbook": (b"PK\x03\x04\x14\x00\x06\x00", "zip archive or a workbook"),
    "gzip": (b"\x1f\x8b\x08\x00", "unpack it"),
    "a column twice": (b"email,name, Name \n", "a column twice: name"),
    "two delimiters": (b"email,name;phone\n", "parted by comma or semicolon?"),
    "one quoted line": (b'"email;name"\n', "single column, 'email;name', that holds a semicolon"),
    "an open quote": (b'email,"name\na@example.com,Ada\n', "the header opens a quote"),
    "a quote that ends early": (b'"email"x,"name"\n', "the header is not CSV"),
    "bare carriage returns": (b"email,name\ra@example.com,Ada\r", "bare carriage return"),
    "an endless header": (b"email," * 200_000, "line too long"),
    "a JSON array": (b'[{"email": "a@example.com"}]', "one object a line"),
    "NDJSON where CSV is meant": (b'{"email": "a@example.com"}\n', "is NDJSON; CSV is needed here"),
    "a control character": (b"email;\x1b[2J;\x1b[2j\n", "a column twice: \ufffd[2j"),
}


@pytest.mark.parametrize(("content", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_table_is_refused_with_its_name_and_the_remedy(
    content: bytes, said: str, tmp_path: Path
) -> None:
    path = written(tmp_path, content)
    with pytest.raises(TableError) as refused:
        rows_of(path)
    assert str(path) in str(refused.value)
    assert said in str(refused.value)


def test_a_file_that_is_not_there_or_a_folder_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.csv", tmp_path):
        with pytest.raises(TableError, match=str(path)):
            open_table(path)


def test_a_file_that_turns_out_to_be_no_text_stops_at_the_line(tmp_path: Path) -> None:
    path = written(tmp_path, b'email,name\na@example.com,Ada\nb@example.com,"B\nob\xff"\n')
    with open_table(path) as table:
        assert next(table.rows).cells == ["a@example.com", "Ada"]
        with pytest.raises(TableError, match="line 4: not UTF-8"):
            next(table.rows)


def test_standard_input_is_read_and_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    given = io.TextIOWrapper(io.BytesIO(TEXT.encode("utf-16")))
    monkeypatch.setattr(sys, "stdin", given)
    with open_table(Path("-")) as table:
        assert (table.name, table.path, table.size) == ("standard input", None, None)
        assert [row.cells for row in table.rows] == SAID
    assert not given.buffer.closed


def test_a_column_is_found_by_its_name_in_any_case(tmp_path: Path) -> None:
    with open_table(written(tmp_path, "Name, EMail \n")) as table:
        assert column(table, "email") == 1
        with pytest.raises(TableError, match="needs a column 'phone'; it has: Name, EMail"):
            column(table, "phone")


def test_a_bare_list_needs_no_header_and_may_have_one(tmp_path: Path) -> None:
    for text in ("a@example.com\nb@example.com\n", "Email\r\na@example.com\r\nb@example.com\r\n"):
        with open_table(written(tmp_path, text), bare=True) as table:
            assert [row.cells for row in table.rows] == [["a@example.com"], ["b@example.com"]]
    with open_table(written(tmp_path, '"a|b@example.com"\nb@example.com\n'), bare=True) as table:
        assert [row.cells for row in table.rows] == [["a|b@example.com"], ["b@example.com"]]
        assert table.header == ["email"]
    with pytest.raises(TableError, match="no header"):
        open_table(written(tmp_path, "a@example.com,Ada\n"), bare=True)


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    path = written(tmp_path, '"e\nmail",name\n\na@example.com,"Ada\r\nL."\n\nb@example.com,Bob\n')
    assert [(row.line, row.cells[0]) for row in rows_of(path)] == [(4, "a@example.com"), (7, "b@example.com")]


def test_a_row_says_how_many_cells_it_lacks_or_has_beyond(tmp_path: Path) -> None:
    path = written(tmp_path, "email,name\na@example.com\nb@example.com,Bob,x\nc@example.com,C\n")
    assert [row.fault for row in rows_of(path)] == [
        "1 cells, and the header names 2",
        "3 cells, and the header names 2",
        None,
    ]
    assert rows_of(path)[1].cells == ["b@example.com", "Bob", "x"]


def test_a_row_can_be_made_without_a_fault() -> None:
    assert Row(2, 10, ["x"]).fault is None
