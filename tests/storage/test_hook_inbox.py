"""What providers tell is kept once: many requests in one transaction, and no neighbour pays for another."""

import asyncio
from datetime import timedelta

import pytest

from prefcenter.storage.database import StorageUnavailable
from prefcenter.storage.hook_events import LEASE, HookEvents
from prefcenter.storage.hook_inbox import Arrived, HookInbox
from tests.storage.ledgers import NOW, VAULT, Ledger

KEPT = "SELECT connection, event_key, body_digest FROM hook_event ORDER BY connection, event_key"


def arrived(key: str, digest: bytes = b"d", connection: str = "main") -> Arrived:
    return Arrived(connection, key, digest, VAULT.seal(b"{}"), "complained", b"w" * 16)


async def test_requests_that_wait_at_the_same_moment_share_a_transaction(ledger: Ledger) -> None:
    inbox = HookInbox(ledger.database)
    batches = [[arrived(f"{batch}-{number}") for number in range(20)] for batch in range(50)]
    await asyncio.gather(*(inbox.keep(batch, NOW) for batch in batches))
    assert len(await ledger.rows(KEPT)) == 1_000
    if ledger.database.dialect == "postgres":
        assert await ledger.rows("SELECT count(DISTINCT xmin::text) FROM hook_event") == [(1,)]


async def test_one_kept_event_wakes_and_a_repeated_one_does_not(ledger: Ledger) -> None:
    woken: list[int] = []
    inbox = HookInbox(ledger.database, lambda: woken.append(1))
    await inbox.keep([arrived("a"), arrived("a")], NOW)
    await inbox.keep([arrived("a")], NOW + timedelta(days=20))
    await inbox.keep([], NOW)
    assert len(woken) == 1
    assert len(await ledger.rows(KEPT)) == 1


async def test_the_first_words_under_a_key_stay(ledger: Ledger) -> None:
    inbox = HookInbox(ledger.database)
    await inbox.keep([arrived("a", b"first"), arrived("a", b"second")], NOW)
    await asyncio.gather(inbox.keep([arrived("a", b"third")], NOW), inbox.keep([arrived("b")], NOW))
    found = [(key, bytes(digest)) for _, key, digest in await ledger.rows(KEPT)]
    assert found == [("a", b"first"), ("b", b"d")]


async def test_many_processes_keep_an_event_once(ledger: Ledger) -> None:
    inboxes = [HookInbox(ledger.database) for _ in range(4)]
    batch = [arrived(str(number)) for number in range(50)]
    await asyncio.gather(*(one.keep(sorted(batch, key=hash), NOW) for one in inboxes for _ in range(5)))
    assert len(await ledger.rows(KEPT)) == 50


async def test_a_request_that_no_database_takes_costs_no_other(ledger: Ledger) -> None:
    inbox = HookInbox(ledger.database)
    poison = arrived("poison")._replace(digest=object())  # type: ignore[arg-type]
    outcomes = await asyncio.gather(
        *(inbox.keep([one], NOW) for one in (arrived("a"), poison, arrived("b"))), return_exceptions=True
    )
    assert [isinstance(one, Exception) for one in outcomes] == [False, True, False]
    assert [key for _, key, _ in await ledger.rows(KEPT)] == ["a", "b"]


async def test_without_a_database_every_request_hears_of_it(ledger: Ledger) -> None:
    inbox = HookInbox(ledger.database)
    await ledger.database.close()
    with pytest.raises(StorageUnavailable):
        await inbox.keep([arrived("a")], NOW)
    await ledger.database.open()
    await inbox.keep([arrived("a")], NOW)
    assert len(await ledger.rows(KEPT)) == 1


async def test_two_workers_share_what_is_due_and_take_nothing_twice(ledger: Ledger) -> None:
    await HookInbox(ledger.database).keep([arrived(str(number)) for number in range(100)], NOW)
    queue = HookEvents(ledger.database, VAULT)
    taken = await asyncio.gather(*(queue.claim(30, NOW) for _ in range(4)))
    ids = [one.id for claimed in taken for one in claimed]
    assert len(ids) == len(set(ids)) == 100
    assert await queue.claim(10, NOW) == []
    assert len(await queue.claim(10, NOW + LEASE)) == 10
