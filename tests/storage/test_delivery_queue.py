"""The queue of deliveries, shared by any number of workers."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from prefcenter.storage.database import SqliteDatabase, StorageUnavailable, database_for
from prefcenter.storage.delivery_queue import CONFIRMED, FAILED, PENDING, Claimed, DeliveryQueue, Finished
from prefcenter.storage.endpoints import DISABLED, GONE
from tests.storage.queues import LOST_KEY, START, VAULT, Outbox, open_outbox

LEASE = timedelta(seconds=2)
SOON = START + timedelta(seconds=1)
LATER = START + timedelta(seconds=3, milliseconds=1)


@pytest.fixture
async def outbox(database_url: str) -> AsyncIterator[Outbox]:
    async with open_outbox(database_url, lease=LEASE) as opened:
        yield opened


async def claim(outbox: Outbox, endpoint: str, now: datetime = SOON, most: int = 16) -> list[Claimed]:
    return await outbox.queue.claim(endpoint, most, now)


async def test_a_delivery_is_one_workers_until_its_lease_ends(outbox: Outbox) -> None:
    shop = await outbox.endpoint()
    [delivery] = await outbox.deliveries(shop)

    [first] = await claim(outbox, shop)
    assert await claim(outbox, shop) == []
    [second] = await claim(outbox, shop, LATER)

    assert (first.id, first.body, first.attempts) == (delivery, b"body 0", 1)
    assert (second.id, second.body, second.attempts) == (delivery, b"body 0", 2)
    assert first.created_at == second.created_at == START


@pytest.mark.parametrize("late_state", [CONFIRMED, FAILED, PENDING])
async def test_a_worker_whose_lease_ran_out_cannot_overwrite_anothers_result(
    outbox: Outbox, late_state: str
) -> None:
    shop = await outbox.endpoint()
    [delivery] = await outbox.deliveries(shop)
    [slow] = await claim(outbox, shop)
    [quick] = await claim(outbox, shop, LATER)

    late = Finished(claimed=slow, state=late_state, status=500, error="late", retry_at=LATER)
    await outbox.queue.finish(late, LATER)
    assert (await outbox.stored(delivery)).state == PENDING
    assert (await outbox.stored(delivery)).error is None

    await outbox.queue.finish(Finished(claimed=quick, state=CONFIRMED, status=204), LATER)
    await outbox.queue.finish(late, LATER)
    stored = await outbox.stored(delivery)
    assert (stored.state, stored.status, stored.error) == (CONFIRMED, 204, None)


async def test_workers_claiming_at_the_same_moment_never_get_the_same_delivery(outbox: Outbox) -> None:
    shop = await outbox.endpoint()
    born = await outbox.deliveries(shop, 300)
    claimed: list[str] = []

    async def work() -> None:
        database = database_for(outbox.url)
        await database.open()
        queue = DeliveryQueue(database, VAULT, LEASE)
        while found := await queue.claim(shop, 7, SOON):
            assert len(found) <= 7
            claimed.extend(one.id for one in found)
        await database.close()

    # On SQLite there is one process, whose parts take turns.
    await asyncio.gather(*(work() for _ in range(1 if outbox.database.dialect == "sqlite" else 6)))

    # Somebody may have seen nothing but rows that others were just claiming, and gone home early.
    claimed += [one.id for one in await claim(outbox, shop, most=300)]
    assert sorted(claimed) == sorted(born)


async def test_the_oldest_go_first_and_what_is_not_due_waits(outbox: Outbox) -> None:
    shop = await outbox.endpoint()
    later = await outbox.deliveries(shop, at=LATER)
    born = await outbox.deliveries(shop, 5)

    assert {one.id for one in await claim(outbox, shop, most=3)} == set(born[:3])
    assert {one.id for one in await claim(outbox, shop)} == set(born[3:])
    assert {one.id for one in await claim(outbox, shop, LATER, 20)} == {*born, *later}


async def test_only_enabled_endpoints_with_something_due_are_named(outbox: Outbox) -> None:
    for name, state in (("on", "enabled"), ("off", DISABLED), ("gone", GONE)):
        await outbox.deliveries(await outbox.endpoint(name, state=state))
    await outbox.endpoint("idle")

    assert [endpoint.id for endpoint in await outbox.queue.due_endpoints(SOON)] == ["on"]
    assert await outbox.queue.due_endpoints(START - timedelta(seconds=1)) == []


async def test_what_has_ended_keeps_no_address(outbox: Outbox) -> None:
    shop = await outbox.endpoint()
    born = await outbox.deliveries(shop, 3)
    for one, state in zip(await claim(outbox, shop), (CONFIRMED, FAILED, PENDING), strict=True):
        await outbox.queue.finish(
            Finished(claimed=one, state=state, retry_at=LATER if state == PENDING else None), SOON
        )

    stored = [await outbox.stored(delivery) for delivery in born]
    assert {one.state: one.has_body for one in stored} == {CONFIRMED: False, FAILED: False, PENDING: True}


async def test_an_endpoint_given_up_fails_what_waits_and_leaves_what_has_ended(outbox: Outbox) -> None:
    shop, other = await outbox.endpoint(), await outbox.endpoint("other")
    await outbox.deliveries(shop, 3)
    [kept] = await outbox.deliveries(other)
    [done] = await claim(outbox, shop, most=1)
    await outbox.queue.finish(Finished(claimed=done, state=CONFIRMED, status=200), SOON)

    await outbox.queue.give_up_endpoint(shop, "answered 410", SOON)

    assert await outbox.queue.counts() == {shop: {CONFIRMED: 1, FAILED: 2}, other: {PENDING: 1}}
    assert (await outbox.stored(kept)).has_body
    reasons = await outbox.rows("SELECT DISTINCT last_error FROM delivery WHERE state = 'failed'")
    assert reasons == [("answered 410",)]
    assert await outbox.rows("SELECT state, state_reason FROM connection WHERE id = $1", shop) == [
        (GONE, "answered 410")
    ]


async def test_endpoints_given_up_and_results_written_down_do_not_lock_each_other(outbox: Outbox) -> None:
    shop = await outbox.endpoint()
    await outbox.deliveries(shop, 200)
    claimed = await claim(outbox, shop, most=200)
    others = database_for(outbox.url) if outbox.database.dialect == "postgres" else outbox.database
    if others is not outbox.database:
        await others.open()

    await asyncio.gather(
        *(outbox.queue.finish(Finished(claimed=one, state=CONFIRMED), SOON) for one in claimed),
        *(DeliveryQueue(others, VAULT).give_up_endpoint(shop, "answered 410", SOON) for _ in range(3)),
    )

    assert await outbox.states() <= {CONFIRMED, FAILED}
    if others is not outbox.database:
        await others.close()


async def test_what_a_lost_key_sealed_does_not_hold_up_the_rest(outbox: Outbox) -> None:
    good, bad = await outbox.endpoint("good"), await outbox.endpoint("bad", vault=LOST_KEY)
    [readable] = await outbox.deliveries(good)
    await outbox.deliveries(good, vault=LOST_KEY)
    await outbox.deliveries(bad)

    secrets = {endpoint.id: endpoint.secret for endpoint in await outbox.queue.due_endpoints(SOON)}
    assert secrets["bad"] is None and secrets["good"] is not None
    bodies = {one.id: one.body for one in await claim(outbox, good)}
    assert bodies.pop(readable) == b"body 0"
    assert list(bodies.values()) == [None]


async def test_a_write_that_is_cancelled_at_any_point_leaves_the_database_free(outbox: Outbox) -> None:
    await outbox.endpoint()

    async def write() -> None:
        async with outbox.database.write() as tx:
            await tx.fetch("UPDATE connection SET description = 'cancelled'")

    for turns in range(30):
        task = asyncio.create_task(write())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        async with outbox.database.write() as tx:
            await tx.fetch("UPDATE connection SET description = 'free'")

    assert await outbox.rows("SELECT description FROM connection") == [("free",)]


async def test_a_closed_database_says_that_it_is_unavailable(tmp_path: Path) -> None:
    database = SqliteDatabase(str(tmp_path / "never-opened.db"))
    with pytest.raises(StorageUnavailable):
        await DeliveryQueue(database, VAULT).claim("shop", 1, START)
