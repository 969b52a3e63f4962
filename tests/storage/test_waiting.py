"""What waits and what failed is counted; what ended well, or was for nobody any more, is not."""

from __future__ import annotations

from prefcenter.storage.waiting import waiting
from tests.storage.ledgers import Ledger

ENDPOINT = (
    "INSERT INTO connection (id, url, events, description, secret, state, created_at) "
    "VALUES ($1, 'https://tool.example.com', '', '', $2, 'enabled', 1)"
)
DELIVERY = (
    "INSERT INTO delivery (id, connection_id, seq, event, suppressing, state, attempts, created_at, next_at, "
    "token) VALUES ($1, $2, 1, 'choice.recorded', TRUE, $3, 0, 1, 1, 0)"
)


async def test_where_there_is_nothing_the_numbers_are_zero(ledger: Ledger) -> None:
    found = await waiting(ledger.database)
    assert found.hook_events == {}
    assert found.deliveries == found.mails == {"pending": 0, "failed": 0}


async def test_deliveries_of_endpoints_that_are_there_are_counted(ledger: Ledger) -> None:
    await ledger.change(ENDPOINT, "a", b"s")
    await ledger.change(ENDPOINT, "b", b"s")
    states = (("a", "pending"), ("b", "pending"), ("b", "failed"), ("a", "confirmed"), ("gone", "failed"))
    for number, (endpoint, state) in enumerate(states):
        await ledger.change(DELIVERY, f"d{number}", endpoint, state)
    assert (await waiting(ledger.database)).deliveries == {"pending": 2, "failed": 1}
