"""The queue of mails, shared by any number of workers."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from prefcenter.storage.duties import MAILS_KEPT, clean_up
from prefcenter.storage.fields import to_micros
from prefcenter.storage.mail_queue import (
    DROP_MAILS_ABOUT,
    DROPPED,
    FAILED,
    PENDING,
    SENT,
    MailQueue,
    Priority,
)
from tests.storage.mails import MailBench, open_mails
from tests.storage.queues import START

LEASE = timedelta(seconds=60)
MOMENT = timedelta(microseconds=1)
LATER = START + LEASE


@pytest.fixture
async def bench(database_url: str) -> AsyncIterator[MailBench]:
    async with open_mails(database_url, LEASE) as opened:
        yield opened


async def test_a_mail_is_one_workers_until_its_lease_ends(bench: MailBench) -> None:
    mail = await bench.mail("about-it", kind="ask")

    [first] = await bench.queue.claim(START, 5)
    assert await bench.queue.claim(LATER - MOMENT, 5) == []
    [second] = await bench.queue.claim(LATER, 5)

    assert (first.id, first.kind, first.about) == (mail, "ask", "about-it")
    assert (first.attempts, second.attempts) == (1, 2)
    assert first.created_at == second.created_at == START
    assert first.token != second.token


async def test_whoever_waits_for_a_confirmation_comes_before_everybody_who_is_asked_something(
    bench: MailBench,
) -> None:
    for priority in (Priority.ASK, Priority.NOTICE, Priority.THIRD_PARTY, Priority.CONFIRMATION):
        for second in (1, 0):
            await bench.mail(
                f"{priority.name} {second}", priority=priority, at=START + timedelta(seconds=second)
            )

    claimed = [await bench.queue.claim(START + timedelta(seconds=2), 1) for _ in range(8)]

    assert [mail.about for [mail] in claimed] == [
        "CONFIRMATION 0",
        "CONFIRMATION 1",
        "THIRD_PARTY 0",
        "THIRD_PARTY 1",
        "NOTICE 0",
        "NOTICE 1",
        "ASK 0",
        "ASK 1",
    ]


async def test_nothing_is_claimed_before_its_time(bench: MailBench) -> None:
    await bench.mail(next_at=LATER)
    assert await bench.queue.claim(LATER - MOMENT, 5) == []
    assert not await bench.queue.is_due(LATER - MOMENT)
    assert await bench.queue.is_due(LATER)
    assert len(await bench.queue.claim(LATER, 5)) == 1


async def test_many_workers_claim_each_mail_once(bench: MailBench) -> None:
    mails = {await bench.mail(str(number)) for number in range(40)}
    workers = [MailQueue(bench.database, LEASE) for _ in range(4)]

    claimed = await asyncio.gather(*(worker.claim(START, 4) for worker in workers * 5))

    ids = [mail.id for some in claimed for mail in some]
    assert len(ids) == len(set(ids))
    rest = [mail.id for _ in range(10) for mail in await bench.queue.claim(START, 4)]
    assert sorted(ids + rest) == sorted(mails)


@pytest.mark.parametrize("late_state", [SENT, FAILED, PENDING, DROPPED])
async def test_a_worker_whose_lease_ran_out_changes_nothing(bench: MailBench, late_state: str) -> None:
    mail = await bench.mail()
    [slow] = await bench.queue.claim(START, 5)
    [quick] = await bench.queue.claim(LATER, 5)

    assert not await bench.queue.begin(slow, b"slow", LATER)
    assert not await bench.queue.finish(slow, late_state, retry_at=START, digest=b"slow", now=LATER)
    assert await bench.queue.finish(quick, SENT, digest=b"quick", now=LATER)
    assert not await bench.queue.finish(slow, late_state, error="late", now=LATER)

    stored = await bench.stored(mail)
    assert (stored.state, stored.digest, stored.error, stored.ended_at) == (SENT, b"quick", None, LATER)


async def test_what_will_be_sent_is_known_before_it_is_and_takes_the_lease_anew(bench: MailBench) -> None:
    await bench.mail("about-it", kind="confirm")
    [claimed] = await bench.queue.claim(START, 5)
    assert await bench.queue.digest_about("confirm", "about-it") is None

    assert await bench.queue.begin(claimed, b"digest", START + timedelta(seconds=30))

    assert await bench.queue.digest_about("confirm", "about-it") == b"digest"
    assert await bench.queue.digest_about("ask", "about-it") is None
    assert await bench.queue.claim(LATER, 5) == []
    assert len(await bench.queue.claim(LATER + timedelta(seconds=30), 5)) == 1


async def test_a_mail_that_was_not_taken_comes_back_at_its_time(bench: MailBench) -> None:
    mail = await bench.mail()
    [claimed] = await bench.queue.claim(START, 5)
    again = START + timedelta(minutes=5)

    await bench.queue.finish(claimed, PENDING, retry_at=again, error="x" * 300, now=START)

    stored = await bench.stored(mail)
    assert (stored.state, stored.next_at, stored.error, stored.ended_at) == (PENDING, again, "x" * 200, None)
    assert await bench.queue.claim(again - MOMENT, 5) == []
    [claimed] = await bench.queue.claim(again, 5)
    assert claimed.attempts == 2


async def test_what_waits_about_something_can_be_dropped(bench: MailBench) -> None:
    dropped, other = await bench.mail("a"), await bench.mail("b")
    sent = await bench.mail("a", at=START - LEASE)
    [claimed] = await bench.queue.claim(START - LEASE, 1)
    await bench.queue.finish(claimed, SENT, digest=b"d", now=START)

    async with bench.database.write() as tx:
        await tx.many(DROP_MAILS_ABOUT, [("test", "a", to_micros(LATER)), ("other", "b", to_micros(LATER))])

    assert claimed.id == sent
    states = [(await bench.stored(mail)).state for mail in (dropped, other, sent)]
    assert states == [DROPPED, PENDING, SENT]
    assert await bench.queue.counts() == {"test": {DROPPED: 1, PENDING: 1, SENT: 1}}


async def test_ended_mails_go_after_90_days_and_waiting_ones_stay(bench: MailBench) -> None:
    await bench.mail("ended")
    [claimed] = await bench.queue.claim(START, 1)
    await bench.queue.finish(claimed, FAILED, error="refused", now=START)
    await bench.mail("waits")

    await clean_up(bench.database, START + MAILS_KEPT)
    assert await bench.queue.counts() == {"test": {FAILED: 1, PENDING: 1}}
    await clean_up(bench.database, START + MAILS_KEPT + MOMENT)
    assert await bench.queue.counts() == {"test": {PENDING: 1}}
