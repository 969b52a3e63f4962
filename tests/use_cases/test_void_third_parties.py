"""A void tells third parties where it ends what they were handed over for, and only then."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from prefcenter.domain.choices import Action, Source
from prefcenter.storage.units import Result
from tests.storage.ledgers import unit_of_void
from tests.use_cases.partners import BO, BOTH, START, Office, catalog_of, open_office, settings_in

OFFERS = ("partner-offers", BO)
IMPORTED: dict[str, Any] = {"stated_at": START, "wording": "I agree."}


@pytest.fixture
async def office(database_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(settings_in(tmp_path, database_url), catalog_of()) as opened:
        yield opened


async def void(office: Office, result: Result) -> None:
    [entry] = await office.services.reader.changes(result.seq - 1, 1)
    await office.services.journal.record(unit_of_void(entry, now=office.pass_by()))


async def test_a_voided_yes_is_told_to_every_third_party(office: Office) -> None:
    yes = await office.say(Action.GIVE, Source.IMPORT, *OFFERS, **IMPORTED)
    assert yes.effect == "applied"
    await void(office, yes)
    mails = await office.send()
    assert [mail.to for mail in mails] == [(one,) for one in BOTH]
    assert "not to be valid" in " ".join(mails[0].text.split())


async def test_where_a_yes_of_their_own_came_since_nothing_ends(office: Office) -> None:
    yes = await office.say(Action.GIVE, Source.IMPORT, *OFFERS, **IMPORTED)
    await office.yes(*OFFERS)
    await void(office, yes)
    assert await office.rows() == []


async def test_a_voided_stop_ends_nothing(office: Office) -> None:
    await office.yes(*OFFERS)
    stop = await office.say(Action.WITHDRAW, Source.PROVIDER, *OFFERS)
    told = await office.rows()
    await void(office, stop)
    assert await office.rows() == told
