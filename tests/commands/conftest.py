"""A folder with settings and a catalog, and the commands run in it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from tortoise.backends.base.executor import EXECUTOR_CACHE
from typer.testing import CliRunner

from prefcenter.cli import app
from tests.api.client import CATALOG, SECRETS
from tests.databases import sqlite_copy

ROOT = Path(__file__).parents[2]


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err


class Console:
    """Runs `prefcenter` commands, in this process or, with `start`, in one of their own."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = folder
        self.environ = {**SECRETS, "PREFCENTER_DATABASE_URL": database_url}

    def run(self, *arguments: str, stdin: bytes = b"", environ: dict[str, str] | None = None) -> Ran:
        """Anything raised that is no exit would have been a traceback; here it fails the test."""
        EXECUTOR_CACHE.clear()
        with contextlib.chdir(self.folder):
            ran = CliRunner().invoke(
                app, arguments, input=stdin, env={**self.environ, **(environ or {})}, catch_exceptions=False
            )
        return Ran(ran.exit_code, ran.stdout, ran.stderr)

    def ok(self, *arguments: str, stdin: bytes = b"") -> Ran:
        ran = self.run(*arguments, stdin=stdin)
        assert ran.code == 0, ran.said
        return ran

    def refused(self, *arguments: str) -> str:
        """What is said on standard error by a command that must fail."""
        ran = self.run(*arguments)
        assert ran.code != 0, ran.said
        return ran.err

    def start(self, *arguments: str | bytes, python: str = "") -> subprocess.Popen[bytes]:
        """A process of its own; `python` is run instead of the command itself."""
        return subprocess.Popen(
            [sys.executable, *(("-c", python) if python else ("-m", "prefcenter")), *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **self.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


def console_in(folder: Path, database_url: str) -> Console:
    (folder / "prefcenter.toml").write_text(CATALOG)
    return Console(folder, database_url)


@pytest.fixture
def console(database_url: str, tmp_path: Path) -> Console:
    """On each database, migrated, with a catalog in force."""
    console = console_in(tmp_path, database_url)
    console.ok("apply")
    return console


@pytest.fixture
def local_console(sqlite_template: Path, tmp_path: Path) -> Console:
    """On SQLite, migrated, with nothing in force."""
    return console_in(tmp_path, sqlite_copy(sqlite_template, tmp_path))
