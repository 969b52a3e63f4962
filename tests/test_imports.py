"""Who may import whom: the contracts of pyproject.toml are there, are kept, and notice a breach."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"
CONTRACTS = (
    "layers",
    "domain knows no framework",
    "only storage speaks Tortoise",
    "email_hooks stands alone",
)
BREACHES = {
    "a purpose that knows the web": ("prefcenter/domain", "import prefcenter.web", "layers"),
    "a web that calls the worker": ("prefcenter/web", "import prefcenter.worker", "layers"),
    "a module nobody placed": ("prefcenter/helpers", "", "layers"),
    "a rule that parses requests": ("prefcenter/domain", "import starlette", "domain knows no framework"),
    "a page that queries": ("prefcenter/web", "import tortoise", "only storage speaks Tortoise"),
    "a use case with SQL": ("prefcenter/use_cases", "import asyncpg", "only storage speaks Tortoise"),
    "a hook that knows its caller": ("email_hooks", "import prefcenter.domain", "email_hooks stands alone"),
    "a hook that answers requests": ("email_hooks", "import starlette", "email_hooks stands alone"),
}


def verdicts(folder: Path) -> dict[str, bool]:
    """Each contract and whether it is kept by the packages in `folder`."""
    done = subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "", "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    lines = [line.split(" (")[0].rsplit(" ", 1) for line in done.stdout.splitlines()]
    found = {words[0]: words[1] == "KEPT" for words in lines if words[-1] in ("KEPT", "BROKEN")}
    assert set(found) == set(CONTRACTS), done.stdout + done.stderr
    return found


@pytest.fixture
def bare_packages(tmp_path: Path) -> Path:
    """The packages with nothing in them, which breaks no contract."""
    layers = ("domain", "storage", "mail", "use_cases", "web", "worker")
    for name in ("prefcenter", "email_hooks", *(f"prefcenter/{layer}" for layer in layers)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_is_kept() -> None:
    assert verdicts(ROOT) == dict.fromkeys(CONTRACTS, True)


@pytest.mark.parametrize(("package", "line", "contract"), BREACHES.values(), ids=BREACHES)
def test_a_breach_is_noticed(package: str, line: str, contract: str, bare_packages: Path) -> None:
    (bare_packages / package).mkdir(exist_ok=True)
    (bare_packages / package / "__init__.py").write_text(line)
    assert verdicts(bare_packages) == {name: name != contract for name in CONTRACTS}
