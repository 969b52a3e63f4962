"""init, migrate, serve, apply: from nothing to a service, and what each says when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.client import CATALOG
from tests.commands.conftest import Console, console_in

SQLITE = "sqlite:///prefcenter.db"


def test_init_writes_both_files_and_never_overwrites(tmp_path: Path) -> None:
    console = Console(tmp_path, SQLITE)
    console.ok("init")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(before) == {"prefcenter.toml", ".env"}
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    assert "already" in console.refused("init")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_init_writes_runs(tmp_path: Path) -> None:
    console = Console(tmp_path, SQLITE)
    console.ok("init")
    console.environ = {}
    console.ok("migrate")
    assert "In force" in console.ok("apply").out
    files = list(tmp_path.glob("prefcenter.db*"))
    assert files and all(file.stat().st_mode & 0o077 == 0 for file in files)


def test_every_missing_secret_is_named(tmp_path: Path) -> None:
    console = console_in(tmp_path, SQLITE)
    console.environ = {}
    said = console.refused("serve")
    assert "PREFCENTER_SECRET_KEYS" in said
    assert "PREFCENTER_PEPPER" in said


def test_every_command_says_to_migrate_first(empty_database_url: str, tmp_path: Path) -> None:
    console = console_in(tmp_path, empty_database_url)
    commands = [
        ("keys", "list"),
        ("apply",),
        ("verify",),
        ("work",),
        ("why", "a@example.com", "--purpose", "x"),
    ]
    if not empty_database_url.startswith("sqlite"):
        commands.append(("serve", "--port", "0"))
    for command in commands:
        assert "prefcenter migrate" in console.refused(*command), command
    assert "prefcenter migrate" in console.run("check").out
    console.ok("migrate")
    console.ok("migrate")
    console.ok("apply")
    assert "0 problems" in console.ok("verify").out


UNUSABLE = {
    "nobody listens": "postgres://u:hidden@127.0.0.1:1/x",
    "no such host": "postgres://u:hidden@host.invalid/x",
    "no such folder": "sqlite:////nonexistent/folder/x.db",
    "a folder": "sqlite:///folder",
    "another file": "sqlite:///prefcenter.toml",
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_an_unusable_database_is_one_clear_message(case: str, tmp_path: Path) -> None:
    console = console_in(tmp_path, UNUSABLE[case])
    (tmp_path / "folder").mkdir()
    for command in (("migrate",), ("serve", "--port", "0"), ("keys", "list")):
        said = console.refused(*command)
        assert "PREFCENTER_DATABASE_URL" in said
        assert "hidden" not in said
        assert said.count("\n") == 1
    checked = console.run("check")
    assert checked.code == 1
    assert "problem  database" in checked.out
    assert "mail " in checked.out


BROKEN = {
    "no TOML": ("[controller\nname = 1", "line 1"),
    "unknown key": (CATALOG.replace("channels", "chanels", 1), "[purposes.newsletter]"),
    "unknown value": (CATALOG.replace('"consent"', '"concent"', 1), "[purposes.newsletter]"),
    "missing section": ('[purposes.a]\ntitle = "A"\n', "[controller]"),
}


def test_a_broken_file_names_section_and_line(local_console: Console) -> None:
    for text, where in BROKEN.values():
        (local_console.folder / "prefcenter.toml").write_text(text)
        said = local_console.refused("apply")
        assert "prefcenter.toml" in said
        assert where in said
        if "missing" not in said:
            assert "line " in said
        checked = local_console.run("check").out
        assert "problem  catalog" in checked
        assert where in checked
    (local_console.folder / "prefcenter.toml").unlink()
    assert "prefcenter init" in local_console.refused("apply")


def test_apply_says_what_is_new_and_does_nothing_the_second_time(console: Console) -> None:
    file = console.folder / "prefcenter.toml"
    assert "In force already" in console.ok("apply").out
    file.write_text(CATALOG.replace('title = "Your account"', 'title = "Account"'))
    said = console.ok("apply").out
    assert "account" in said
    assert "newsletter" not in said
    section = CATALOG[CATALOG.index("[purposes.newsletter]") : CATALOG.index("[purposes.offers]")]
    file.write_text(CATALOG + section.replace("newsletter", "events"))
    assert "events" in console.ok("apply").out
    file.write_text(CATALOG.replace(section, ""))
    assert "newsletter" in console.ok("apply").out
    ran = console.ok("why", "ada@example.com", "--purpose", "newsletter")
    assert "unknown_purpose" in ran.out


def test_sqlite_serves_one_process_only(local_console: Console) -> None:
    assert "PostgreSQL" in local_console.refused("serve", "--workers", "2")


def test_an_argument_of_no_text_is_refused(local_console: Console) -> None:
    process = local_console.start(b"stop", b"ada@example.com", b"--reason", b"\xff")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (1, b"", b"an argument is not UTF-8 text\n")


def test_a_real_process_fails_in_one_line_too(tmp_path: Path) -> None:
    process = console_in(tmp_path, UNUSABLE["nobody listens"]).start("serve", "--port", "0")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, b"")
    assert err.count(b"\n") == 1


def test_a_folder_that_is_gone_is_said_so(local_console: Console, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    local_console.folder = gone
    run = "import os, shutil; shutil.rmtree(os.getcwd()); from prefcenter.cli import main; main()"
    process = local_console.start("keys", "list", python=run)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"folder is gone" in err
    assert b"Traceback" not in err
