"""What third parties hear though catalogs change, processes die and keys get lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from prefcenter.domain.choices import Action, Proof, Source
from prefcenter.domain.purposes import ANY
from prefcenter.mail.mailbox import ReceivedMail
from prefcenter.storage.units import Unit
from tests.use_cases.partners import (
    BO,
    BOTH,
    PURPOSES,
    Office,
    catalog_of,
    open_office,
    settings_in,
    without,
)

OTHER = '[recipients.other]\nname = "Other GmbH"\nemail = "privacy@other.example"'


@pytest.fixture
async def office(database_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    """Ada said yes to the partners' offers."""
    async with open_office(settings_in(tmp_path, database_url), catalog_of()) as opened:
        await opened.yes()
        yield opened


# --- versions, and third parties that went ----------------------------------------------------------------


async def test_only_third_parties_that_the_person_agreed_to_are_told(office: Office) -> None:
    wider = {**PURPOSES, "partner-offers": PURPOSES["partner-offers"].replace('"other"', '"other", "agency"')}
    await office.apply(catalog_of(wider))
    await office.click()
    assert await office.told() == BOTH
    await office.yes(version=2)
    await office.click()
    assert await office.told() == ["privacy@agency.example", *BOTH]


async def test_a_third_party_that_went_is_told_of_those_who_came_before_it_went(office: Office) -> None:
    narrower = {**PURPOSES, "partner-offers": PURPOSES["partner-offers"].replace(', "other"', "")}
    await office.apply(catalog_of(narrower).replace(OTHER, ""))
    await office.yes("partner-offers", "cy@example.com")
    await office.click("partner-offers", "cy@example.com")
    assert await office.told() == ["privacy@partner.example"]
    await office.click()
    assert await office.told() == BOTH


async def test_an_open_task_outlives_its_third_party_and_goes_to_the_last_known_address(
    office: Office,
) -> None:
    await office.click()
    moved = catalog_of().replace("privacy@other.example", "dpo@other.example")
    await office.apply(moved)
    gone = {**PURPOSES, "partner-offers": PURPOSES["partner-offers"].replace(', "other"', "")}
    await office.apply(catalog_of(gone).replace(OTHER, ""))
    assert await office.told() == ["dpo@other.example", "privacy@partner.example"]


@pytest.mark.parametrize("all", [False, True])
async def test_a_retired_purpose_still_has_what_was_handed_over_for_it(office: Office, all: bool) -> None:
    await office.apply(catalog_of(without("partner-offers")))
    await office.click("partner-offers", all=all)
    assert await office.told() == BOTH


# --- faults -----------------------------------------------------------------------------------------------


async def test_a_crash_between_the_stop_and_the_mail_loses_nothing(database_url: str, tmp_path: Path) -> None:
    settings = settings_in(tmp_path, database_url)
    async with open_office(settings, catalog_of()) as office:
        await office.yes()
        await office.click()
        now = office.now
    async with open_office(settings) as office:
        office.now = now
        assert await office.told() == BOTH


async def test_a_crash_after_the_mail_sends_the_same_mail_and_keeps_the_first_moment(office: Office) -> None:
    await office.click()
    first = await office.send()
    told = await office.rows("told_at")
    async with office.services.database.write() as tx:
        await tx.fetch("UPDATE mail SET state = 'pending', ended_at = NULL")
    again = await office.send()

    def known_by(mail: ReceivedMail) -> tuple[tuple[str, ...], str, str]:
        return mail.to, dict(mail.headers)["Message-ID"], mail.text

    assert list(map(known_by, again)) == list(map(known_by, first))
    assert await office.rows("told_at") == told


async def test_a_stop_is_recorded_though_the_key_of_the_address_is_gone(office: Office) -> None:
    async with office.services.database.write() as tx:
        await tx.fetch("UPDATE contact_point SET sealed = $1", b"sealed by nobody we know")
    await office.click()
    assert len(await office.rows()) == 2
    assert await office.told() == []
    async with office.services.database.read() as tx:
        errors = {row[0] for row in await tx.fetch("SELECT last_error FROM mail")}
    assert errors == {"cannot be composed: sealed with a key that is not configured"}


async def test_a_refused_unit_leaves_no_task(office: Office) -> None:
    bad = office.item(Action.GIVE, Source.FORM, address=BO)
    conflict = office.item(Action.WITHDRAW, Source.FORM)
    with pytest.raises(Exception, match="twice in one call"):
        unit = Unit(now=office.pass_by(), choices=(conflict, bad, bad))
        await office.services.journal.record(unit)
    assert await office.rows() == []


async def test_a_yes_that_only_waits_for_confirmation_was_handed_to_nobody(office: Office) -> None:
    await office.say(Action.OBJECT, Source.FORM, ANY, BO)
    pending = await office.say(Action.GIVE, Source.FORM, "partner-offers", BO, proof=Proof.ATTESTED)
    assert pending.effect == "pending"
    await office.click("partner-offers", BO)
    assert await office.rows() == []
