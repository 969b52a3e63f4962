"""Whatever is said in one call, or recorded in one transaction, comes one after the other."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from prefcenter.domain.choices import Action, Source
from prefcenter.storage.units import NAMES_DIFFER, FactsItem, Unit
from prefcenter.storage.verify import verify
from tests.storage.ledgers import CATALOG, NOW, STOP, VAULT, Ledger, item, known_as

OLD, NEW = "old@example.com", "new@example.com"
ADA = "crm-1"


def facts(address: str, index: int = 0, **who: str) -> FactsItem:
    return FactsItem(ref=known_as(address, **who), index=index, facts={"country": "DE"})


def crowd(number: int) -> list[FactsItem]:
    """So many that their rows are copied, or none."""
    return [facts(f"p{each}@example.com", 10 + each) for each in range(number)]


async def owners(ledger: Ledger) -> dict[str, str]:
    """External ids by the address that is theirs."""
    found = await ledger.rows(
        "SELECT c.narrow, e.value FROM contact_point c JOIN external_id e ON e.subject_id = c.subject_id"
    )
    names = {bytes(known_as(address).narrow or b""): address for address in (OLD, NEW)}
    return {value: names[bytes(narrow)] for narrow, value in found}


@pytest.mark.parametrize("others", [0, 70])
async def test_an_address_may_be_given_up_and_taken_at_once(ledger: Ledger, others: int) -> None:
    await ledger.journal.record(Unit(now=NOW, facts=(facts(OLD, external_id=ADA),)))
    moved, taken = facts(NEW, 0, external_id=ADA), facts(OLD, 1, external_id="crm-2")
    await ledger.journal.record(Unit(now=NOW, facts=(moved, taken, *crowd(others))))
    assert await owners(ledger) == {ADA: NEW, "crm-2": OLD}
    assert await verify(ledger.database, CATALOG, VAULT) == []


@pytest.mark.parametrize("others", [0, 70])
async def test_an_address_may_be_given_up_and_taken_in_two_calls_of_one_transaction(
    ledger: Ledger, others: int
) -> None:
    await ledger.journal.record(Unit(now=NOW, facts=(facts(OLD, external_id=ADA),)))
    calls = [facts(NEW, external_id=ADA), facts(OLD, external_id="crm-2"), *crowd(others)]
    await asyncio.gather(*(ledger.journal.record(Unit(now=NOW, facts=(one,))) for one in calls))
    assert await owners(ledger) == {ADA: NEW, "crm-2": OLD}
    assert await verify(ledger.database, CATALOG, VAULT) == []


async def test_a_stop_by_an_id_that_the_same_call_made_known_stops_both(ledger: Ledger) -> None:
    stop = replace(item(*STOP, known_as(NEW, external_id=ADA, create=False)), index=1)
    said = Unit(now=NOW, facts=(facts(OLD, external_id=ADA),), choices=(stop,))
    result = (await ledger.journal.record(said)).results[0]
    assert result.note == NAMES_DIFFER and len(result.also) == 1
    assert await owners(ledger) == {ADA: OLD}


async def test_a_stop_before_a_change_of_address_goes_along(ledger: Ledger) -> None:
    await ledger.record(item(Action.GIVE, Source.FORM, known_as(OLD, external_id=ADA)))
    moved = facts(NEW, 1, external_id=ADA)
    await ledger.journal.record(Unit(now=NOW, facts=(moved,), choices=(item(*STOP, known_as(OLD)),)))
    assert (await ledger.decision(NEW)).reason == "withdrawn"
    assert await verify(ledger.database, CATALOG, VAULT) == []
