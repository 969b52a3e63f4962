"""What tools hear: born in the choice's own transaction, and never changed after."""

import json
from datetime import timedelta

import pytest

from prefcenter.domain.choices import Action, Source
from prefcenter.storage.endpoints import ADD_WEBHOOK, new_webhook, webhook_row
from prefcenter.storage.journal import Journal
from prefcenter.storage.units import FactsItem, Ref, Unit, UnitRefused
from tests.storage.ledgers import CATALOG, NOW, STOP, VAULT, YES, Ledger, by_link, item, known_as, stop_of


async def add_webhook(ledger: Ledger, *events: str) -> str:
    webhook = new_webhook(url="https://tool.example/hook", events=events, description="", now=NOW)
    async with ledger.database.write() as tx:
        await tx.many(ADD_WEBHOOK, [webhook_row(webhook, "whsec_c2VjcmV0", VAULT)])
    return webhook.id


async def bodies(ledger: Ledger) -> list[tuple[int, str, dict[str, object]]]:
    rows = await ledger.rows("SELECT seq, event, body FROM delivery ORDER BY seq, event")
    return [(seq, event, json.loads(VAULT.unseal(body))) for seq, event, body in rows]


async def test_events_are_born_with_their_choice_and_stay_as_they_were(ledger: Ledger) -> None:
    await add_webhook(ledger, "choice.recorded", "standing.changed")
    given = await ledger.one(*YES, known_as("ada@example.com", external_id="crm-1"))
    born = await bodies(ledger)
    assert [(seq, event) for seq, event, _ in born] == [(1, "choice.recorded"), (1, "standing.changed")]
    choice, standing = (body["data"] for _, _, body in born)
    assert isinstance(choice, dict)
    assert isinstance(standing, dict)
    assert choice["entry"] == given.entry
    assert choice["subject"] == {
        "id": given.subject,
        "email": "ada@example.com",
        "external_ids": ["crm-1"],
    }
    assert (standing["allowed"], standing["reason"], standing["version"]) == (True, "consent", 1)

    await ledger.one(*STOP, by_link("ada@example.com"), now=NOW + timedelta(minutes=2))
    assert (await bodies(ledger))[:2] == born
    later = {(seq, event) for seq, event, _ in (await bodies(ledger))[2:]}
    assert later == {(2, "choice.recorded"), (2, "standing.changed")}


def told_of(found: list[tuple[int, str, dict[str, object]]]) -> set[tuple[object, ...]]:
    data = [(event, body["data"]) for _, event, body in found]
    return {
        (event, one["purpose"], one["channel"], one["allowed"], one["reason"])
        for event, one in data
        if isinstance(one, dict)
    }


async def test_a_fact_that_turns_an_answer_is_told(ledger: Ledger) -> None:
    await add_webhook(ledger, "choice.recorded", "standing.changed")
    await ledger.one(*YES, known_as("ada@example.com"))
    before = len(await bodies(ledger))
    for band in ("adult", "under_13", "under_13"):
        await facts(ledger, known_as("ada@example.com"), {"age_band": band})
    told = (await bodies(ledger))[before:]
    assert ("standing.changed", "newsletter", "email", False, "minor") in told_of(told)
    assert {event for _, event, _ in told} == {"standing.changed"}
    assert {seq for seq, _, _ in told} == {3}
    assert {one for (one,) in await ledger.rows("SELECT suppressing FROM delivery WHERE seq = 3")} == {1}


async def test_a_change_of_address_is_told_where_it_ends_a_yes(ledger: Ledger) -> None:
    await add_webhook(ledger, "standing.changed")
    await ledger.one(*YES, known_as("ada@example.com", external_id="crm-1"))
    before = len(await bodies(ledger))
    await facts(ledger, known_as("new@example.com", external_id="crm-1"), {})
    told = (await bodies(ledger))[before:]
    assert told_of(told) == {("standing.changed", "newsletter", "email", False, "never_asked")}
    (_, _, body) = told[0]
    assert isinstance(body["data"], dict) and body["data"]["subject"]["email"] == "new@example.com"


async def facts(ledger: Ledger, ref: Ref, said: dict[str, str]) -> None:
    await ledger.journal.record(Unit(now=NOW, facts=(FactsItem(ref=ref, facts=said),)))


async def test_a_pause_is_tried_as_long_as_a_stop_and_an_undo_is_not(ledger: Ledger) -> None:
    await add_webhook(ledger, "choice.recorded")
    ada = known_as("ada@example.com")
    await ledger.one(*YES, ada)
    await ledger.one(Action.DEFER, Source.FORM, ada, until=NOW + timedelta(days=30))
    stop = await ledger.one(*STOP, by_link("ada@example.com"))
    await ledger.one(Action.INVALIDATE, Source.PAGE, by_link("ada@example.com"), undoes=stop.entry)
    found = await ledger.rows("SELECT suppressing FROM delivery ORDER BY seq")
    assert [bool(one) for (one,) in found] == [False, True, True, False]


async def test_a_unit_that_is_refused_tells_nobody(ledger: Ledger) -> None:
    await add_webhook(ledger, "choice.recorded", "standing.changed")
    await ledger.one(*YES, known_as("bo@example.com"))
    told = await bodies(ledger)
    with pytest.raises(UnitRefused):
        await ledger.record(
            item(*YES, known_as("ada@example.com", external_id="crm-1")),
            item(*YES, known_as("bo@example.com", external_id="crm-1")),
        )
    assert await bodies(ledger) == told


async def test_the_worker_is_woken_after_the_commit_and_only_if_there_is_work(ledger: Ledger) -> None:
    woken = 0

    def wake() -> None:
        nonlocal woken
        woken += 1

    journal = Journal(ledger.database, CATALOG, VAULT, wake)
    await journal.record(stop_of("ada@example.com"))
    assert woken == 0
    await add_webhook(ledger, "choice.recorded")
    await journal.record(stop_of("bo@example.com"))
    assert woken == 1
