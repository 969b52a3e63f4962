"""Voiding many entries: broken off it goes on, by several at once each is voided once, others get a turn."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from prefcenter.bootstrap import open_services
from prefcenter.domain.addresses import parse_email
from prefcenter.domain.choices import Action, Choice, Source
from prefcenter.storage.fields import to_micros
from prefcenter.storage.origins import OfConnection, Span
from prefcenter.storage.units import ChoiceItem, Ref, Unit
from prefcenter.storage.verify import verify
from prefcenter.use_cases.services import Services
from prefcenter.use_cases.void_entries import CHUNK, look, void
from tests.api.client import settings_of

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NUMBER = 2 * CHUNK + 50
ORIGIN = OfConnection("news", Span(NOW, NOW + timedelta(hours=1)))
_EVENT = """
INSERT INTO hook_event (connection, event_key, body_digest, state, received_at, kind, first_seq, last_seq)
VALUES ('news', $1, $2, 'applied', $3, 'unsubscribed', $4, $5)
"""


def stop_of(services: Services, number: int, source: Source) -> ChoiceItem:
    narrow, wide = services.fingerprinter.of_email(parse_email(f"p{number}@example.com"))
    choice = Choice(Action.OBJECT, source, "*", "*")
    return ChoiceItem(ref=Ref(wide=wide, narrow=narrow), index=number, choice=choice)


@pytest.fixture
async def services(database_url: str, tmp_path: Path) -> AsyncIterator[Services]:
    """A connection told of many stops in two events; one in three people said so themselves, too."""
    async with open_services(settings_of(tmp_path, database_url)) as opened:
        own = [stop_of(opened, number, Source.PAGE) for number in range(0, NUMBER, 3)]
        await opened.journal.record(Unit(now=NOW - timedelta(days=1), choices=tuple(own)))
        told = [stop_of(opened, number, Source.PROVIDER) for number in range(NUMBER)]
        outcome = await opened.journal.record(Unit(now=NOW, choices=tuple(told)))
        middle = outcome.before + 77
        async with opened.database.write() as tx:
            at = to_micros(NOW)
            await tx.fetch(_EVENT, "a", b"x", at, outcome.before + 1, middle)
            await tx.fetch(_EVENT, "b", b"x", at, middle + 1, outcome.head)
        yield opened


async def voids_of(services: Services) -> list[str | None]:
    changes = await services.reader.changes(0, 10_000)
    return [entry.target for entry in changes if entry.action is Action.VOID]


async def all_void(services: Services) -> None:
    voids = await voids_of(services)
    assert len(voids) == len(set(voids)) == NUMBER
    async with services.database.read() as tx:
        stops = await tx.fetch("SELECT source, count(*) FROM stop GROUP BY source")
    assert [tuple(row) for row in stops] == [("page", len(range(0, NUMBER, 3)))]
    assert await verify(services.database, services.catalogs, services.vault) == []


async def run(services: Services) -> int:
    number = 0
    async for done in void(services, ORIGIN, "a loop", lambda: NOW + timedelta(days=1)):
        number = done.counts.total()
    return number


async def test_broken_off_it_goes_on_where_it_was(services: Services) -> None:
    async for done in void(services, ORIGIN, "a loop", lambda: NOW):
        assert done.counts.total() == CHUNK
        break
    left = await look(services, ORIGIN)
    assert (left.counts.total(), left.before) == (NUMBER - CHUNK, CHUNK)
    assert await run(services) == NUMBER - CHUNK
    await all_void(services)
    assert await run(services) == 0


async def test_by_two_operators_at_once_each_is_voided_once(services: Services) -> None:
    numbers = await asyncio.gather(run(services), run(services))
    assert sum(numbers) == NUMBER
    await all_void(services)


async def test_stops_meanwhile_are_recorded_between_the_chunks(services: Services) -> None:
    running = asyncio.create_task(run(services))
    recorded = []
    for number in range(NUMBER, NUMBER + 20):
        unit = Unit(now=NOW, choices=(stop_of(services, number, Source.ONE_CLICK),))
        recorded.append(await services.journal.record(unit))
    assert await running == NUMBER
    assert len(await voids_of(services)) == NUMBER
    assert all(outcome.results[0].entry for outcome in recorded)
    assert await verify(services.database, services.catalogs, services.vault) == []
