"""A site that two providers tell of choices, on each kind of database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.hooked import Hooked, hooked
from tests.web.site import Clock


@pytest.fixture
async def hooks(database_url: str, tmp_path: Path) -> AsyncIterator[Hooked]:
    async with hooked(database_url, tmp_path, Clock()) as opened:
        yield opened
