"""A journal on a fresh, migrated database of each kind."""

from collections.abc import AsyncIterator

import pytest

from tests.storage.ledgers import Ledger, close_ledger, open_ledger


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[Ledger]:
    opened = await open_ledger(database_url)
    yield opened
    await close_ledger(opened)
