"""Our own mails: each is sent once as far as anybody can tell, and none is lost or dropped in silence."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from hashlib import sha256

import pytest
from structlog.testing import capture_logs

from prefcenter.domain.choices import Action, Source
from prefcenter.mail.message import OutgoingEmail, compose
from prefcenter.mail.render import Templates
from prefcenter.storage.database import Row, Statement, StorageUnavailable
from prefcenter.storage.delivery_queue import DeliveryQueue
from prefcenter.storage.journal import Journal
from prefcenter.storage.mail_queue import (
    ADD_MAIL,
    DROPPED,
    FAILED,
    LEASE,
    PENDING,
    SENT,
    ClaimedMail,
    Priority,
    mail_row,
)
from prefcenter.storage.units import Outcome
from prefcenter.use_cases.composing import Composer
from prefcenter.worker import loop
from prefcenter.worker.loop import Worker, running
from prefcenter.worker.mails import AT_ONCE, Mails
from tests.storage.ledgers import CATALOG, by_link, item, unit
from tests.storage.mails import open_mails
from tests.storage.queues import START, VAULT
from tests.worker.clients import Receivers
from tests.worker.posts import ADDRESS, DAY, GREYLISTED, NO_MAILBOX, NO_SERVICES, Post, letter


@pytest.fixture
async def post(database_url: str) -> AsyncIterator[Post]:
    async with open_mails(database_url) as bench:
        yield Post(bench)


async def test_a_mail_is_sent_and_its_hash_is_that_of_what_went_out(post: Post) -> None:
    mail = await post.bench.mail("about-it")
    assert await post.round() == 1
    [message] = post.sender.sent
    [claimed_about] = post.sent
    stored = await post.bench.stored(mail)
    assert message["Message-ID"] == f"<{mail}@example.com>"
    assert stored.digest == sha256(message.as_bytes()).digest()
    assert (stored.state, stored.error, stored.ended_at) == (SENT, None, START)
    # Told while it is still ours, so that a crash here tells again rather than never.
    assert claimed_about == ("about-it", stored.digest, PENDING)
    assert await post.round() == 0


async def test_what_is_no_longer_needed_is_dropped(post: Post) -> None:
    mail = await post.bench.mail(kind="nothing")
    await post.round()
    stored = await post.bench.stored(mail)
    assert (stored.state, stored.digest, stored.error) == (DROPPED, None, None)
    assert post.sender.sent == [] and post.sent == []


async def test_a_refusal_for_good_fails_loudly_and_names_nobody(post: Post) -> None:
    mail = await post.bench.mail()
    post.sender.fail_next(NO_MAILBOX)
    with capture_logs() as logs:
        await post.round()
    stored = await post.bench.stored(mail)
    assert (stored.state, stored.error) == (FAILED, "the mail server refused the recipient (SMTP 550)")
    [line] = logs
    assert (line["log_level"], line["event"], line["mail"]) == ("error", "mail failed", mail)
    assert ADDRESS not in str(logs)
    assert post.sent == []


async def test_a_refusal_for_now_is_tried_again_on_schedule_and_then_given_up(post: Post) -> None:
    mail = await post.bench.mail()
    tried = []
    with capture_logs() as logs:
        while (stored := await post.bench.stored(mail)).state == PENDING:
            post.clock.now = max(post.clock.now, stored.next_at)
            post.sender.fail_next(GREYLISTED)
            tried.append(post.clock.now - START)
            await post.round()
    minutes = [round(wait.total_seconds() / 60) for wait in tried]
    assert minutes == [0, 1, 6, 36, 156, 456]
    assert stored.state == FAILED and stored.attempts == len(tried)
    assert [line["log_level"] for line in logs] == ["warning"] * 5 + ["error"]
    assert post.sender.sent == []


async def test_the_next_try_is_the_same_mail(post: Post) -> None:
    mail = await post.bench.mail()
    post.sender.fail_next(GREYLISTED)
    await post.round()
    post.clock.pass_by(minutes=1)
    await post.round()
    assert [message["Message-ID"] for message in post.sender.sent] == [f"<{mail}@example.com>"]
    assert (await post.bench.stored(mail)).state == SENT


async def test_a_worker_that_dies_after_the_server_took_it_sends_the_same_bytes_again(post: Post) -> None:
    mail = await post.bench.mail()

    async def die(*_: object) -> None:
        raise StorageUnavailable("the machine went down here")

    dying = post.mails(test=Composer(compose=post.compose, after_sent=die, tries_for=DAY))
    await post.round(dying)
    assert (await post.bench.stored(mail)).state == PENDING
    assert await post.round() == 0

    post.clock.now = START + LEASE
    await post.round()

    first, second = post.sender.sent
    assert first["Message-ID"] == second["Message-ID"]
    assert first.as_bytes() == second.as_bytes()
    stored = await post.bench.stored(mail)
    assert (stored.state, stored.digest) == (SENT, sha256(first.as_bytes()).digest())


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("broken", "cannot be composed: KeyError"),
        ("template", "cannot be composed: 'purpose' is undefined"),
        ("odd", "cannot be composed: subject: must be one line of text without control characters"),
        ("of-tomorrow", "this version knows no mail of the kind 'of-tomorrow'"),
    ],
)
async def test_one_that_cannot_be_composed_waits_to_be_mended_and_holds_up_no_other(
    post: Post, kind: str, error: str
) -> None:
    broken, fine = await post.bench.mail(kind=kind), await post.bench.mail()
    with capture_logs() as logs:
        await post.round()
    stored = await post.bench.stored(broken)
    assert (stored.state, stored.error, stored.next_at) == (PENDING, error, START + timedelta(minutes=1))
    assert (await post.bench.stored(fine)).state == SENT
    assert ADDRESS not in str(logs)


async def test_without_a_mail_server_mails_wait_and_that_is_said_once(post: Post) -> None:
    mails = post.mails(configured=False)
    with capture_logs() as logs:
        assert await post.round(mails) == 0
        assert logs == []
        mail = await post.bench.mail()
        assert [await post.round(mails) for _ in range(3)] == [0, 0, 0]
    [line] = logs
    assert line["log_level"] == "warning" and "PREFCENTER_SMTP_URL" in line["event"]
    stored = await post.bench.stored(mail)
    assert (stored.state, stored.attempts) == (PENDING, 0)
    assert await post.round() == 1


async def test_a_lease_that_was_lost_while_it_was_composed_sends_nothing(post: Post) -> None:
    mail = await post.bench.mail()
    composing, goes_on = asyncio.Event(), asyncio.Event()

    async def slowly(*given: object) -> OutgoingEmail | None:
        composing.set()
        await goes_on.wait()
        return await post.compose(*given)

    mails = post.mails(test=Composer(compose=slowly, tries_for=DAY))
    await mails.start_due()
    await composing.wait()
    post.clock.now = START + LEASE
    await post.round()
    goes_on.set()
    await mails.drain(10)
    assert len(post.sender.sent) == 1
    assert (await post.bench.stored(mail)).attempts == 2


async def test_only_a_few_are_sent_at_once_and_the_next_are_called_for(post: Post) -> None:
    for number in range(AT_ONCE + 1):
        await post.bench.mail(str(number))
    mails = post.mails()
    assert await mails.start_due() == AT_ONCE
    assert await mails.start_due() == 0
    await asyncio.wait_for(mails.room.wait(), 10)
    await mails.drain(10)
    assert await post.round(mails) == 1
    assert len(post.sender.sent) == AT_ONCE + 1


async def test_a_worker_that_is_told_to_stop_lets_a_mail_end_and_cuts_off_one_that_does_not(
    post: Post,
) -> None:
    mail = await post.bench.mail()

    class Hanging:
        async def send(self, message: EmailMessage) -> None:
            await asyncio.Event().wait()

    mails = Mails(NO_SERVICES, Templates([]), post.bench.queue, Hanging(), post.composers, post.clock)
    await mails.start_due()
    await mails.drain(0.01)
    assert (await post.bench.stored(mail)).state == PENDING
    post.clock.now = START + LEASE
    assert await post.round() == 1


def test_the_same_mail_is_the_same_bytes() -> None:
    mail = ClaimedMail("0" * 32, "test", "a", 1, START, 1)
    again = ClaimedMail("0" * 32, "test", "a", 2, START, 2)
    other = ClaimedMail("1" * 32, "test", "a", 1, START, 1)
    assert compose(letter(mail)).as_bytes() == compose(letter(again)).as_bytes()
    assert compose(letter(mail)).as_bytes() != compose(letter(other)).as_bytes()


async def test_a_mail_that_is_born_with_a_choice_is_sent_at_once(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "POLL_SECONDS", 3600.0)
    clients = Receivers()
    queue = DeliveryQueue(post.bench.database, VAULT)
    worker = Worker(post.bench.database, queue, clients, post.clock, mails=post.mails())
    journal = Journal(post.bench.database, CATALOG, VAULT, worker.wake)
    row = mail_row(kind="test", about="a", priority=Priority.NOTICE, now=START)

    def born(_: Outcome) -> Sequence[tuple[Statement, Row]]:
        return [(ADD_MAIL, row)]

    async with running(worker):
        stop = item(Action.WITHDRAW, Source.ONE_CLICK, by_link(ADDRESS))
        await journal.record(replace(unit(stop, now=START), companions=born))
        async with asyncio.timeout(30):
            while (await post.bench.stored(row[0])).state != SENT:  # noqa: ASYNC110 - in the database
                await asyncio.sleep(0.01)
    await journal.close()
    assert len(post.sender.sent) == 1


async def test_a_mail_of_a_choice_that_was_not_recorded_is_not_there_either(post: Post) -> None:
    journal = Journal(post.bench.database, CATALOG, VAULT)

    def broken(_: Outcome) -> Sequence[tuple[Statement, Row]]:
        raise ZeroDivisionError

    stop = item(Action.WITHDRAW, Source.ONE_CLICK, by_link(ADDRESS))
    with pytest.raises(ZeroDivisionError):
        await journal.record(replace(unit(stop, now=START), companions=broken))
    await journal.close()
    assert await post.bench.queue.counts() == {}
    async with post.bench.database.read() as tx:
        assert [tuple(row) for row in await tx.fetch("SELECT count(*) FROM ledger")] == [(0,)]
