"""What protects the tests from the world, and the world from the tests."""

import asyncio
import os
import warnings

import pytest
from pytest_socket import SocketConnectBlockedError


async def test_no_connection_leaves_the_machine() -> None:
    with warnings.catch_warnings(), pytest.raises(SocketConnectBlockedError):
        warnings.simplefilter("ignore")  # the guard warns before it raises
        await asyncio.open_connection("192.0.2.1", 80)


def test_no_setting_of_the_machine_reaches_a_test() -> None:
    assert [name for name in os.environ if name.startswith("PREFCENTER_")] in (
        [],
        ["PREFCENTER_TEST_CHROMIUM"],
    )


def test_a_browser_is_found(chromium: str) -> None:
    assert os.access(chromium, os.X_OK)
