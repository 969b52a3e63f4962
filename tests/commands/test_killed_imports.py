"""An import killed at the worst moments: no bad row is lost, and a file that changed is another import."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.commands.conftest import Console
from tests.commands.killing import killed
from tests.commands.test_import import file_of, listed, said_of, yes

ROWS = 40

#: The command with chunks of ten, which stops for good at the second one: there it is killed.
PATCHES = """
from prefcenter.storage.imports import MOVE_ON
from prefcenter.use_cases import import_people

import_people.CHUNK, import_people.LOOK_AROUND = 10, 0
def after_the_commit(take=import_people.Importer._take):
    async def taken(self, chunk):
        fates = await take(self, chunk)
        stop()
        return fates
    import_people.Importer._take = taken

def before_the_commit():
    for tx in (SqliteTx, PostgresTx):
        async def together(self, work, written=tx.together):
            await written(self, work)
            if any(statement is MOVE_ON for statement, _ in work):
                stop()
        tx.together = together
"""
WHERE = ["before_the_commit", "after_the_commit"]


def half_bad(console: Console) -> Path:
    """Every other row has no address that could be."""
    good = [f"{yes(f'p{number}@example.com')}," for number in range(ROWS)]
    rows = [row if number % 2 else row.replace("@example.com", "@", 1) for number, row in enumerate(good)]
    path = file_of(console, *rows)
    path.write_text(path.read_text().replace(",country\n", ",country,external_id\n", 1))
    return path


def rejected(path: Path) -> list[int]:
    return [int(row["rejected_line"]) for row in listed(path.read_text())]


@pytest.mark.parametrize("where", WHERE)
def test_no_bad_row_of_a_killed_import_is_missing_and_none_is_there_twice(
    console: Console, where: str
) -> None:
    path, bad = half_bad(console), console.folder / "bad.csv"
    killed(console, "import", "people.csv", "--rejects", "bad.csv", patches=PATCHES, where=where)
    # On the disk before their chunk is recorded.
    assert rejected(bad) == list(range(2, 2 + 20, 2))
    assert stat.S_IMODE(bad.stat().st_mode) == 0o600

    ran = console.run("import", "people.csv", "--rejects", "bad.csv")

    assert "Going on where an earlier run of this file was interrupted." in ran.err
    assert rejected(bad) == list(range(2, 2 + ROWS, 2))
    assert f"{ROWS // 2}  rejected" in ran.err and f"{ROWS // 2}  recorded give" in ran.err
    assert path.exists()


def test_a_row_that_only_the_ledger_can_refuse_is_kept_too(console: Console) -> None:
    header = "email,external_id,country\n"
    facts = console.folder / "facts.csv"
    facts.write_text(f"{header}ada@example.com,crm-1,DE\nbob@example.org,crm-2,DE\n")
    console.ok("import", "facts.csv")
    odd = "".join(f"p{number}@example.com,,FR\n" for number in range(12))
    facts.write_text(f"{header}{odd}ada@example.com,crm-2,FR\n{odd.replace('p', 'q')}")
    killed(console, "import", "facts.csv", "--rejects", "bad.csv", patches=PATCHES, where="before_the_commit")

    console.run("import", "facts.csv", "--rejects", "bad.csv")

    assert rejected(console.folder / "bad.csv") == [14]


def test_a_reject_file_of_something_else_is_not_touched(console: Console) -> None:
    half_bad(console)
    bad = console.folder / "bad.csv"
    bad.write_text("mended by hand\n")

    for _ in range(2):
        told = console.refused("import", "people.csv", "--rejects", "bad.csv")
        assert told.endswith("bad.csv: is there already; write to another file, or move it away\n")

    assert bad.read_text() == "mended by hand\n"
    assert console.ok("verify").out.startswith("0 entries")


def test_an_interrupted_import_whose_reject_file_is_gone_says_so(console: Console) -> None:
    half_bad(console)
    killed(console, "import", "people.csv", "--rejects", "bad.csv", patches=PATCHES, where="after_the_commit")
    kept = (console.folder / "bad.csv").rename(console.folder / "elsewhere.csv")

    told = console.refused("import", "people.csv", "--rejects", "bad.csv")
    assert "put it back, or name another one and import from the beginning" in told

    ran = console.run("import", "people.csv", "--rejects", "other.csv")
    assert "Going on" not in ran.err
    assert rejected(console.folder / "other.csv") == list(range(2, 2 + ROWS, 2))
    kept.rename(console.folder / "bad.csv")
    assert "Going on" in console.run("import", "people.csv", "--rejects", "bad.csv").err


@pytest.mark.parametrize("where", WHERE)
def test_a_file_that_was_changed_after_the_kill_is_a_new_import(console: Console, where: str) -> None:
    path = file_of(console, *(yes(f"p{number}@example.com") for number in range(10, 10 + ROWS)))
    killed(console, "import", "people.csv", patches=PATCHES, where=where)
    before = path.stat().st_size
    # The very first row, which was recorded already; by size and header it is the same file.
    path.write_text(path.read_text().replace("p10@", "new@", 1))
    assert path.stat().st_size == before

    ran = console.ok("import", "people.csv")

    assert "Going on" not in ran.err
    assert said_of(console, "new@example.com").startswith("Yes:")
    assert said_of(console, f"p{9 + ROWS}@example.com").startswith("Yes:")
