"""Four webs and two workers on one PostgreSQL do what one of each does, once."""

from collections.abc import AsyncIterator
from itertools import chain
from pathlib import Path

import pytest

from email_hooks.signatures import new_secret
from tests.databases import postgres_copy
from tests.journeys.crowd import Crowd, check_nothing_is_lost_or_doubled
from tests.journeys.installation import Installation, installed
from tests.journeys.receiver import Receiver
from tests.postgres import PostgresServer

PEOPLE = 300


@pytest.fixture
async def on_postgres(
    postgres_server: PostgresServer, postgres_template: str, tmp_path: Path
) -> AsyncIterator[Installation]:
    copies = postgres_copy(postgres_server, postgres_template)
    async with installed(tmp_path, next(copies)) as made:
        yield made
    next(copies, None)


async def test_many_processes_record_and_deliver_everything_once(
    on_postgres: Installation, receiver: Receiver
) -> None:
    await on_postgres.add_webhook(receiver.url, new_secret(), events=["choice.recorded"])
    web = await on_postgres.serve("--workers", "4", "--no-worker")
    workers = [await on_postgres.work(), await on_postgres.work()]
    crowd = Crowd(on_postgres)

    # The same people from both ends: most links are clicked twice, by way of different processes.
    people = [f"p{n}@example.com" for n in range(PEOPLE)]
    await crowd.click(chain.from_iterable(zip(people, reversed(people), strict=True)), at_once=32)
    await on_postgres.deliveries_end()

    assert set(crowd.replies) == {200}
    await check_nothing_is_lost_or_doubled(on_postgres, crowd)
    assert await on_postgres.rows("SELECT count(*) FROM ledger") == [(PEOPLE,)]
    deliveries = await on_postgres.rows("SELECT id, state, attempts FROM delivery")
    assert {(state, attempts) for _, state, attempts in deliveries} == {("confirmed", 1)}
    assert sorted(one.id for one in receiver.heard) == sorted(id_ for id_, _, _ in deliveries)
    assert len(deliveries) == PEOPLE
    for process in (web, *workers):
        await process.stop()
