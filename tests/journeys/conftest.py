"""Journeys go through real processes, on each kind of database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.journeys.installation import Installation, installed
from tests.journeys.receiver import Receiver, receiving


@pytest.fixture
async def installation(database_url: str, tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path, database_url) as made:
        yield made


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made
