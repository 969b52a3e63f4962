"""`prefcenter import`: evidence counts, stops hold, nothing is lost, and a killed import goes on."""

from __future__ import annotations

import csv
import io
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.commands.conftest import Console

HEADER = "email,purpose,action,occurred_at,wording,source,country"
WORDS = "Yes, send me the newsletter"


def yes(email: str, wording: str = WORDS, at: str = "2026-03-01T10:00:00Z") -> str:
    return f"{email},newsletter,give,{at},{wording!r},sign-up form,DE".replace("'", '"')


def file_of(console: Console, *lines: str, name: str = "people.csv") -> Path:
    path = console.folder / name
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return path


def said_of(console: Console, email: str) -> str:
    return console.ok("why", email, "--purpose", "newsletter").out


def listed(out: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(out)))


def test_a_yes_with_its_evidence_counts_and_says_that_it_was_imported(console):
    console.ok("import", str(file_of(console, yes("ada@example.com"))))

    said = said_of(console, "ada@example.com")
    assert said.startswith("Yes:")
    assert "proof: imported" in said


@pytest.mark.parametrize(
    "row",
    [
        "ada@example.com,newsletter,give,2026-03-01T10:00:00Z,,form,DE",
        f"ada@example.com,newsletter,give,,{WORDS.replace(',', '')},form,DE",
        f"ada@example.com,newsletter,give,2026-03-01T10:00:00Z,{WORDS.replace(',', '')},,DE",
    ],
    ids=["a bare timestamp", "words without a time", "no word of where"],
)
def test_a_part_of_the_evidence_is_no_consent_and_makes_nobody_known(console, row):
    ran = console.ok("import", str(file_of(console, row)))

    assert "skipped no_evidence" in ran.err
    assert "The ledger has nothing on this address." in said_of(console, "ada@example.com")


def test_a_declaration_stands_in_for_the_words_of_every_row(console):
    path = console.folder / "subscribed_members_export.csv"
    path.write_text(
        "Email Address,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LEID,EUID\n"
        "ada@example.com,2025-02-01 09:00:00,192.0.2.1,2025-02-01 09:05:00,192.0.2.1,1,a\n"
    )

    assert "skipped no_evidence" in console.ok("import", str(path), "--purpose", "newsletter").err
    console.ok("import", str(path), "--purpose", "newsletter", "--declare", "Send me news")

    assert said_of(console, "ada@example.com").startswith("Yes:")


@pytest.mark.parametrize("stop", [("--purpose", "newsletter"), ()], ids=["this purpose", "all marketing"])
def test_an_import_never_revives_a_stop(console, stop):
    path = file_of(console, yes("ada@example.com", at="2026-11-01T10:00:00Z"))
    console.ok("stop", "ada@example.com", "--reason", "asked by telephone", *stop)

    ran = console.ok("import", str(path))

    assert "skipped already_known" in ran.err
    assert said_of(console, "ada@example.com").startswith("No:")


def test_a_stop_list_is_a_bare_column_of_addresses_known_or_not(console):
    console.ok("import", str(file_of(console, yes("ada@example.com"))))
    stops = console.folder / "stops.txt"
    stops.write_text("ada@example.com\nnobody@example.org\n")

    ran = console.ok("import", str(stops), "--stop")

    assert "2  recorded object" in ran.err
    for email in ("ada@example.com", "nobody@example.org"):
        assert "all_marketing_stopped" in said_of(console, email)


def test_a_list_that_is_imported_every_night_adds_to_the_ledger_once(console):
    path = file_of(console, yes("ada@example.com"), "bob@example.org,,withdraw,2026-04-02T08:30:00Z,,phone,")
    console.ok("import", str(path))
    before = console.ok("verify").out

    ran = console.ok("import", str(path))

    assert "2  skipped already_known" in ran.err
    assert console.ok("verify").out == before


def test_a_dry_run_lists_every_row_and_records_nothing(console):
    path = file_of(
        console,
        yes("ada@example.com"),
        yes("bob@example.org").replace(WORDS, ""),
        "=cmd|x,newsletter,give,,,,",
    )

    ran = console.run("import", str(path), "--dry-run")

    assert [(row["line"], row["outcome"], row["reason"]) for row in listed(ran.out)][:2] == [
        ("2", "recorded", ""),
        ("3", "skipped", "no_evidence"),
    ]
    assert listed(ran.out)[2]["outcome"] == "rejected"
    assert "Nothing was recorded" in ran.err
    assert console.ok("verify").out.startswith("0 entries")


def test_bad_rows_are_kept_with_line_and_reason_and_the_rest_goes_in(console):
    rejects = console.folder / "bad.csv"
    path = file_of(
        console,
        yes("ada@example.com"),
        "no address,newsletter,give,,,,",
        yes("eve@example.com").replace("newsletter", "nope", 1),
        yes("cleo@example.com").replace(",DE", ",Germany"),
    )

    ran = console.run("import", str(path), "--rejects", str(rejects))

    assert ran.code == 1
    bad = listed(rejects.read_text())
    assert [row["rejected_line"] for row in bad] == ["3", "4", "5"]
    assert "purpose: no such purpose" in bad[1]["rejected_reason"]
    assert "country" in bad[2]["rejected_reason"]
    assert said_of(console, "ada@example.com").startswith("Yes:")


