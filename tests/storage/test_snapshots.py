"""A connection is told of everybody who is stopped before the first resume leaves; nobody is left out."""

from collections.abc import AsyncIterator

import pytest

from prefcenter.storage import snapshots
from prefcenter.storage.connections import DONE, NEEDED, UNDER_WAY
from tests.leveled import SCOPE, Leveled, leveled

PEOPLE = [f"someone{number}@example.com" for number in range(7)]
ADA = "ada@example.com"


@pytest.fixture
async def site(database_url: str) -> AsyncIterator[Leveled]:
    async with leveled(database_url) as opened:
        yield opened


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "CHUNK", 2)
    monkeypatch.setattr(snapshots, "LOOKED_AT", 3)


async def forget_levels(site: Leveled) -> None:
    """As if the connection were new."""
    await site.ledger.change("DELETE FROM level")
    await site.ledger.change("UPDATE connection_state SET snapshot = 'needed', after = 0")


async def state(site: Leveled) -> str:
    return (await site.states.all())["main"].snapshot


async def stopped(site: Leveled) -> int:
    return int((await site.ledger.rows("SELECT count(*) FROM level WHERE stopped"))[0][0])


@pytest.mark.usefixtures("small")
async def test_it_goes_in_chunks_and_goes_on_in_another_process(site: Leveled) -> None:
    await site.opens(*PEOPLE)
    await site.stops(*PEOPLE[::2])
    await forget_levels(site)
    assert await state(site) == NEEDED
    turns = 0
    while await site.snapshots().turn("main", site.clock()):
        turns += 1
        assert await state(site) == UNDER_WAY
    assert turns >= 2 and await state(site) == DONE
    assert await stopped(site) == 4
    for one in PEOPLE:
        assert (await site.level(one) is not None) == (one in PEOPLE[::2])


async def test_a_done_one_is_not_begun_again(site: Leveled) -> None:
    await site.ready()
    await site.ledger.change("DELETE FROM level")
    assert await site.snapshots().turn("main", site.clock()) is False
    assert await site.snapshots().turn("unheard-of", site.clock()) is False


@pytest.mark.usefixtures("small")
async def test_a_stop_in_between_is_not_lost(site: Leveled) -> None:
    await site.stops(*PEOPLE)
    await site.opens(ADA)
    await forget_levels(site)
    await site.snapshots().turn("main", site.clock())
    await site.snapshots().turn("main", site.clock())
    await site.stops(ADA, PEOPLE[0])
    await site.ready()
    assert await stopped(site) == 8


async def test_what_was_imported_is_taken_up_by_it(site: Leveled) -> None:
    await site.ready()
    await site.stops(ADA, told=False)
    assert (await state(site), await site.level(ADA)) == (NEEDED, None)
    await site.ready()
    assert await site.level(ADA) == (True, "pending")


@pytest.mark.usefixtures("small")
async def test_an_import_during_it_begins_it_again(site: Leveled) -> None:
    await site.stops(*PEOPLE)
    await forget_levels(site)
    for _ in range(2):
        await site.snapshots().turn("main", site.clock())
    await site.opens(PEOPLE[0], told=False)
    await site.stops(PEOPLE[0], told=False)
    assert await state(site) == NEEDED
    await site.ready()
    assert await stopped(site) == len(PEOPLE)


async def test_who_was_opened_by_an_import_is_open_there_again(site: Leveled) -> None:
    await site.ready()
    await site.stops(ADA)
    await site.opens(ADA, told=False)
    assert await site.level(ADA) == (True, "pending")
    await site.ready()
    assert await site.level(ADA) == (False, "pending")


async def test_other_scopes_than_before_need_another_one(site: Leveled) -> None:
    await site.ready()
    reach = site.accounts["main"].reach
    await site.states.know([reach], site.clock())
    assert await state(site) == DONE
    scopes = {SCOPE: frozenset({"newsletter", "offers"})}
    remapped = type(reach)(connection="main", scopes=scopes)
    await site.states.know([remapped], site.clock())
    assert await state(site) == NEEDED
