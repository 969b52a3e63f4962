"""The docs are complete: every setting, command, route, scope, event and reason is in them."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main
from starlette.routing import Mount, Route

from prefcenter.cli import app
from prefcenter.domain.choices import Cause
from prefcenter.domain.plain_words import REASONS
from prefcenter.settings import VARIABLES
from prefcenter.storage.keys import SCOPES
from prefcenter.storage.outbox import EVENTS
from prefcenter.web.api.answers import DecisionOut, DecisionsResponse
from prefcenter.web.api.operations import OPERATIONS
from prefcenter.web.routes import ROUTES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
API = (ROOT / "docs/api.md").read_text()
OPERATING = (ROOT / "docs/operating.md").read_text()
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()
COMMANDS: dict[str, Any] = vars(typer.main.get_command(app))["commands"]


@pytest.mark.parametrize("name", VARIABLES)
def test_every_setting_is_documented(name):
    assert f"| `{name}` |" in OPERATING


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme_and_teaches_by_an_example(name):
    command = COMMANDS[name]
    assert f"`prefcenter {name}`" in README
    taught = [command] if not hasattr(command, "commands") else list(command.commands.values())
    assert all("Example: " in one.help for one in taught)


@pytest.mark.parametrize(
    "operation", OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}"
)
def test_every_operation_is_documented_with_its_scope(operation):
    rows = [line for line in API.splitlines() if f"{operation.path}`" in line or f"{operation.path}?" in line]
    assert any(operation.method in row and operation.scope in row for row in rows)


def test_every_route_is_in_the_docs():
    everything = README + API + OPERATING + ARCHITECTURE
    for route in ROUTES:
        assert isinstance(route, Route | Mount)
        assert re.sub(r"{token}|:hex128", "", route.path) in everything


@pytest.mark.parametrize("word", [*SCOPES, *EVENTS, *REASONS, *Cause])
def test_every_scope_event_and_reason_is_documented(word):
    assert f"`{word}`" in API


def test_what_the_architecture_names_is_there():
    """`file.py: function` in the flows."""

    for file, name in re.findall(r"`([\w/]+\.py): (\w+)(?:\.\w+)?`", ARCHITECTURE):
        found = [path for path in ROOT.glob(f"**/{file}") if ".venv" not in path.parts]
        assert found, file
        assert any(re.search(rf"(def|class) {name}\b", path.read_text()) for path in found), (file, name)


@pytest.mark.parametrize("package", ["domain", "storage"])
def test_the_architecture_names_every_file_of_the_larger_packages(package):
    [row] = [line for line in ARCHITECTURE.splitlines() if line.startswith(f"| `prefcenter/{package}/`")]
    named = set(re.findall(r"`(\w+)`", row))
    there = {path.stem for path in (ROOT / "prefcenter" / package).glob("*.py")} - {"__init__"}
    assert named == there


def test_every_field_of_a_decision_is_explained_and_no_other():
    section = API.split("\n## A decision\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(DecisionOut.__struct_fields__)
    around = set(DecisionsResponse.__struct_fields__) - {"decisions"}
    assert all(f"`{name}`" in section for name in around)


def test_every_link_between_the_docs_leads_somewhere():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), (page.name, target)
