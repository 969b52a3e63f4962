"""Mail that waits for the operator: kept sealed, once, and not for ever."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from prefcenter.storage.database import AnyDatabase, database_for
from prefcenter.storage.duties import clean_up
from prefcenter.storage.mail_in import (
    BODIES_KEPT,
    MOST_KEPT,
    ROWS_KEPT,
    MailInCounts,
    MailsIn,
    mail_in_counts,
)
from prefcenter.storage.vault import Vault
from tests.storage.queues import START

RAW = b"From: ada@example.com\r\n\r\nHello"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AnyDatabase]:
    opened = database_for(database_url)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def mails(database: AnyDatabase) -> MailsIn:
    return MailsIn(database, Vault([b"a key for the tests" * 2]))


async def test_a_mail_is_kept_once_and_sealed(database: AnyDatabase, mails: MailsIn) -> None:
    assert await mails.keep(b"d" * 32, "not_understood", RAW, START)
    assert not await mails.keep(b"d" * 32, "not_understood", RAW, START + timedelta(days=1))
    [mail] = await mails.open(10)
    assert (mail.reason, mail.size, mail.received_at) == ("not_understood", len(RAW), START)
    assert mail.body is not None and b"ada" not in mail.body
    assert mails.unsealed(mail) == RAW


async def test_it_waits_until_the_operator_closes_it(database: AnyDatabase, mails: MailsIn) -> None:
    assert await mail_in_counts(database) == MailInCounts(0, None)
    for number in range(3):
        await mails.keep(bytes([number]) * 32, "x", RAW, START + timedelta(hours=number))
    assert await mail_in_counts(database) == MailInCounts(3, START)
    oldest = (await mails.open(2))[0]
    assert await mails.close(oldest.id, START + timedelta(days=1))
    assert not await mails.close(oldest.id, START + timedelta(days=2))
    assert not await mails.close("0" * 32, START)
    assert await mail_in_counts(database) == MailInCounts(2, START + timedelta(hours=1))
    found = await mails.find(oldest.id)
    assert found is not None and found.closed_at == START + timedelta(days=1)


async def test_of_a_large_mail_the_first_part_is_kept(mails: MailsIn) -> None:
    await mails.keep(b"d" * 32, "x", b"a" * (MOST_KEPT + 1), START)
    [mail] = await mails.open(1)
    assert mail.size == MOST_KEPT + 1
    assert mails.unsealed(mail) == b"a" * MOST_KEPT


async def test_what_it_says_goes_after_30_days_and_that_it_came_after_90(
    database: AnyDatabase, mails: MailsIn
) -> None:
    await mails.keep(b"d" * 32, "x", RAW, START)
    await clean_up(database, START + BODIES_KEPT)
    [mail] = await mails.open(1)
    assert mails.unsealed(mail) == RAW
    await clean_up(database, START + BODIES_KEPT + timedelta(seconds=1))
    [mail] = await mails.open(1)
    assert mails.unsealed(mail) is None
    await clean_up(database, START + ROWS_KEPT + timedelta(seconds=1))
    assert await mails.open(1) == []
