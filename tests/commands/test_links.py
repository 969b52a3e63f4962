"""`links`: a CSV in, the same CSV with links out, of any size."""

from __future__ import annotations

import csv
import io
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

from tests.commands.conftest import Console

ADDED = [
    "unsubscribe_url",
    "preferences_url",
    "list_unsubscribe",
    "list_unsubscribe_post",
    "list_id",
    "feedback_id",
]
NEWSLETTER = ("links", "--purpose", "newsletter")
ROWS = 200_000
MOST_KILOBYTES = 120_000
MEASURED = """
import re, sys
from prefcenter.cli import app
app(standalone_mode=False)
# The resource module would count what the parent used before the exec.
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1], file=sys.stderr)
"""


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_each_row_keeps_its_columns_and_gets_its_links(console: Console) -> None:
    file = console.folder / "people.csv"
    file.write_bytes(
        '\ufeffName,E-Mail id, Email \r\n"Ada, L.",1,ada@example.com\r\nBob,2, bob@example.com\r\n'.encode()
    )
    console.ok(*NEWSLETTER, "--campaign", "nov", "people.csv", "out.csv")
    made = rows((console.folder / "out.csv").read_bytes().decode())
    assert list(made[0]) == ["Name", "E-Mail id", " Email ", *ADDED]
    assert [row["Name"] for row in made] == ["Ada, L.", "Bob"]
    assert made[0]["list_unsubscribe"] == f"<{made[0]['unsubscribe_url']}>"
    assert made[0]["list_unsubscribe_post"] == "List-Unsubscribe=One-Click"
    assert made[0]["feedback_id"].startswith("nov:")
    assert len({row["unsubscribe_url"] for row in made}) == 2


def test_it_works_in_a_pipe(local_console: Console) -> None:
    local_console.ok("apply")
    ran = local_console.ok(*NEWSLETTER, stdin="\ufeffemail\nada@example.com\n".encode())
    assert [row["email"] for row in rows(ran.out)] == ["ada@example.com"]
    assert "1 rows" in ran.err
    assert rows(local_console.ok(*NEWSLETTER, stdin=b"email\n").out) == []


def test_bad_rows_are_named_counted_and_left_without_links(local_console: Console) -> None:
    local_console.ok("apply")
    given = b"email,name\nada@example.com,Ada\nada@,B\n,C\nzoe@example.com\nx@example.com,D,beyond\n"
    ran = local_console.run(*NEWSLETTER, stdin=given)
    assert ran.code == 1
    assert [bool(row["unsubscribe_url"]) for row in rows(ran.out)] == [True, False, False, True, True]
    assert "line 3: " in ran.err
    assert "line 4: " in ran.err
    assert "line 6: more cells than the header names" in ran.err
    assert "3 rows with links, 2 without" in ran.err
    assert "ada@" not in ran.err


def test_a_file_that_went_through_once_can_go_through_again(local_console: Console) -> None:
    local_console.ok("apply")
    first = local_console.ok(*NEWSLETTER, stdin=b"email\nada@example.com\n").out
    again = local_console.ok("links", "--purpose", "offers", stdin=first.encode()).out
    assert again.splitlines()[0] == first.splitlines()[0]
    assert rows(again)[0]["unsubscribe_url"] != rows(first)[0]["unsubscribe_url"]


def test_what_cannot_be_read_or_written_is_named(local_console: Console) -> None:
    local_console.ok("apply")
    folder = local_console.folder
    (folder / "good.csv").write_text("email\nada@example.com\n")
    (folder / "none.csv").write_text("mail,name\nada@example.com,Ada\n")
    (folder / "empty.csv").write_text("")
    (folder / "latin.csv").write_bytes(b"email\nad\xe4@example.com\n")
    (folder / "open.csv").write_text('email,name\nada@example.com,"Ada\nbo@example.com,Bo\n')
    (folder / "twice.csv").write_text("email,name,name\nada@example.com,Ada,L.\n")
    (folder / "wide.csv").write_text(f'email\n"{"x" * 200_000}"\n')
    for arguments, said in (
        (["missing.csv"], "missing.csv"),
        (["none.csv"], "mail, name"),
        (["empty.csv"], "no header"),
        (["latin.csv"], "UTF-8"),
        (["wide.csv"], "line 2: a cell is longer than 128 KiB"),
        (["open.csv"], "line 2: a quote is opened and never closed"),
        (["twice.csv"], "a column twice: name"),
        (["good.csv", "missing/out.csv"], "missing/out.csv"),
        (["good.csv", "good.csv"], "another"),
    ):
        assert said in local_console.refused(*NEWSLETTER, *arguments), arguments
    assert (folder / "good.csv").read_text() == "email\nada@example.com\n"
    for purpose, said in (("account", "nothing to unsubscribe"), ("nope", "newsletter"), ("", "--purpose")):
        assert said in local_console.refused("links", "--purpose", purpose, "good.csv")
    assert "32" in local_console.refused(*NEWSLETTER, "--campaign", "x" * 33, "good.csv")


def test_before_the_first_apply_it_says_so(local_console: Console) -> None:
    assert "prefcenter apply" in local_console.refused(*NEWSLETTER, "prefcenter.toml")


def test_a_reader_that_goes_away_is_no_fault(local_console: Console) -> None:
    local_console.ok("apply")
    process = local_console.start(*NEWSLETTER)
    assert process.stdin and process.stdout and process.stderr
    process.stdout.close()
    feeding = threading.Thread(target=feed, args=(process, 5000))
    feeding.start()
    said = process.stderr.read().decode()
    feeding.join()
    process.stderr.close()
    assert process.wait() == 1
    assert "Traceback" not in said


def feed(process: subprocess.Popen[bytes], number: int) -> None:
    assert process.stdin
    with suppress(BrokenPipeError):
        process.stdin.write(b"email\n" + b"".join(b"p%d@example.com\n" % n for n in range(number)))
    with suppress(BrokenPipeError):
        process.stdin.close()


def test_memory_stays_the_same_however_long_the_file(local_console: Console, tmp_path: Path) -> None:
    local_console.ok("apply")
    with (tmp_path / "people.csv").open("w") as file:
        file.write("email\n")
        file.writelines(f"p{n}@example.com\n" for n in range(ROWS))
    process = local_console.start(*NEWSLETTER, "people.csv", "out.csv", python=MEASURED)
    _, err = process.communicate(timeout=300)
    report, kilobytes = err.decode().splitlines()
    assert report.startswith(f"{ROWS} rows with links, 0 without")
    assert int(kilobytes) < MOST_KILOBYTES
    with (tmp_path / "out.csv").open() as file:
        assert sum(1 for _ in file) == ROWS + 1
