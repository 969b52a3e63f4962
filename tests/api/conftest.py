"""A running application on a fresh database, and its API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.client import Api, open_api, settings_of
from tests.databases import sqlite_copy


@pytest.fixture
async def api(database_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    """On each database."""
    async with open_api(settings_of(tmp_path, database_url)) as api:
        yield api


@pytest.fixture
async def local_api(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Api]:
    """For what has nothing to do with the database: on SQLite only."""
    async with open_api(settings_of(tmp_path, sqlite_copy(sqlite_template, tmp_path))) as api:
        yield api
