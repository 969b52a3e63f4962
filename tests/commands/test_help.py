"""`--help` teaches, with an example for every command."""

from __future__ import annotations

import re

import pytest
import typer
from typer.testing import CliRunner

from prefcenter.cli import app

_NAMES = """
init demo serve work migrate plan apply ask import filter links stop void reconcile receive why audit tasks
check status verify
"""
COMMANDS = [
    *((name,) for name in _NAMES.split()),
    *(("keys", name) for name in ("create", "list", "revoke")),
]


def names(application: typer.Typer) -> set[str]:
    return {
        command.name or command.callback.__name__
        for command in application.registered_commands
        if command.callback
    }


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_help_of_every_command_has_an_example_of_it(command: tuple[str, ...]) -> None:
    ran = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert ran.exit_code == 0
    assert re.search(rf"Example: .*prefcenter {' '.join(command)}", ran.output), ran.output
    assert CliRunner().invoke(app, [*command, "-h"]).output


def test_every_command_is_tested_here() -> None:
    assert names(app) == {command[0] for command in COMMANDS if len(command) == 1}


def test_without_a_command_the_help_is_shown() -> None:
    assert "prefcenter demo" in CliRunner().invoke(app, []).output


def test_the_version_is_told() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", CliRunner().invoke(app, ["--version"]).output)
