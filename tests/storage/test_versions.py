"""Which version a choice is recorded with, and what a notice holds back as catalogs are applied."""

import asyncio
from datetime import UTC, datetime, timedelta

from prefcenter.catalog import Catalog as File
from prefcenter.catalog import parse
from prefcenter.domain.choices import Action, Source
from prefcenter.domain.purposes import Purpose
from prefcenter.storage.catalogs import Catalogs
from prefcenter.storage.database import database_for
from tests.domain.world import Catalog
from tests.storage.ledgers import NOW, VAULT, YES, Ledger, close_ledger, known_as, open_ledger

ADA = known_as("ada@example.com")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


async def with_two_versions(url: str) -> Ledger:
    """The newsletter got a third party an hour ago."""
    catalog = Catalog()
    catalog.step(NOW - HOUR)
    return await open_ledger(url, catalog)


async def versions(ledger: Ledger) -> list[tuple[object, ...]]:
    return await ledger.rows("SELECT action, version FROM ledger ORDER BY seq")


async def version_held(ledger: Ledger) -> int:
    ((version,),) = await ledger.rows("SELECT version FROM standing")
    return int(version)


async def test_a_yes_from_before_a_change_is_none_to_it(database_url: str) -> None:
    ledger = await with_two_versions(database_url)
    await ledger.one(*YES, ADA, stated_at=NOW - HOUR - timedelta(microseconds=1))
    assert await version_held(ledger) == 1
    await ledger.one(*YES, ADA, stated_at=NOW - HOUR)
    assert await version_held(ledger) == 2
    await close_ledger(ledger)


async def test_a_yes_is_to_what_was_shown_and_to_nothing_that_is_not_there_yet(database_url: str) -> None:
    ledger = await with_two_versions(database_url)
    await ledger.one(Action.GIVE, Source.PAGE, ADA, version=1, shown_seq=0)
    assert await version_held(ledger) == 1
    await ledger.one(Action.GIVE, Source.PAGE, ADA, version=7, shown_seq=1, now=NOW + HOUR)
    assert await version_held(ledger) == 2
    await close_ledger(ledger)


async def test_saying_yes_again_is_saying_it_to_what_they_have(database_url: str) -> None:
    ledger = await with_two_versions(database_url)
    await ledger.one(*YES, ADA, stated_at=NOW - DAY)
    await ledger.one(Action.REAFFIRM, Source.FORM, ADA)
    assert await versions(ledger) == [("give", 1), ("reaffirm", 1)]
    assert await version_held(ledger) == 1
    await close_ledger(ledger)


async def test_a_catalog_is_in_force_from_when_nothing_was_recorded_under_the_old_one_any_more(
    database_url: str,
) -> None:
    """Whoever had the ledger while `apply` waited for it was still under what was in force before."""
    ledger, other = await open_ledger(database_url), database_for(database_url)
    await other.open()
    catalogs = Catalogs(other, VAULT)
    await catalogs.apply(file("first", "news"), lambda: NOW - DAY)
    moment = NOW

    async with ledger.database.ledger():
        applying = asyncio.create_task(catalogs.apply(file("first", "news", "tips"), lambda: moment))
        for _ in range(100):
            await asyncio.sleep(0)
        moment = NOW + HOUR
    await applying
    await other.close()
    await close_ledger(ledger)

    assert catalogs.as_of(NOW + HOUR - timedelta(microseconds=1)).find("tips") is None
    assert catalogs.as_of(NOW + HOUR).find("tips") is not None


# --- catalogs one after the other ---------------------------------------------------------------------------


def file(notice: str, *purposes: str, recipients: str = "[]") -> File:
    text = f"""
[controller]
name = "Example Ltd"
postal_address = "1 Example Street"
email = "privacy@example.com"

[notice]
version = "{notice}"
url = "https://example.com/privacy"
published = 2026-11-01
change = "substantial"

[recipients.partner]
name = "Partner"
email = "privacy@partner.example"
"""
    for key in purposes:
        text += f'[purposes.{key}]\ntitle = "{key}"\ndescription = "{key}"\nrecipients = {recipients}\n'
    return parse(text)


async def test_a_notice_that_is_yet_to_begin_holds_back_whatever_is_added_under_it(database_url: str) -> None:
    database = database_for(database_url)
    await database.open()
    catalogs = Catalogs(database, VAULT)
    begins = NOW + 30 * DAY

    def there(key: str) -> Purpose:
        purpose = catalogs.find(key)
        assert purpose is not None
        return purpose

    await catalogs.apply(file("first", "news"), lambda: NOW - DAY)
    assert there("news").in_force_at is None
    await catalogs.apply(file("second", "news", "tips"), lambda: NOW)
    assert (there("tips").since, there("tips").in_force_at) == (NOW, begins)
    await catalogs.apply(file("second", "news", "tips", "more", recipients='["partner"]'), lambda: NOW + DAY)
    for key, version in (("news", 2), ("tips", 2), ("more", 1)):
        held = there(key)
        assert (held.version, held.since, held.in_force_at) == (version, NOW + DAY, begins), key
    assert there("news").terms_of(1).in_force_at is None
    await catalogs.apply(
        file("second", "news", "tips", "more", "last", recipients='["partner"]'), lambda: begins
    )
    assert (there("last").since, there("last").in_force_at) == (datetime(2026, 12, 23, 12, tzinfo=UTC), None)
    assert (await catalogs.plan(file("second", "news", "tips", "more", "last"), begins)).changes != ()
    await database.close()
