"""The stops of the last day, by where they came from."""

from __future__ import annotations

from datetime import timedelta

import pytest

from prefcenter.domain.choices import Action, Source
from prefcenter.storage.lately import stops_since
from tests.storage.ledgers import NOW, STOP, YES, Ledger, by_link, item, known_as

HOUR = timedelta(hours=1)


async def test_an_empty_ledger_has_none(ledger: Ledger) -> None:
    assert await stops_since(ledger.database, NOW) == {}


@pytest.mark.parametrize("ago", range(8))
async def test_stops_are_counted_from_the_moment_on(ledger: Ledger, ago: int) -> None:
    for hour in range(7):
        await ledger.record(item(*STOP, by_link(f"p{hour}@example.com")), now=NOW - (6 - hour) * HOUR)
    found = await stops_since(ledger.database, NOW - ago * HOUR)
    assert found == {"one_click": min(ago + 1, 7)}
    assert await stops_since(ledger.database, NOW + HOUR) == {}


async def test_only_stops_count_and_only_those_that_had_an_effect(ledger: Ledger) -> None:
    await ledger.record(item(*YES, known_as("ada@example.com")))
    await ledger.record(item(*STOP, by_link("ada@example.com")))
    await ledger.record(item(Action.WITHDRAW, Source.IMPORT, by_link("eve@example.com")))
    await ledger.change("UPDATE ledger SET effect = 'none' WHERE source = 'import'")
    bounce = item(Action.BOUNCE, Source.PROVIDER, by_link("bob@example.com"), "*", "email")
    await ledger.record(bounce)
    assert await stops_since(ledger.database, NOW) == {"one_click": 1, "provider": 1}
