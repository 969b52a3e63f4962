"""A site with people to ask, on each kind of database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.hooked import Hooked, hooked
from tests.use_cases.campaigns import PARTNER, Asked, asking, question_in_the_mail
from tests.web.site import Clock


@pytest.fixture
async def asked(database_url: str, tmp_path: Path) -> AsyncIterator[Asked]:
    async with asking(database_url, tmp_path) as made:
        yield made


@pytest.fixture
async def path(asked: Asked) -> str:
    """The page that Ada was asked on by mail: may invitations go to a partner too? Bo was asked as well."""
    await asked.apply(PARTNER)
    return await question_in_the_mail(asked)


@pytest.fixture
async def hooks(database_url: str, tmp_path: Path) -> AsyncIterator[Hooked]:
    """A site that two providers tell of choices, on each kind of database."""
    async with hooked(database_url, tmp_path, Clock()) as opened:
        yield opened
