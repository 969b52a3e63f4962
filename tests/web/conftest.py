"""Sites to visit, and a browser to visit them with."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import Browser

from prefcenter.domain.choices import Action
from tests.browsing import open_browser
from tests.databases import sqlite_copy
from tests.hooked import Hooked, hooked
from tests.web.site import START, Clock, Site, open_site, settings_for


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def site(database_url: str, tmp_path: Path, clock: Clock) -> AsyncIterator[Site]:
    """A site on each kind of database; Ada said yes to the newsletter on 3 March 2026 and is a customer."""
    async with open_site(settings_for(database_url, tmp_path), clock) as opened:
        clock.now = datetime(2026, 3, 3, 12, tzinfo=UTC)
        await opened.said(Action.GIVE)
        await opened.is_customer()
        clock.now = START
        yield opened


@pytest.fixture
async def lite_site(sqlite_template: Path, tmp_path: Path, clock: Clock) -> AsyncIterator[Site]:
    """The same on SQLite only, for tests of what is shown rather than kept."""
    async with open_site(settings_for(sqlite_copy(sqlite_template, tmp_path), tmp_path), clock) as opened:
        clock.now = datetime(2026, 3, 3, 12, tzinfo=UTC)
        await opened.said(Action.GIVE)
        await opened.is_customer()
        clock.now = START
        yield opened


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with open_browser(chromium) as opened:
        yield opened


@pytest.fixture
async def hooks(database_url: str, tmp_path: Path, clock: Clock) -> AsyncIterator[Hooked]:
    """A site that two providers tell of choices, on each kind of database."""
    async with hooked(database_url, tmp_path, clock) as opened:
        yield opened
