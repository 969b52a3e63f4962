"""Rows of one person come one after the other, whatever they call them and wherever a chunk ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from prefcenter.domain.choices import Action
from prefcenter.domain.purposes import ANY
from prefcenter.storage.imports import begin
from prefcenter.tables.importing import Found
from prefcenter.use_cases.import_people import Importer
from tests.use_cases.clockwork import Clockwork, utc, wound_up

NOW = utc(2026, 11, 24)
OLD, NEW, ADA = "old@example.com", "new@example.com", "crm-1"


@pytest.fixture
async def works(database_url: str, tmp_path: Path) -> AsyncIterator[Clockwork]:
    async with wound_up(database_url, tmp_path) as made:
        yield made


def row(line: int, email: str, action: Action | None = None, who: str | None = None, **facts: Any) -> Found:
    purpose = None if action is None else ANY
    return Found(line, line, email, purpose, None, action, None, {}, facts, who)


async def take(works: Clockwork, *rows: Found) -> None:
    run = await begin(works.services.database, name="x", digest=str(len(rows)), now=NOW)
    await Importer(works.services, run, lambda: NOW).take(rows, lambda _: None)
    assert await works.problems() == []


@pytest.mark.parametrize("chunk", [1, 512])
async def test_a_stop_goes_along_to_the_address_of_a_later_row(
    works: Clockwork, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(Importer, "_size", lambda _: chunk)
    await take(works, row(1, OLD, who=ADA, country="DE"))
    await take(works, row(1, OLD, Action.OBJECT), row(2, NEW, who=ADA, language="de"))
    assert (await works.decide(NOW, "offers", NEW)).reason == "all_marketing_stopped"


@pytest.mark.parametrize("chunk", [1, 512])
async def test_a_stop_of_an_address_that_was_left_in_an_earlier_row_is_of_that_address(
    works: Clockwork, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(Importer, "_size", lambda _: chunk)
    await take(works, row(1, OLD, who=ADA, country="DE"))
    await take(works, row(1, NEW, who=ADA, language="de"), row(2, OLD, Action.OBJECT))
    assert (await works.decide(NOW, "offers", OLD)).reason == "all_marketing_stopped"
    assert (await works.decide(NOW, "offers", NEW)).reason != "all_marketing_stopped"
