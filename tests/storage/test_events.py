"""What tools hear: born in the choice's own transaction, and never changed after."""

import json
from datetime import timedelta

import pytest

from prefcenter.storage.endpoints import ADD_WEBHOOK, new_webhook, webhook_row
from prefcenter.storage.journal import Journal
from prefcenter.storage.units import UnitRefused
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
