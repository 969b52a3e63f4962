"""`prefcenter filter`: the rows that may be sent to, in order and as they are."""

from __future__ import annotations

import tempfile

import pytest

from tests.commands.conftest import Console
from tests.commands.test_import import file_of, yes
from tests.commands.test_links import MEASURED, MOST_KILOBYTES

ROWS = 150_000


@pytest.fixture
def people(console: Console) -> Console:
    """Ada and Bob said yes, Bob took it back."""
    console.ok("import", str(file_of(console, yes("ada@example.com"), yes("bob@example.org"))))
    console.ok("stop", "bob@example.org", "--purpose", "newsletter", "--reason", "asked")
    return console


def filtered(console: Console, content: bytes, *options: str) -> tuple[bytes, str]:
    """What is written, and what is said."""
    (console.folder / "in.csv").write_bytes(content)
    ran = console.ok("filter", "--purpose", "newsletter", *options, "in.csv", "out.csv")
    return (console.folder / "out.csv").read_bytes(), ran.err


def test_the_rows_that_may_be_sent_to_are_kept_byte_for_byte(people):
    kept = b'"Ada, Countess";ada@example.com;=1+1\r\n'
    rows = b"name;Email;note\r\n" + kept + b"Bob;bob@example.org;x\r\nEve;eve@example.com;\r\n"

    written, said = filtered(people, rows)

    assert written == b"name;Email;note\r\n" + kept
    assert "1 of 3 rows may be sent to" in said
    assert "withdrawn" in said
    assert "never_asked" in said


def test_the_sums_come_with_a_cursor_for_what_happens_after(people):
    _, said = filtered(people, b"email\nada@example.com\n")
    assert "As of cursor 5: GET /v1/changes?after=5" in said


def test_with_reasons_every_row_is_kept_and_says_why(people):
    rows = b"email,n\nada@example.com,1\nbob@example.org,2\nno address,3"

    written, _ = filtered(people, rows, "--reasons")

    assert written.decode().splitlines() == [
        "email,n,allowed,reason",
        "ada@example.com,1,yes,consent",
        "bob@example.org,2,no,withdrawn",
        "no address,3,no,invalid_address",
    ]


def test_an_answer_is_not_put_beside_an_older_one(people):
    (people.folder / "in.csv").write_text("email,Reason\nada@example.com,because\n")
    told = people.refused("filter", "--purpose", "newsletter", "--reasons", "in.csv", "out.csv")
    assert "in.csv: has a column 'reason' already" in told
    assert not (people.folder / "out.csv").exists()


@pytest.mark.parametrize("end", [b"", b"\r", b"\r\n"])
def test_the_last_row_ends_as_the_others_do(people, end):
    written, _ = filtered(people, b"email\r\nbob@example.org\r\nada@example.com" + end)
    assert written == b"email\r\nada@example.com\r\n"


def test_rows_wait_on_the_disk_and_it_is_said_where_that_has_no_room(people, monkeypatch):
    (people.folder / "in.csv").write_text("email\nada@example.com\n")
    monkeypatch.setattr(tempfile, "tempdir", str(people.folder / "missing"))
    told = people.refused("filter", "--purpose", "newsletter", "in.csv", "out.csv")
    assert "missing: " in told
    assert "Set TMPDIR to a folder with room" in told


def test_a_disk_that_is_full_is_said_so(people):
    (people.folder / "in.csv").write_text("email\nada@example.com\n")
    told = people.refused("filter", "--purpose", "newsletter", "in.csv", "/dev/full")
    assert told == "/dev/full: No space left on device\n"


def test_memory_stays_the_same_however_long_the_list(people):
    with (people.folder / "in.csv").open("w") as file:
        file.write("email,note\n")
        file.writelines(f"p{n}@example.com,{'x' * 300}\nada@example.com,\n" for n in range(ROWS // 2))
    arguments = ("filter", "--purpose", "newsletter", "in.csv", "out.csv")
    process = people.start(*arguments, python=MEASURED)
    _, err = process.communicate(timeout=300)
    assert f"{ROWS // 2} of {ROWS} rows may be sent to" in err.decode()
    assert int(err.decode().splitlines()[-1]) < MOST_KILOBYTES
    with (people.folder / "out.csv").open() as file:
        assert sum(1 for _ in file) == ROWS // 2 + 1


def test_rows_that_cannot_be_read_are_named_and_left_out(people):
    written, said = filtered(people, b"email,n\nada@example.com,1,2\nada@example.com,3\n\x00,4\n")

    assert written == b"email,n\nada@example.com,3\n"
    assert "line 2: 3 cells, and the header names 2" in said
    assert "2 no  not read" in said


def test_quoted_line_breaks_and_utf_16_stay_as_they_are(people):
    text = 'email,note\r\nada@example.com,"one\r\ntwo"\r\nbob@example.org,x\r\n'
    written, _ = filtered(people, text.encode("utf-16"))
    assert written.decode("utf-16") == 'email,note\r\nada@example.com,"one\r\ntwo"\r\n'


def test_it_goes_through_a_pipe(people):
    ran = people.ok("filter", "--purpose", "newsletter", stdin=b"email\nbob@example.org\nada@example.com\n")
    assert ran.out.splitlines() == ["email", "ada@example.com"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--purpose", "nope", "in.csv", "out.csv"), "no such purpose"),
        (("--purpose", "newsletter", "--channel", "sms", "in.csv", "out.csv"), "--channel"),
        (("in.csv", "out.csv"), "--purpose is needed"),
        (("--purpose", "newsletter", "in.csv", "in.csv"), "in.csv: is there already; write to another file"),
        (("--purpose", "newsletter", "no-column.csv", "out.csv"), "needs a column 'email'"),
        (("--purpose", "newsletter", "missing.csv", "out.csv"), "missing.csv"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(people, options, told):
    (people.folder / "in.csv").write_text("email\nada@example.com\n")
    (people.folder / "no-column.csv").write_text("name\nAda\n")

    assert told in people.refused("filter", *options)
    assert not (people.folder / "out.csv").exists()
