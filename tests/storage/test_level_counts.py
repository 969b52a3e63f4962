"""The sums of what is open say the same as the levels one by one."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import product

from prefcenter.domain.deadlines import Progress
from prefcenter.storage.fields import to_micros
from prefcenter.storage.level_counts import confirmed_stops, levels_at, open_levels
from tests.storage.ledgers import Ledger

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
DUE = (None, NOW - timedelta(microseconds=1), NOW, NOW + timedelta(days=1))
ADD = (
    "INSERT INTO level (connection, scope, wide, stopped, version, sent, confirmed, state, said_at, "
    "honour_by, next_at) VALUES ($1, $2, $3, $4, 7, $5, $6, $7, $8, $9, 0)"
)


async def fill(ledger: Ledger) -> int:
    """One level of each kind there may be; returns how many."""
    kinds = list(product((True, False), (0, 3, 7), ("pending", "failed", "confirmed"), DUE))
    async with ledger.database.write() as tx:
        for number, (stopped, sent, state, due) in enumerate(kinds):
            said = to_micros(NOW - timedelta(hours=number + 1))
            honour_by = None if due is None else to_micros(due)
            confirmed = 7 if state == "confirmed" else 3
            scope = f"list:{number}"
            await tx.fetch(ADD, "main", scope, b"ada", stopped, sent, confirmed, state, said, honour_by)
    return len(kinds)


async def test_the_sums_are_those_of_the_levels(ledger: Ledger) -> None:
    number = await fill(ledger)
    levels = await levels_at(ledger.database, [b"ada"], NOW)
    assert len(levels) == number
    single = Counter((one.stopped, one.state) for one in levels if one.state is not Progress.CONFIRMED)
    sums: Counter[tuple[bool, Progress]] = Counter()
    for group in await open_levels(ledger.database, NOW):
        sums[group.stopped, group.state] += group.number
    assert sums == single
    assert set(Progress) == {one.state for one in levels}


async def test_late_is_what_is_past_its_deadline_and_the_oldest_is_named(ledger: Ledger) -> None:
    await fill(ledger)
    levels = [one for one in await levels_at(ledger.database, [b"ada"], NOW) if one.confirmed_at is None]
    groups = await open_levels(ledger.database, NOW)
    late = [one for one in levels if one.honour_by and one.honour_by < NOW and one.state != "confirmed"]
    assert sum(group.number for group in groups if group.late) == len(late)
    open_ones = [one for one in levels if one.state != "confirmed"]
    assert min(group.oldest for group in groups) == min(one.said_at for one in open_ones)


async def test_stops_that_are_known_there_are_counted_apart(ledger: Ledger) -> None:
    await fill(ledger)
    assert await confirmed_stops(ledger.database) == {"main": 12}


async def test_of_other_addresses_nothing_is_said(ledger: Ledger) -> None:
    await fill(ledger)
    assert await levels_at(ledger.database, [b"bob"], NOW) == []
    assert await levels_at(ledger.database, [], NOW) == []
