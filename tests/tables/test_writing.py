"""What is written can be read by whatever wrote the input; nothing of ours runs in a spreadsheet."""

from __future__ import annotations

import io
import os
import stat
import sys
from pathlib import Path

import pytest

from prefcenter.tables.errors import TableError
from prefcenter.tables.importing import Bad, open_import
from prefcenter.tables.rejects import rejects
from prefcenter.tables.streams import open_table
from prefcenter.tables.writing import safe, writer
from tests.tables.reading import bad_in, found_in, imported, rows_of, written

FORMULAS = ["=1+1", "+49 30 1234", "-5", "@SUM(A1)", "\tx", "\rx", "\nx", "＝1"]


@pytest.mark.parametrize(
    "content",
    [
        b"email,name\r\na@example.com,Ada\r\n",
        b"email;name\na@example.com;\xc3\x84da\n",
        "email\tname\r\na@example.com\tÄda\r\n".encode("utf-8-sig"),
        "email;name\r\na@example.com;Äda\r\n".encode("utf-16"),
    ],
)
def test_the_dialect_of_the_input_is_the_dialect_of_the_output(content: bytes, tmp_path: Path) -> None:
    source, target = written(tmp_path, content), tmp_path / "out.csv"
    with open_table(source) as table, writer(target, table.header, table.dialect) as write:
        for row in table.rows:
            write(row.cells)
    assert target.read_bytes() == content


def test_cells_that_pass_through_stay_as_they_are(tmp_path: Path) -> None:
    with writer(tmp_path / "out.csv", ["email", "phone"]) as write:
        for cell in FORMULAS:
            write(["a@example.com", cell])
    assert [row.cells[1] for row in rows_of(tmp_path / "out.csv")] == FORMULAS


def test_standard_output_is_written_and_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    given = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", given)
    for path in (None, Path("-")):
        with writer(path, ["email"]) as write:
            write(["ä@example.com"])
    assert given.buffer.getvalue().decode() == "email\r\nä@example.com\r\n" * 2


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "out.csv"
    with pytest.raises(TableError, match=str(path)), writer(path, ["email"]):
        pass


@pytest.mark.parametrize("cell", FORMULAS)
def test_a_formula_of_ours_is_text(cell: str) -> None:
    assert safe(cell) == f"'{cell}"
    assert safe(f"a{cell}") == f"a{cell}"


def rejected(source: Path, target: Path, *, go_on_at: int | None = None) -> list[int]:
    """How long the file is after each row."""
    with open_import(source) as table, rejects(target, table, go_on_at=go_on_at) as reject:
        return [reject([bad]) for bad in bad_in(source)]


def test_a_rejected_row_comes_with_its_line_and_reason_and_runs_nowhere(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        "email;action;occurred_at;=cmd|'/c calc'!A1\n"
        "=cmd|'/c calc'!A1;withdraw;;@x\n"
        'ada@example.com;"give\n'
        "bob@example.com;give\n",
    )
    rejected(source, tmp_path / "rejects.csv")
    with open_table(tmp_path / "rejects.csv") as table:
        assert table.header[:3] == ["rejected_line", "rejected_reason", "email"]
        assert table.header[-1] == "'=cmd|'/c calc'!A1"
        rows = [row.cells for row in table.rows]
    assert [cells[0] for cells in rows] == ["2", "3", "4"]
    assert rows[0][1:] == ["email: an email address needs an @", "'=cmd|'/c calc'!A1", "withdraw", "", "'@x"]
    assert "opened" in rows[1][1]
    assert rows[2] == ["4", "2 cells, and the header names 4", "bob@example.com", "give"]


