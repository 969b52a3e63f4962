"""The worker's loop: woken at once, stopped in order, one process to each duty."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from prefcenter.domain.choices import Action, Source
from prefcenter.storage import duties
from prefcenter.storage.database import StorageUnavailable, database_for
from prefcenter.storage.delivery_queue import CONFIRMED, FAILED, PENDING
from prefcenter.storage.duties import DELIVERIES_WAIT, claim_duty, clean_up
from prefcenter.storage.fields import to_micros
from prefcenter.storage.journal import Journal
from prefcenter.worker import loop
from prefcenter.worker.duties import Duty
from prefcenter.worker.loop import Worker, running
from tests.databases import postgres_copy
from tests.postgres import PostgresServer
from tests.storage.ledgers import CATALOG, by_link, item, unit
from tests.storage.queues import START, VAULT, Clock, Outbox, open_outbox
from tests.worker.clients import Receivers

SHOP = "https://shop.example/hooks"
NEVER = 3600.0  # seconds
HOUR = timedelta(hours=1)


@pytest.fixture
async def outbox(database_url: str) -> AsyncIterator[Outbox]:
    async with open_outbox(database_url) as opened:
        yield opened


@dataclass
class Bench:
    outbox: Outbox
    receivers: Receivers
    clock: Clock

    def worker(self) -> Worker:
        return Worker(self.outbox.database, self.outbox.queue, self.receivers, self.clock, lambda: 0.0)


@pytest.fixture
def bench(outbox: Outbox) -> Bench:
    return Bench(outbox, Receivers(), Clock(START + timedelta(seconds=1)))


async def test_a_committed_choice_wakes_the_worker_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "POLL_SECONDS", NEVER)
    await bench.outbox.endpoint()
    worker = bench.worker()
    journal = Journal(bench.outbox.database, CATALOG, VAULT, worker.wake)

    async with running(worker):
        for number in range(1, 4):
            stop = item(Action.WITHDRAW, Source.ONE_CLICK, by_link(f"p{number}@example.com"))
            await journal.record(unit(stop, now=START))
            await bench.receivers.have_heard(number)
    await journal.close()

    assert await bench.outbox.states() == {CONFIRMED}


async def test_what_another_process_recorded_is_found_without_being_woken(bench: Bench) -> None:
    shop = await bench.outbox.endpoint()
    async with running(bench.worker()):
        await bench.outbox.deliveries(shop, 3)
        await bench.receivers.have_heard(3)


async def test_more_than_fits_at_once_is_sent_without_waiting_for_the_poll(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "POLL_SECONDS", NEVER)
    await bench.outbox.deliveries(await bench.outbox.endpoint(), 200)
    async with running(bench.worker()):
        await bench.receivers.have_heard(200)
    assert await bench.outbox.states() == {CONFIRMED}


async def test_a_stopping_worker_lets_its_posts_end(bench: Bench) -> None:
    await bench.outbox.deliveries(await bench.outbox.endpoint())
    bench.receivers.hanging.add(SHOP)
    worker = bench.worker()
    run = asyncio.create_task(worker.run())
    await bench.receivers.have_heard(1)

    worker.stop()
    await asyncio.sleep(0)
    assert not run.done()
    bench.receivers.let_go.set()
    await asyncio.wait_for(run, 10)

    assert await bench.outbox.states() == {CONFIRMED}


async def test_a_post_that_never_ends_is_left_to_whoever_comes_next(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    [delivery] = await bench.outbox.deliveries(await bench.outbox.endpoint())
    bench.receivers.hanging.add(SHOP)
    worker = bench.worker()
    run = asyncio.create_task(worker.run())
    await bench.receivers.have_heard(1)
    with monkeypatch.context() as impatient:
        impatient.setattr(loop, "DRAIN_SECONDS", 0.01)
        worker.stop()
        await asyncio.wait_for(run, 10)
    assert (await bench.outbox.stored(delivery)).state == PENDING

    bench.receivers.let_go.set()
    bench.clock.pass_by(minutes=2)
    async with running(bench.worker()):
        await bench.receivers.have_heard(2)

    assert {post.headers["webhook-id"] for post in bench.receivers.posts} == {delivery}
    assert (await bench.outbox.stored(delivery)).state == CONFIRMED


async def until_it_is_back(tries: Iterator[Awaitable[object]]) -> None:
    for attempt in tries:
        with suppress(StorageUnavailable):
            await attempt
            return
    raise AssertionError("the database did not come back")


async def test_a_worker_survives_a_database_that_goes_away(
    postgres_server: PostgresServer, postgres_template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "AFTER_TROUBLE_SECONDS", 0.01)
    copies = postgres_copy(postgres_server, postgres_template)
    async with open_outbox(next(copies)) as outbox:
        bench = Bench(outbox, Receivers(), Clock(START + timedelta(seconds=1)))
        shop = await outbox.endpoint()
        await outbox.deliveries(shop)
        async with running(bench.worker()):
            await bench.receivers.have_heard(1)
            await asyncio.to_thread(postgres_server.stop)
            await asyncio.sleep(0.05)
            postgres_server.start()
            bench.clock.pass_by(minutes=2)  # the first one's result may have been lost with the server
            await until_it_is_back(outbox.deliveries(shop) for _ in range(100))
            await bench.receivers.have_heard(2)
    next(copies, None)


async def test_a_duty_is_done_by_one_process_at_a_time(outbox: Outbox) -> None:
    async def contend(now: datetime) -> list[bool]:
        databases = [database_for(outbox.url) for _ in range(3)]
        for database in databases:
            await database.open()
        claims = [claim_duty(database, "sweep", HOUR, now) for database in databases for _ in range(2)]
        answers = await asyncio.gather(*claims)
        for database in databases:
            await database.close()
        return answers

    assert sum(await contend(START)) == 1
    assert sum(await contend(START + HOUR - timedelta(seconds=1))) == 0
    assert sum(await contend(START + HOUR)) == 1
    assert await claim_duty(outbox.database, "another", HOUR, START)


async def test_clean_up_deletes_what_has_served_and_nothing_else(outbox: Outbox) -> None:
    async def row(table: str, age: timedelta, keep: timedelta) -> None:
        at = to_micros(START - keep + age)
        if table == "idempotency_key":
            await outbox.rows(
                "INSERT INTO idempotency_key (api_key, key, fingerprint, status, response, created_at) "
                "VALUES ('shop', $1, $2, 200, $2, $3)",
                str(at),
                b"sealed",
                at,
            )
        else:
            await outbox.rows(
                "INSERT INTO hook_event (connection, event_key, body_digest, body, state, received_at) "
                "VALUES ('main', $1, $2, $2, 'done', $3)",
                str(at),
                b"sealed",
                at,
            )

    second = timedelta(seconds=1)
    for age in (-second, second):
        await row("idempotency_key", age, duties.ANSWERS_KEPT)
        await row("hook_event", age, duties.HOOK_BODIES_KEPT)
    shop = await outbox.endpoint()
    old, kept, pending = await outbox.deliveries(shop, 3, at=START - timedelta(days=1))
    for delivery, age in ((old, -second), (kept, second)):
        ended = to_micros(START - duties.DELIVERIES_KEPT + age)
        await outbox.rows(
            "UPDATE delivery SET state = 'confirmed', ended_at = $1 WHERE id = $2", ended, delivery
        )

    await clean_up(outbox.database, START)

    assert len(await outbox.rows("SELECT 1 FROM idempotency_key")) == 1
    assert sorted(await outbox.rows("SELECT body IS NULL, count(*) FROM hook_event GROUP BY 1")) == [
        (False, 1),
        (True, 1),
    ]
    assert {id_ for (id_,) in await outbox.rows("SELECT id FROM delivery")} == {kept, pending}
    assert (await outbox.stored(pending)).state == PENDING


async def test_what_nobody_will_ever_take_ends_as_failed(outbox: Outbox) -> None:
    for name, state in (("on", "enabled"), ("off", "disabled"), ("left", "gone"), ("deleted", "enabled")):
        await outbox.deliveries(await outbox.endpoint(name, state=state))
    await outbox.rows("DELETE FROM connection WHERE id = 'deleted'")

    await clean_up(outbox.database, START + timedelta(minutes=1))
    assert await outbox.queue.counts() == {
        "on": {PENDING: 1},
        "off": {PENDING: 1},
        "left": {FAILED: 1},
        "deleted": {FAILED: 1},
    }
    assert await outbox.rows("SELECT count(*) FROM delivery WHERE state = 'failed' AND body IS NULL") == [
        (2,)
    ]

    await clean_up(outbox.database, START + DELIVERIES_WAIT + timedelta(minutes=1))
    assert await outbox.states() == {FAILED}


async def test_stopping_in_the_middle_of_a_duty_leaves_the_database_free(bench: Bench) -> None:
    for turns in range(12):
        worker = bench.worker()
        run = asyncio.create_task(worker.run())
        for _ in range(turns):
            await asyncio.sleep(0)
        worker.stop()
        await asyncio.wait_for(run, 10)
        bench.clock.now += HOUR
        await bench.outbox.endpoint(f"e{turns}")


async def test_a_duty_that_fails_is_told_and_ends_no_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "DUTIES_SECONDS", 0.01)
    done = asyncio.Event()

    async def fail(_: datetime) -> None:
        raise ZeroDivisionError

    async def go_on(_: datetime) -> None:
        done.set()

    duties = (Duty("fails", timedelta(minutes=5), fail), Duty("goes-on", timedelta(minutes=5), go_on))
    outbox = bench.outbox
    worker = Worker(outbox.database, outbox.queue, bench.receivers, bench.clock, duties=duties)
    with capture_logs() as logs:
        async with running(worker), asyncio.timeout(30):
            await done.wait()
    [line] = [line for line in logs if line["log_level"] == "error"]
    assert (line["event"], line["duty"]) == ("a duty failed", "fails")


async def test_a_duty_that_takes_long_is_done_in_turns_between_the_others(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "DUTIES_SECONDS", NEVER)
    done = asyncio.Event()
    turns: list[str] = []

    async def takes_long(_: datetime) -> bool:
        turns.append("long")
        bench.clock.pass_by(minutes=5)
        if len(turns) > 6:
            done.set()
        return len(turns) <= 6

    async def other(_: datetime) -> None:
        turns.append("other")

    duties = (Duty("long", HOUR, takes_long), Duty("other", timedelta(minutes=5), other))
    outbox = bench.outbox
    worker = Worker(outbox.database, outbox.queue, bench.receivers, bench.clock, duties=duties)
    async with running(worker), asyncio.timeout(30):
        await done.wait()
    assert turns[:7] == ["long", "other"] * 3 + ["long"]


async def test_a_worker_that_is_told_to_stop_waits_for_one_turn_of_a_long_duty(bench: Bench) -> None:
    turns = 0

    async def never_ends(_: datetime) -> bool:
        nonlocal turns
        turns += 1
        worker.stop()
        return True

    outbox = bench.outbox
    duties = (Duty("long", HOUR, never_ends),)
    worker = Worker(outbox.database, outbox.queue, bench.receivers, bench.clock, duties=duties)
    await asyncio.wait_for(worker.run(), 30)
    assert turns == 1
