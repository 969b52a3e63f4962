"""What some tests need from the machine. In continuous integration its lack is a failure, not a skip."""

import os
import shutil
from typing import NoReturn

import pytest

BROWSERS = ("chromium", "google-chrome")


def lacking(what: str, remedy: str) -> NoReturn:
    """Skip this test for want of `what`, or fail it where CI=true."""
    reason = f"{what} is missing: {remedy}"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def chromium_path() -> str:
    """The browser named by PREFCENTER_TEST_CHROMIUM, else the first one on the path."""
    named = os.environ.get("PREFCENTER_TEST_CHROMIUM")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        lacking(
            named or "Chromium",
            "install it (Debian: apt-get install chromium) or name one in PREFCENTER_TEST_CHROMIUM",
        )
    return found
