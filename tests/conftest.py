"""What every test finds: databases, a browser's path, and how long to search for a counterexample."""

import os

import pytest
from hypothesis import settings

from tests.needs import chromium_path

pytest_plugins = ["tests.databases"]

# A search has no deadline: a busy machine is no bug. In CI it is the same search every time.
settings.register_profile("quick", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True, print_blob=True)
settings.register_profile("torture", deadline=None, max_examples=5_000, stateful_step_count=200)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "quick"))


@pytest.fixture(autouse=True)
def no_inherited_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the settings of whoever runs it."""
    for name in list(os.environ):
        if name.startswith("PREFCENTER_") and name != "PREFCENTER_TEST_CHROMIUM":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium to drive with playwright."""
    return chromium_path()