def test_rejected_rows_are_mended_in_place_and_imported(tmp_path: Path) -> None:
    source = written(tmp_path, "email,action,country\nada@example.com,withdraw,DE\nbob@,withdraw,=AT\n")
    target = tmp_path / "rejects.csv"
    rejected(source, target)
    target.write_text(target.read_text().replace("bob@", "bob@example.com"))
    (mended,) = found_in(target)
    assert (mended.email, mended.action) == ("bob@example.com", "withdraw")
    # And what is still wrong is rejected again, with one pair of columns before it.
    target.write_text(target.read_text().replace("withdraw", "unsubscribe"))
    rejected(target, tmp_path / "again.csv")
    with open_table(tmp_path / "again.csv") as table:
        assert table.header == ["rejected_line", "rejected_reason", "email", "action", "country"]
        assert [row.cells[2:] for row in table.rows] == [["bob@example.com", "unsubscribe", "'=AT"]]


def test_rejects_of_an_export_that_has_no_other_columns_are_read_again(tmp_path: Path) -> None:
    source = written(tmp_path, "email,created\nada@,1700000000\n", "unsubscribes.csv")
    rejected(source, tmp_path / "rejects.csv")
    assert [bad.reason[:6] for bad in bad_in(tmp_path / "rejects.csv")] == ["email:"]
    stops = written(tmp_path, "Adressen\nada@\n", "stops.csv")
    with open_import(stops, stop=True) as table, rejects(tmp_path / "stops-bad.csv", table) as reject:
        reject(bad_in(stops, stop=True))
    assert len(imported(tmp_path / "stops-bad.csv", stop=True)) == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_later_run_goes_on_where_the_first_one_was_recorded(tmp_path: Path, encoding: str) -> None:
    source = written(tmp_path, "email,action\nada@,withdraw\nbo@,withdraw\n".encode(encoding))
    target = tmp_path / "rejects.csv"
    first, _ = rejected(source, target)
    rejected(source, target, go_on_at=first)
    assert [row.cells[0] for row in rows_of(target)] == ["2", "2", "3"]
    rejected(source, target, go_on_at=0)
    assert [row.cells[0] for row in rows_of(target)] == ["2", "3"]


def test_a_reject_file_that_is_not_as_it_was_left_is_not_gone_on_with(tmp_path: Path) -> None:
    source = written(tmp_path, "email,action\nada@,withdraw\n")
    target = tmp_path / "rejects.csv"
    with pytest.raises(TableError, match="put it back, or name another one"):
        rejected(source, target, go_on_at=10)
    target.write_text("short")
    with pytest.raises(TableError, match="is shorter than the interrupted import left it"):
        rejected(source, target, go_on_at=10)
    assert target.read_text() == "short"


def test_no_file_that_is_there_is_written_over_whichever_way_it_is_named(tmp_path: Path) -> None:
    source = written(tmp_path, "email,action\nada@,withdraw\n")
    (tmp_path / "link.csv").symlink_to(source)
    for target in (source, tmp_path / "link.csv"):
        with pytest.raises(TableError, match="is there already; write to another file, or move it away"):
            rejected(source, target)
        with pytest.raises(TableError, match="is there already"), writer(target, ["email"]):
            pass
    assert source.read_text() == "email,action\nada@,withdraw\n"


def test_a_new_file_is_for_its_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with writer(tmp_path / "out.csv", ["email"]):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.csv").stat().st_mode) == 0o600


def test_devices_are_written_to(tmp_path: Path) -> None:
    with writer(Path("/dev/null"), ["email"]) as write:
        write(["ada@example.com"])
    source = written(tmp_path, "email,action\nada@,withdraw\n")
    for go_on_at in (None, 10):
        rejected(source, Path("/dev/null"), go_on_at=go_on_at)


def test_ndjson_is_rejected_into_a_table(tmp_path: Path) -> None:
    source = written(tmp_path, '{"email": "ada@", "action": "withdraw"}\n', "people.ndjson")
    rejected(source, tmp_path / "rejects.csv")
    (row,) = rows_of(tmp_path / "rejects.csv")
    assert row.cells[2] == "ada@"


def test_a_row_is_rejected_however_many_cells_it_has(tmp_path: Path) -> None:
    source = written(tmp_path, "email,action\n")
    with open_import(source) as table, rejects(tmp_path / "out.csv", table) as reject:
        reject([Bad(2, 0, "why", ["a", "b", "=c"])])
    assert (tmp_path / "out.csv").read_text().splitlines()[1] == "2,why,a,b,'=c"
