"""How many people hold what: each person once, on however many channels and purposes."""

from __future__ import annotations

from prefcenter.domain.choices import Action, Source
from prefcenter.storage.counts import holders, reachable
from tests.storage.ledgers import Ledger, item, known_as

MAIL = known_as("ada@example.com", external_id="crm-1")
TEXT = known_as("ada-phone@example.com", channel="sms", external_id="crm-1")
BO = known_as("bo@example.com")
GIVE = (Action.GIVE, Source.FORM)


async def test_whoever_said_yes_on_two_channels_is_one_person(ledger: Ledger) -> None:
    await ledger.record(item(*GIVE, MAIL, "newsletter"), item(*GIVE, BO, "newsletter"))
    assert (await holders(ledger.database)).yeses == {"newsletter": {1: 2}}
    await ledger.record(item(*GIVE, TEXT, "newsletter", "sms"))
    assert (await holders(ledger.database)).yeses == {"newsletter": {1: 2}}


async def test_whoever_said_yes_to_two_purposes_can_be_asked_about_a_third_once(ledger: Ledger) -> None:
    await ledger.record(item(*GIVE, MAIL, "newsletter"), item(*GIVE, BO, "newsletter"))
    assert await reachable(ledger.database, "events") == 2
    await ledger.record(item(*GIVE, MAIL, "offers"))
    assert await reachable(ledger.database, "events") == 2
    assert await reachable(ledger.database, "newsletter") == 1
    assert await reachable(ledger.database, "events", "sms") == 0
