"""A bounce that came in: only what is final, of the address, and proved to be of a mail of ours counts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tortoise.backends.base.executor import EXECUTOR_CACHE

from prefcenter.domain.choices import Cause, Source
from prefcenter.storage.mail_in import mail_in_counts
from prefcenter.use_cases.receive_mail import Became
from tests.mail.samples import a_bounce, a_recipient
from tests.use_cases.post import ADA, BO, PostOffice, open_post_office

BOUNCED = [(Cause.BOUNCED, "*", Source.PROVIDER)]


@pytest.fixture
async def post(database_url: str, tmp_path: Path) -> AsyncIterator[PostOffice]:
    EXECUTOR_CACHE.clear()
    async with open_post_office(database_url, tmp_path) as opened:
        yield opened


async def test_a_dead_address_is_recorded_as_bounced(post: PostOffice) -> None:
    await post.gives(ADA)
    assert (await post.take(a_bounce(headers=post.headers(ADA)), sender=""))[0] is Became.BOUNCED
    assert await post.stops(ADA) == BOUNCED
    assert (await post.evidence())["status"] == "5.1.1"


@pytest.mark.parametrize(
    ("action", "status"),
    [
        ("delayed", "4.4.1"),
        ("delayed", "5.1.1"),
        ("relayed", "2.1.5"),
        ("expanded", "2.0.0"),
        ("delivered", "2.0.0"),
        ("failed", "4.4.7"),
        ("failed", "5.2.2"),
        ("failed", "5.7.1"),
        ("failed", "5.4.7"),
        ("failed", "5.3.4"),
        ("failed", ""),
        ("failed", "5"),
    ],
)
async def test_what_says_nothing_final_of_the_address_is_ignored(
    post: PostOffice, action: str, status: str
) -> None:
    raw = a_bounce(a_recipient(ADA, action, status), headers=post.headers(ADA))
    assert await post.take(raw) == (Became.IGNORED, "not_final")
    assert await post.head() == 0 and (await mail_in_counts(post.services.database)).open == 0


async def test_of_several_recipients_only_the_one_that_we_signed_for_bounces(post: PostOffice) -> None:
    raw = a_bounce(a_recipient(BO), a_recipient("new@example.net", original=ADA), headers=post.headers(ADA))
    assert (await post.take(raw))[0] is Became.BOUNCED
    assert await post.stops(ADA) == BOUNCED and await post.stops(BO) == []
    others = a_bounce(a_recipient(BO), a_recipient("cy@example.com"), headers=post.headers(ADA))
    assert await post.take(others) == (Became.QUEUED, "bounce_of_another")


async def test_a_mail_passed_on_to_a_dead_address_never_reached_whom_it_was_for(post: PostOffice) -> None:
    assert (await post.take(a_bounce(a_recipient("new@example.net"), headers=post.headers(ADA))))[
        0
    ] is Became.BOUNCED
    assert await post.stops(ADA) == BOUNCED and await post.stops("new@example.net") == []


async def test_a_bounce_that_nothing_proves_stops_nobody(post: PostOffice) -> None:
    raw = a_bounce(a_recipient(ADA), headers={"To": ADA, "Message-ID": "<x@example.com>"})
    assert await post.take(raw) == (Became.QUEUED, "bounce_unproved")
    assert await post.head() == 0
