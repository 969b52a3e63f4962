"""New rules end the yeses of ten thousand people at once: told in small parts, and nobody waits for it."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from prefcenter.domain.choices import Action, Choice, Source
from prefcenter.links import StopLink
from prefcenter.storage.units import ChoiceItem, FactsItem, Unit
from prefcenter.use_cases.stop_mail import stop_by_link
from tests.use_cases.clockwork import Clockwork, override, utc, wound_up

GIVEN = utc(2024, 1, 31, 12)
NOW = utc(2026, 11, 23, 9)
FEW, MANY, ALL = 500, 5_000, 10_000


@pytest.fixture
async def works(database_url: str, tmp_path: Path) -> AsyncIterator[Clockwork]:
    async with wound_up(database_url, tmp_path) as made:
        yield made


async def crowd(works: Clockwork, number: int, country: str) -> None:
    for start in range(0, number, 500):
        refs = [works.ref(f"{country}{n}@example.com") for n in range(start, start + 500)]
        give = Choice(action=Action.GIVE, source=Source.FORM, purpose="newsletter", channel="email")
        unit = Unit(
            now=GIVEN,
            facts=tuple(FactsItem(ref=ref, facts={"country": country}) for ref in refs),
            choices=tuple(ChoiceItem(ref=ref, choice=give) for ref in refs),
        )
        await works.services.journal.record(unit)


async def peak(works: Clockwork, expected: int) -> int:
    """The most memory that a walk takes on top of what there was, in bytes."""
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    assert (await works.look(NOW)).expired == expected
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most - before


async def test_memory_does_not_grow_with_the_number_of_people(works: Clockwork) -> None:
    await crowd(works, FEW, "DE")
    await crowd(works, MANY, "US")
    await works.apply(override("DE", "expires = 12"), NOW - timedelta(hours=1))
    few = await peak(works, FEW)
    await works.apply(override("US", "expires = 12"), NOW - timedelta(minutes=30))
    # Ten times as many; what the collector has not looked through yet may double it.
    assert await peak(works, MANY) < 3 * few


async def test_opt_outs_go_on_while_many_run_out(works: Clockwork) -> None:
    await crowd(works, ALL, "DE")
    await works.apply(override("DE", "expires = 12"), NOW - timedelta(hours=1))
    over = asyncio.create_task(works.look(NOW))
    stopped = 0
    while not over.done():
        # Each waits to be acknowledged before the next one clicks.
        link = StopLink(works.prints(f"s{stopped}@example.com").wide, "newsletter")
        await stop_by_link(
            works.services, link, everything=False, source=Source.ONE_CLICK, evidence={}, now=NOW
        )
        stopped += 1
    assert (await over).expired == ALL
    assert stopped >= 100
    stops = [entry.seq for entry in await works.changes(2 * ALL) if entry.action is Action.WITHDRAW]
    # So few entries came in between that nobody waited for more than a batch or two.
    assert max(after - before for before, after in pairwise(stops)) <= 50
    ended = {entry.subject for entry in await works.changes(2 * ALL) if entry.action is Action.EXPIRE}
    assert len(ended) == ALL
