"""House rules that ruff and mypy cannot see: small files, clean pins, a reason for each dependency."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("prefcenter", "email_hooks", "tests", "benchmarks")
SOURCES = sorted(path for package in PACKAGES for path in ROOT.glob(f"{package}/**/*.py"))
LONGEST_FILE = 350  # lines
PIN = re.compile(r"^([a-z0-9-]+)==(\S+) \\$", re.MULTILINE)
# A pin, a hash, a comment that holds no path, or nothing: no option and no host of an index.
PIN_FILE_LINE = re.compile(r"[a-z0-9-]+==\S+ \\|    --hash=sha256:[0-9a-f]{64}( \\)?| *# [^/]+|")


def pins(file: str) -> dict[str, str]:
    return dict(PIN.findall((ROOT / file).read_text()))


def asked_for() -> list[tuple[str, str]]:
    """The direct dependencies, each with the file that has to pin it."""
    runtime = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    tools = re.findall(r"^[a-z].*", (ROOT / "requirements-dev.in").read_text(), re.MULTILINE)
    lines = [(line, "requirements.txt") for line in runtime]
    lines += [(line, "requirements-dev.txt") for line in tools]
    return [(re.split(r"[\[<>=~]", line)[0], file) for line, file in lines]


def test_files_stay_small() -> None:
    written = [path for path in SOURCES if "migrations" not in path.parts]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in written}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_nothing_is_left_to_do() -> None:
    word = "TO" + "DO"
    assert [str(path.relative_to(ROOT)) for path in SOURCES if word in path.read_text()] == []


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_pins_have_hashes_and_name_no_index(file: str) -> None:
    lines = (ROOT / file).read_text().splitlines()
    assert [line for line in lines if not PIN_FILE_LINE.fullmatch(line)] == []


def test_tests_run_with_the_versions_that_are_installed_to_run() -> None:
    assert pins("requirements.txt").items() <= pins("requirements-dev.txt").items()


@pytest.mark.parametrize(("name", "file"), asked_for())
def test_each_dependency_is_pinned_and_has_its_reason(name: str, file: str) -> None:
    assert name in pins(file), "run: make requirements"
    assert f"| {name} |" in (ROOT / "docs/decisions/0001-dependencies.md").read_text()
