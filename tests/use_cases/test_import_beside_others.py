"""An import leaves room for whoever else has something to record."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from prefcenter.domain.choices import Action, Choice, Source
from prefcenter.domain.purposes import ANY
from prefcenter.storage.imports import begin
from prefcenter.storage.units import ChoiceItem, Outcome, Ref, Unit
from prefcenter.tables.importing import Found
from prefcenter.use_cases import import_people
from prefcenter.use_cases.import_people import CHUNK, CHUNK_AMONG_OTHERS, Importer
from tests.use_cases.clockwork import Clockwork, utc, wound_up

NOW = utc(2026, 11, 24)


@pytest.fixture
async def works(database_url: str, tmp_path: Path) -> AsyncIterator[Clockwork]:
    async with wound_up(database_url, tmp_path) as made:
        yield made


def stops(number: int) -> Iterator[Found]:
    for line in range(1, number + 1):
        email = f"reader{line}@example.com"
        yield Found(line, line, email, ANY, None, Action.OBJECT, None, {}, {}, None)


def click(number: int) -> Unit:
    choice = Choice(action=Action.OBJECT, source=Source.ONE_CLICK, purpose=ANY, channel=ANY)
    return Unit(now=NOW, choices=(ChoiceItem(ref=Ref(wide=bytes([number] * 16)), choice=choice),))


async def steps(
    works: Clockwork, monkeypatch: pytest.MonkeyPatch, rows: int, clicks: set[int], look_around: float = 0
) -> list[int]:
    """Rows in each transaction of an import, with a click of somebody else after some of them."""
    monkeypatch.setattr(import_people, "LOOK_AROUND", look_around)
    journal, taken = works.services.journal, []
    record = journal.record

    async def watched(unit: Unit) -> Outcome:
        outcome = await record(unit)
        taken.append(len(unit.choices))
        if len(taken) in clicks:
            await record(click(len(taken)))
        return outcome

    monkeypatch.setattr(journal, "record", watched)
    run = await begin(works.services.database, name="x", digest="0", now=NOW)
    await Importer(works.services, run, lambda: NOW).take(stops(rows), lambda _: None)
    assert await works.problems() == []
    assert len(await works.changes()) == rows + len(clicks)
    return taken


async def test_whoever_clicks_during_an_import_waits_for_a_few_rows_only(
    works: Clockwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = await steps(works, monkeypatch, 2 * CHUNK + 3 * CHUNK_AMONG_OTHERS, {1})
    assert taken == [CHUNK, CHUNK, *[CHUNK_AMONG_OTHERS] * 3]


async def test_an_import_that_is_alone_takes_large_steps(
    works: Clockwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await steps(works, monkeypatch, 2 * CHUNK + 1, set()) == [CHUNK, CHUNK, 1]


async def test_an_import_begins_with_small_steps(works: Clockwork, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = await steps(works, monkeypatch, 3 * CHUNK_AMONG_OTHERS, set(), look_around=60)
    assert taken == [CHUNK_AMONG_OTHERS] * 3


async def test_an_import_goes_faster_again_once_the_others_are_quiet(
    works: Clockwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_people, "AMONG_OTHERS", -timedelta(seconds=1).total_seconds())
    assert await steps(works, monkeypatch, 3 * CHUNK, {1}) == [CHUNK] * 3