def test_a_row_at_odds_with_what_is_known_costs_its_neighbours_nothing(console):
    header = "email,external_id,country"
    path = console.folder / "facts.csv"
    path.write_text(f"{header}\nada@example.com,crm-1,DE\nbob@example.org,crm-2,DE\n")
    console.ok("import", str(path))
    path.write_text(f"{header}\nada@example.com,crm-2,FR\ncleo@example.org,crm-3,FR\n")

    ran = console.run("import", str(path))

    assert "1  rejected" in ran.err
    assert "1  facts" in ran.err
    assert "France" in said_of(console, "cleo@example.org")


def test_a_stop_that_names_two_people_stops_both_and_is_counted_apart(console):
    path = console.folder / "people.csv"
    path.write_text(f"{HEADER},external_id\n{yes('ada@example.com')},crm-1\n{yes('bob@example.org')},crm-2\n")
    console.ok("import", str(path))
    path.write_text(
        "email,action,external_id\n"
        "new@example.com,object,crm-1\n"
        "bob@example.org,object,crm-2\n"
        "cleo@example.org,object,crm-3\n"
        "ada@example.com,bounce,crm-2\n"
    )

    rehearsed = console.ok("import", str(path), "--dry-run")
    ran = console.ok("import", str(path))

    assert [row["reason"] for row in listed(rehearsed.out)] == ["names_differ", "", "", "names_differ"]
    for told in (rehearsed.err, ran.err):
        assert "1  recorded object names_differ" in told
        assert "2  recorded object\n" in told
        assert "1  recorded bounce names_differ" in told
    for email in ("ada@example.com", "new@example.com", "bob@example.org", "cleo@example.org"):
        assert said_of(console, email).startswith("No:")
    assert "bounced" not in said_of(console, "bob@example.org")
    assert "skipped already_known" in console.ok("import", str(path)).err


def test_what_is_said_twice_in_a_file_is_recorded_in_its_order(console):
    path = file_of(console, yes("ada@example.com"), "ada@example.com,newsletter,withdraw,,,,")
    console.ok("import", str(path))
    assert "withdrawn" in said_of(console, "ada@example.com")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("empty.csv", b"", "empty"),
        ("wrong.csv", b"email,purpose|action\n", "parted by comma or pipe"),
        ("unknown.csv", b"name,colour\nAda,red\n", "column"),
        ("health.csv", b"email,health_status\na@example.com,x\n", "sensitive"),
        ("none.csv", None, "none.csv"),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_with_the_remedy(console, name, content, told):
    if content is not None:
        (console.folder / name).write_bytes(content)
    assert told in console.refused("import", str(console.folder / name))


def test_a_byte_order_mark_and_utf_16_are_read(console):
    text = f"{HEADER}\n{yes('ada@example.com')}\n"
    for number, encoding in enumerate(("utf-8-sig", "utf-16")):
        path = console.folder / f"{encoding}.csv"
        path.write_bytes(text.replace("ada", f"ada{number}").encode(encoding))
        assert "1  recorded give" in console.ok("import", str(path)).err


def test_standard_input_is_read_too(console):
    ran = console.ok("import", "-", stdin=f"{HEADER}\n{yes('ada@example.com')}\n".encode())
    assert "1  recorded give" in ran.err


def test_a_killed_import_goes_on_where_it_was_and_records_nothing_twice(console):
    rows = 4_000
    path = file_of(console, *(yes(f"p{number}@example.com") for number in range(rows)))
    importing = console.start("import", str(path))
    _wait_for_some_entries(console)
    importing.send_signal(signal.SIGKILL)
    importing.communicate()
    after_kill = _entries(console)
    assert 0 < after_kill < 2 * rows

    ran = console.ok("import", str(path))

    assert "Going on where an earlier run of this file was interrupted." in ran.err
    assert "4 000  recorded give" in ran.err
    # A fact and a yes for each, as if nothing had happened.
    assert _entries(console) == 2 * rows
    assert console.ok("verify").out == f"{2 * rows} entries, 0 problems\n"


def _entries(console: Console) -> int:
    return int(console.ok("verify").out.split()[0])


def _wait_for_some_entries(console: Console) -> None:
    until = time.monotonic() + 60
    while _entries(console) == 0:
        assert time.monotonic() < until, "nothing was imported"


@pytest.mark.parametrize(
    ("people", "withdrawn"), [(5_000, 250), pytest.param(100_000, 1_000, marks=pytest.mark.torture)]
)
def test_proximus_a_nightly_reimport_revives_none_of_the_withdrawals(console: Any, people, withdrawn):
    """CJEU C-129/21: the upstream's own data update silently overwrote a withdrawal."""
    path = file_of(console, *(yes(f"p{number}@example.com") for number in range(people)))
    console.ok("import", str(path))
    stops = console.folder / "stops.csv"
    gone = [f"p{number}@example.com" for number in range(0, people, people // withdrawn)]
    stops.write_text("\n".join(["email", *gone]) + "\n")
    console.ok("import", str(stops), "--stop", "--purpose", "newsletter")
    before = _entries(console)

    ran = console.ok("import", str(path))

    assert f"{people:,}  skipped already_known".replace(",", " ") in ran.err
    assert _entries(console) == before
    kept = console.folder / "kept.csv"
    console.ok("filter", "--purpose", "newsletter", str(path), str(kept))
    left = {row["email"] for row in listed(kept.read_text())}
    assert left == {f"p{number}@example.com" for number in range(people)} - set(gone)
