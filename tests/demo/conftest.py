"""The demo, served as `prefcenter demo` serves it."""

import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from playwright.async_api import Browser

from prefcenter.demo.run import Demo, open_demo
from tests.browsing import open_browser
from tests.web.site import served


@dataclass
class Visited:
    demo: Demo
    client: httpx2.AsyncClient
    url: str


@pytest.fixture
async def visited(tmp_path: Path) -> AsyncIterator[Visited]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with (
            open_demo(tmp_path, url) as demo,
            served(demo.app, listening),
            httpx2.AsyncClient(base_url=url, trust_env=False) as client,
        ):
            yield Visited(demo, client, url)


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with open_browser(chromium) as opened:
        yield opened
