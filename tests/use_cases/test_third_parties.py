"""*Proximus* (CJEU C-129/21): who took a permission back is let go of by everybody who has their data."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from prefcenter.domain.choices import Action, Source
from prefcenter.domain.purposes import ANY
from prefcenter.storage.units import Unit
from prefcenter.use_cases.stop_people import stop_address
from tests.use_cases.partners import (
    ADA,
    BO,
    BOTH,
    CUSTOMER,
    PURPOSES,
    Office,
    catalog_of,
    link_in,
    open_office,
    settings_in,
    statements,
)

__all__ = ["statements"]

YEARS = timedelta(days=400)


@pytest.fixture
async def office(database_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    """Ada said yes to everything that asks for one; Bo to the newsletter only."""
    async with open_office(settings_in(tmp_path, database_url), catalog_of()) as opened:
        for purpose in ("newsletter", "partner-offers"):
            await opened.yes(purpose)
        await opened.yes("newsletter", BO)
        yield opened


async def by_support(office: Office) -> None:
    await stop_address(
        office.services, ADA, purpose=ANY, stated_at=None, reason="by telephone", now=office.pass_by()
    )


async def struck_out(office: Office) -> None:
    await office.say(Action.INVALIDATE, Source.OPERATOR)


async def run_out(office: Office) -> None:
    [(entry,)] = await entries(office, "partner-offers")
    await office.say(Action.EXPIRE, Source.SYSTEM, undoes=entry)


async def entries(office: Office, purpose: str) -> list[tuple[str]]:
    async with office.services.database.read() as tx:
        found = await tx.fetch("SELECT entry FROM standing WHERE purpose = $1", purpose)
    return [(row[0],) for row in found]


WAYS: dict[str, tuple[Callable[[Office], object], str]] = {
    "one click": (lambda office: office.click(), "withdrew their consent"),
    "the page's stop of all": (lambda office: office.click("newsletter", all=True), "objected"),
    "a form": (lambda office: office.say(Action.WITHDRAW, Source.FORM), "withdrew their consent"),
    "a refusal": (lambda office: office.say(Action.REFUSE, Source.PAGE), "withdrew their consent"),
    "a complaint": (lambda office: office.say(Action.COMPLAIN, Source.PROVIDER, ANY), "objected"),
    "a dead address": (lambda office: office.say(Action.BOUNCE, Source.PROVIDER, ANY), "does not work"),
    "an erasure": (lambda office: office.say(Action.ERASE, Source.OPERATOR, ANY), "was erased"),
    "an imported stop": (lambda office: office.say(Action.OBJECT, Source.IMPORT, ANY), "objected"),
    "a stop by support": (by_support, "objected"),
    "a yes struck out": (struck_out, "not to be valid"),
    "a yes that ran out": (run_out, "ran out"),
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_withdrawal_by_any_way_reaches_every_third_party_once(office: Office, way: str) -> None:
    act, said = WAYS[way]
    await act(office)  # type: ignore[misc]  # each is a coroutine
    assert await office.rows() == [
        ("other", "partner-offers", "open"),
        ("partner-inc", "partner-offers", "open"),
    ]
    mails = await office.send()
    assert [mail.to for mail in mails] == [(one,) for one in BOTH]
    for mail in mails:
        assert ADA in mail.text and ADA in mail.html
        assert said in " ".join(mail.text.split()) and "23 November 2026, 09:4" in mail.text
    assert {state for _, _, state in await office.rows()} == {"told"}
    assert await office.told() == []


async def test_the_mail_says_what_to_do_and_why_and_nothing_else_of_the_person(office: Office) -> None:
    stop = await office.click()
    mail = (await office.send())[0]
    for words in (
        "Please act: a permission has ended (Offers from our partners)",
        "To Other GmbH",
        "Example Ltd",
        'Stop using this address, and whatever else you have of this person from us, for "Offers from',
        "C-129/21",
        "Articles 7(3), 17",
        "privacy@example.com",
    ):
        assert words in mail.subject + mail.text, mail.text
    assert link_in(mail).startswith("/t/")
    assert dict(mail.headers)["Auto-Submitted"] == "auto-generated"
    for secret in (stop.subject, stop.entry, "newsletter", "allowed it again", "one_click"):
        assert secret is not None and secret not in mail.text + mail.html


async def test_a_name_is_written_as_it_is(office: Office) -> None:
    await office.facts(ADA, CUSTOMER)
    await office.click("joint-offers")
    [mail] = await office.send()
    assert "To Agency <&> Sons" in mail.text
    assert "To Agency &lt;&amp;&gt; Sons" in mail.html


async def test_nobody_is_told_of_people_who_never_agreed(office: Office) -> None:
    await office.click("newsletter", BO, all=True)
    await office.click("partner-offers", BO)
    await office.click("partner-offers", "nobody@example.com")
    await office.say(Action.COMPLAIN, Source.PROVIDER, ANY, "nobody@example.com")
    assert await office.rows() == []
    assert await office.told() == []


async def test_a_purpose_without_third_parties_tells_nobody_and_loads_nobody(
    office: Office, statements: Callable[[], list[str]]
) -> None:
    statements()
    await office.click("newsletter")
    assert not any("contact_point" in sql or "FROM task" in sql for sql in statements())
    await office.click("partner-offers")
    found = statements()
    assert [sum(name in sql for sql in found) for name in ("contact_point", "FROM task")] == [2, 1]
    assert await office.told() == BOTH


async def test_where_no_purpose_has_third_parties_a_stop_of_all_loads_nobody(
    database_url: str, tmp_path: Path, statements: Callable[[], list[str]]
) -> None:
    catalog = catalog_of({"newsletter": PURPOSES["newsletter"]})
    async with open_office(settings_in(tmp_path, database_url), catalog) as office:
        await office.yes("newsletter")
        statements()
        await office.click("newsletter", all=True)
        assert not any("contact_point" in sql for sql in statements())
        assert await office.rows() == []


async def test_a_pause_is_told_to_nobody_and_what_ends_it_is(office: Office) -> None:
    until = office.now + timedelta(days=30)
    await office.say(Action.DEFER, Source.FORM, until=until)
    assert await office.told() == []
    await office.click()
    assert await office.told() == BOTH


async def test_a_repeat_is_told_once_also_after_it_was_confirmed(office: Office) -> None:
    await office.click()
    await office.click()
    await office.click("newsletter", all=True)
    assert await office.told() == BOTH
    async with office.services.database.write() as tx:
        await tx.fetch("UPDATE task SET state = 'confirmed', confirmed_at = 1")
    # A suppression list that is imported again every night.
    await office.say(Action.WITHDRAW, Source.IMPORT)
    assert await office.told() == []


async def test_a_new_yes_is_a_new_permission_and_its_end_is_told_again(office: Office) -> None:
    await office.click()
    assert await office.told() == BOTH
    await office.yes()
    assert await office.told() == []
    await office.click()
    assert await office.told() == BOTH
    assert len(await office.rows()) == 4


async def test_a_stop_after_an_undo_is_told_again(office: Office) -> None:
    stop = await office.click()
    assert await office.told() == BOTH
    await office.undo(stop)
    await office.click()
    assert await office.told() == BOTH


async def test_a_mail_that_goes_out_late_says_what_holds_by_now(office: Office) -> None:
    await office.click()
    await office.yes()
    mails = await office.send()
    assert [mail.to[0] for mail in mails] == BOTH
    assert all("By now the person has allowed it again" in mail.text for mail in mails)


async def test_an_old_stop_that_comes_late_takes_nothing_from_a_newer_yes(office: Office) -> None:
    long_ago = office.now - YEARS
    await office.say(Action.COMPLAIN, Source.PROVIDER, ANY, stated_at=long_ago)
    assert await office.rows() == []


async def test_every_bounce_of_a_dead_address_is_not_told_again(office: Office) -> None:
    for _ in range(3):
        await office.say(Action.BOUNCE, Source.PROVIDER, ANY)
    assert await office.told() == BOTH
    await office.click()
    assert await office.told() == BOTH


async def test_whoever_was_handed_over_without_a_yes_is_let_go_of_too(office: Office) -> None:
    await office.facts(BO, CUSTOMER)
    await office.click("joint-offers", BO)
    assert await office.told() == ["privacy@agency.example"]
    await office.click("joint-offers", BO)
    await office.click("joint-offers", ADA)
    assert await office.told() == []


async def test_a_stop_catches_every_spelling_of_the_address(office: Office) -> None:
    await office.click("partner-offers", "aDA@EXAMPLE.com")
    mails = await office.send()
    assert [mail.to[0] for mail in mails] == BOTH
    assert all(ADA in mail.text for mail in mails)


async def test_whoever_leaves_an_address_is_let_go_of_there(office: Office) -> None:
    """Their yes was for the old one. Once it is forgotten, a stop for the new one could not be passed on."""
    await office.facts(ADA, {"language": "en"}, "crm-1")
    await office.facts("new@example.com", {}, "crm-1")
    mails = await office.send()
    assert [mail.to[0] for mail in mails] == BOTH
    for mail in mails:
        assert ADA in mail.text and "new@example.com" not in mail.text + mail.html
        assert "gave up this address" in mail.text
    await office.click("newsletter", "new@example.com", all=True)
    await office.click("partner-offers", ADA)
    assert await office.told() == []


async def test_a_third_party_reached_by_a_connection_gets_no_mail_and_its_task_stays_open(
    office: Office,
) -> None:
    await office.yes("sharing")
    await office.say(Action.SIGNAL, Source.PAGE, ANY)
    assert await office.told() == []
    assert await office.rows() == [("broker", "sharing", "open")]
    async with office.services.database.read() as tx:
        assert [tuple(row) for row in await tx.fetch("SELECT state FROM mail")] == [("dropped",)]


async def test_imported_stops_of_many_are_told_each_in_one_transaction(office: Office) -> None:
    people = [f"p{number}@example.com" for number in range(40)]
    await office.services.journal.record(
        Unit(
            now=office.pass_by(),
            choices=tuple(office.item(Action.GIVE, Source.FORM, address=one) for one in people),
        )
    )
    stops = tuple(office.item(Action.WITHDRAW, Source.IMPORT, address=one) for one in [*people, BO])
    await office.services.journal.record(Unit(now=office.pass_by(), choices=stops, told=False))
    rows = await office.rows("subject_id, recipient")
    assert len(rows) == len(set(rows)) == 80
