"""What a worker does with what is due, on a real database and a clock that stands still."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from email_hooks.signatures import verify_standard
from prefcenter.domain.delivery import STEPS, Answer
from prefcenter.storage.delivery_queue import CONFIRMED, FAILED, LEASE, PENDING
from prefcenter.storage.endpoints import DISABLED, ENABLED
from prefcenter.worker.deliveries import AT_FIRST, IN_ALL, PER_ENDPOINT, Deliveries
from tests.storage.queues import LOST_KEY, SECRET, START, Clock, Outbox, open_outbox
from tests.worker.clients import TAKEN, Post, Receivers

SHOP = "https://shop.example/hooks"


@pytest.fixture
async def outbox(database_url: str) -> AsyncIterator[Outbox]:
    async with open_outbox(database_url) as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock(START + timedelta(seconds=1))


@pytest.fixture
def receivers() -> Receivers:
    return Receivers()


@pytest.fixture
def worker(outbox: Outbox, receivers: Receivers, clock: Clock) -> Deliveries:
    return Deliveries(outbox.queue, receivers, clock, jitter=lambda: 0.0)


async def one_round(worker: Deliveries) -> int:
    started = await worker.start_due()
    await worker.drain(10)
    return started


async def test_a_delivery_is_signed_and_ends_confirmed(
    outbox: Outbox, worker: Deliveries, receivers: Receivers, clock: Clock
) -> None:
    [delivery] = await outbox.deliveries(await outbox.endpoint())

    assert await one_round(worker) == 1

    [post] = receivers.posts
    assert (post.url, post.body, post.headers["webhook-id"]) == (SHOP, b"body 0", delivery)
    verify_standard(post.headers, post.body, SECRET, clock())
    stored = await outbox.stored(delivery)
    assert (stored.state, stored.status, stored.error, stored.attempts) == (CONFIRMED, 204, None, 1)
    assert await one_round(worker) == 0


@pytest.mark.parametrize("suppressing", [False, True])
async def test_a_refused_delivery_follows_the_schedule_under_one_id(
    outbox: Outbox, worker: Deliveries, receivers: Receivers, clock: Clock, suppressing: bool
) -> None:
    [delivery] = await outbox.deliveries(await outbox.endpoint(), suppressing=suppressing)
    receivers.answers = lambda post: Answer(status=503)

    for attempt, wait in enumerate(STEPS[1:], 1):
        assert await one_round(worker) == 1
        assert await outbox.due_in(delivery, clock()) == wait
        clock.now += wait - timedelta(microseconds=1)
        assert await one_round(worker) == 0, f"too early after attempt {attempt}"
        clock.pass_by(microseconds=1)
    await one_round(worker)

    stored = await outbox.stored(delivery)
    if suppressing:  # a stop is not given up with the schedule
        assert (stored.state, await outbox.due_in(delivery, clock())) == (PENDING, timedelta(days=1))
        while clock() < START + timedelta(days=32):
            clock.pass_by(days=1)
            await one_round(worker)
        stored = await outbox.stored(delivery)
    assert (stored.state, stored.status, stored.has_body) == (FAILED, 503, False)
    assert stored.error is not None and "answered 503" in stored.error
    assert {(post.headers["webhook-id"], post.body) for post in receivers.posts} == {(delivery, b"body 0")}


async def test_each_attempt_is_signed_for_its_own_time(
    outbox: Outbox, worker: Deliveries, receivers: Receivers, clock: Clock
) -> None:
    await outbox.deliveries(await outbox.endpoint())
    receivers.answers = lambda post: Answer(error="no connection")
    await one_round(worker)
    clock.pass_by(hours=1)
    await one_round(worker)

    first, second = receivers.posts
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    verify_standard(second.headers, second.body, SECRET, clock())


async def test_retry_after_is_honoured_where_it_is_longer_than_the_schedule(
    outbox: Outbox, worker: Deliveries, receivers: Receivers, clock: Clock
) -> None:
    shop = await outbox.endpoint()
    [delivery] = await outbox.deliveries(shop)
    receivers.answers = lambda post: Answer(status=429, retry_after=600)
    await one_round(worker)
    assert await outbox.due_in(delivery, clock()) == timedelta(minutes=10)

    clock.pass_by(minutes=10)
    receivers.answers = lambda post: Answer(status=429, retry_after=1)
    await one_round(worker)
    assert await outbox.due_in(delivery, clock()) == STEPS[2]


async def test_410_disables_the_endpoint_and_fails_what_waited(
    outbox: Outbox, worker: Deliveries, receivers: Receivers, clock: Clock
) -> None:
    shop, other = await outbox.endpoint(), await outbox.endpoint("other")
    await outbox.deliveries(shop, 2)
    await outbox.deliveries(shop, at=clock() + timedelta(hours=1))
    [kept] = await outbox.deliveries(other)
    receivers.answers = lambda post: Answer(status=410) if post.url == SHOP else TAKEN

    await one_round(worker)

    assert await outbox.queue.counts() == {shop: {FAILED: 3}, other: {CONFIRMED: 1}}
    assert (await outbox.stored(kept)).state == CONFIRMED
    [(state, reason)] = await outbox.rows("SELECT state, state_reason FROM connection WHERE id = $1", shop)
    assert (state, reason) == ("gone", "answered 410")
    clock.pass_by(days=1)
    assert await one_round(worker) == 0


async def test_a_hanging_endpoint_does_not_stop_another(
    outbox: Outbox, worker: Deliveries, receivers: Receivers
) -> None:
    shop, other = await outbox.endpoint(), await outbox.endpoint("other")
    await outbox.deliveries(shop, 3 * PER_ENDPOINT)
    await outbox.deliveries(other, 2 * PER_ENDPOINT)
    receivers.hanging.add(SHOP)

    await worker.start_due()
    while (await outbox.queue.counts())[other].get(PENDING):
        await worker.start_due()

    assert receivers.in_flight == {SHOP: AT_FIRST, "https://other.example/hooks": 0}
    assert (await outbox.queue.counts())[shop] == {PENDING: 3 * PER_ENDPOINT}
    receivers.let_go.set()
    await worker.drain(10)


async def test_an_endpoint_that_answers_gets_more_at_once_and_one_that_does_not_gets_one(
    outbox: Outbox, worker: Deliveries, receivers: Receivers, clock: Clock
) -> None:
    shop = await outbox.endpoint()
    await outbox.deliveries(shop, 4 * PER_ENDPOINT)
    assert [await one_round(worker) for _ in range(2)] == [AT_FIRST, PER_ENDPOINT]
    receivers.answers = lambda post: Answer(error="timed out")
    assert [await one_round(worker) for _ in range(2)] == [PER_ENDPOINT, 1]
    receivers.answers = lambda post: Answer(status=500)
    assert [await one_round(worker) for _ in range(3)] == [1, 2, 8]


async def test_no_more_than_a_fixed_number_is_in_flight_in_all(
    outbox: Outbox, worker: Deliveries, receivers: Receivers
) -> None:
    many = IN_ALL // AT_FIRST + 2
    for number in range(many):
        await outbox.deliveries(await outbox.endpoint(f"e{number}"), AT_FIRST)
        receivers.hanging.add(f"https://e{number}.example/hooks")

    assert await worker.start_due() == IN_ALL
    assert await worker.start_due() == 0
    receivers.let_go.set()
    await worker.drain(10)
    assert await one_round(worker) == many * AT_FIRST - IN_ALL
    assert await outbox.states() == {CONFIRMED}


async def test_what_is_owed_to_a_disabled_endpoint_waits_until_it_is_enabled(
    outbox: Outbox, worker: Deliveries
) -> None:
    [delivery] = await outbox.deliveries(await outbox.endpoint(state=DISABLED))
    assert await one_round(worker) == 0

    await outbox.rows("UPDATE connection SET state = $1", ENABLED)

    assert await one_round(worker) == 1
    assert (await outbox.stored(delivery)).state == CONFIRMED


async def test_nothing_goes_to_an_endpoint_that_was_deleted(
    outbox: Outbox, worker: Deliveries, receivers: Receivers
) -> None:
    await outbox.deliveries(await outbox.endpoint())
    await outbox.rows("DELETE FROM connection")

    assert await one_round(worker) == 0
    assert receivers.posts == []


async def test_a_slow_post_whose_lease_ran_out_does_not_undo_what_came_after(
    outbox: Outbox, worker: Deliveries, receivers: Receivers, clock: Clock
) -> None:
    [delivery] = await outbox.deliveries(await outbox.endpoint())
    receivers.hanging.add(SHOP)
    receivers.answers = lambda post: Answer(status=500)
    await worker.start_due()
    await receivers.have_heard(1)

    clock.now += LEASE
    second = Deliveries(outbox.queue, Receivers(), clock, jitter=lambda: 0.0)
    await one_round(second)
    receivers.let_go.set()
    await worker.drain(10)

    stored = await outbox.stored(delivery)
    assert (stored.state, stored.status, stored.attempts) == (CONFIRMED, 204, 2)


async def test_what_cannot_be_unsealed_is_tried_again_and_holds_nobody_up(
    outbox: Outbox, worker: Deliveries, receivers: Receivers, clock: Clock
) -> None:
    shop, locked = await outbox.endpoint(), await outbox.endpoint("locked", vault=LOST_KEY)
    [good] = await outbox.deliveries(shop)
    [sealed] = await outbox.deliveries(shop, vault=LOST_KEY)
    [unsigned] = await outbox.deliveries(locked)

    assert await one_round(worker) == 3

    assert [post.headers["webhook-id"] for post in receivers.posts] == [good]
    for delivery in (sealed, unsigned):
        stored = await outbox.stored(delivery)
        assert stored.state == PENDING
        assert stored.error == "sealed with a key that PREFCENTER_SECRET_KEYS lacks"
        assert await outbox.due_in(delivery, clock()) == STEPS[1]


async def test_an_answer_to_one_says_nothing_of_another(
    outbox: Outbox, worker: Deliveries, receivers: Receivers
) -> None:
    shop = await outbox.endpoint()
    born = await outbox.deliveries(shop, 10)

    def answer(post: Post) -> Answer:
        return TAKEN if int(post.body.split()[1]) % 2 else Answer(status=500)

    receivers.answers = answer
    while await one_round(worker):
        pass

    states = [(await outbox.stored(delivery)).state for delivery in born]
    assert states == [PENDING, CONFIRMED] * 5
