"""What runs out is recorded once, with the exact moment; `decide` says the same before and after."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from prefcenter.domain.choices import Action, Source, Status
from prefcenter.domain.purposes import ANY
from tests.use_cases.clockwork import ADA, BO, CATALOG, Clockwork, override, utc, wound_up

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


@pytest.fixture
async def works(database_url: str, tmp_path: Path) -> AsyncIterator[Clockwork]:
    async with wound_up(database_url, tmp_path) as made:
        yield made


async def runs_out(works: Clockwork, end: datetime, *where: str) -> None:
    """Not a second before; at the very moment; once; and every answer was the same before it was recorded."""
    assert await works.recorded(end - SECOND) == []
    before = [await works.decide(end, one.split()[0], channel=one.split()[1]) for one in where]
    assert sorted(await works.recorded(end)) == sorted((one, end) for one in where)
    after = [await works.decide(end, one.split()[0], channel=one.split()[1]) for one in where]
    told = [(one.allowed, one.reason, one.since) for one in (*before, *after)]
    assert told == [(False, "expired", end)] * (2 * len(where))
    assert await works.recorded(end + SECOND) == []
    assert await works.problems() == []


# --- yeses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("country", "given", "end"),
    [
        ("KR", utc(2024, 2, 29, 23, 59, 59), utc(2026, 2, 28, 23, 59, 59)),
        ("KR", utc(2024, 3, 1), utc(2026, 3, 1)),
        ("FR", utc(2021, 5, 31, 12, 30), utc(2024, 5, 31, 12, 30)),
    ],
)
async def test_a_yes_runs_out_to_the_second(
    works: Clockwork, country: str, given: datetime, end: datetime
) -> None:
    await works.facts(given, country=country)
    yes = await works.say(given)
    await runs_out(works, end, "newsletter email")
    expired = (await works.changes())[-1]
    assert (expired.source, expired.target, expired.recorded_at) == (Source.SYSTEM, yes.entry, end)
    item = (await works.services.reader.items([expired.entry]))[expired.entry]
    assert item.evidence == {
        "method": "clock",
        "reason": "the yes ran out",
        "regime": country,
        "rules": works.services.catalogs.in_force.rules,
    }


@pytest.mark.parametrize(
    ("given", "end"),
    [
        (utc(2026, 1, 31, 10), utc(2026, 2, 28, 10)),
        (utc(2028, 1, 31, 10), utc(2028, 2, 29, 10)),
        (utc(2028, 2, 29, 10), utc(2028, 3, 29, 10)),
        (utc(2026, 12, 31, 10), utc(2027, 1, 31, 10)),
    ],
)
async def test_months_are_those_of_the_calendar(works: Clockwork, given: datetime, end: datetime) -> None:
    await works.apply(override("DE", "expires = 1"), utc(2019, 1, 1))
    await works.facts(given, country="DE")
    await works.say(given)
    await runs_out(works, end, "newsletter email")


async def test_a_prospect_in_france_is_kept_for_three_years_after_the_last_contact_they_began(
    works: Clockwork,
) -> None:
    await works.facts(utc(2020, 1, 10), country="FR")
    await works.say(utc(2020, 1, 10))
    await works.facts(utc(2022, 6, 1), last_contact_at="2022-05-31T08:00:00Z")
    assert await works.recorded(utc(2023, 1, 10)) == []
    await runs_out(works, utc(2025, 5, 31, 8), "newsletter email")


async def test_a_customer_in_france_is_no_prospect(works: Clockwork) -> None:
    await works.relationship(utc(2020, 1, 10), country="FR", ongoing=True)
    await works.say(utc(2020, 1, 10))
    assert await works.recorded(utc(2040, 1, 10)) == []
    await works.relationship(utc(2040, 1, 10), country="FR", ended_at=utc(2039, 12, 31))
    await runs_out(works, utc(2042, 12, 31), "newsletter email")


async def test_a_yes_that_never_ends_by_the_rules_is_left_alone(works: Clockwork) -> None:
    for address, country in ((ADA, "DE"), (BO, "US")):
        await works.facts(utc(2018, 2, 1), address, country=country)
        await works.say(utc(2018, 2, 1), address=address)
    assert await works.recorded(utc(2090, 1, 1)) == []


async def test_each_channel_runs_out_by_itself_and_a_renewed_yes_runs_anew(works: Clockwork) -> None:
    await works.facts(utc(2020, 1, 1), country="KR")
    await works.say(utc(2020, 1, 1))
    await works.say(utc(2020, 1, 1), channel="sms", address=ADA)
    await works.say(utc(2021, 7, 1), Action.REAFFIRM)
    assert await works.recorded(utc(2022, 1, 1)) == [("newsletter sms", utc(2022, 1, 1))]
    assert await works.recorded(utc(2023, 7, 1)) == [("newsletter email", utc(2023, 7, 1))]
    await works.say(utc(2023, 8, 1))
    assert (await works.decide(utc(2023, 8, 1))).allowed
    assert await works.recorded(utc(2025, 8, 1)) == [("newsletter email", utc(2025, 8, 1))]


async def test_what_a_stop_has_ended_does_not_run_out_on_top_of_that(works: Clockwork) -> None:
    await works.facts(utc(2020, 1, 1), country="KR")
    await works.say(utc(2020, 1, 1))
    stop = await works.say(utc(2021, 1, 1), Action.WITHDRAW, source=Source.PAGE)
    assert await works.recorded(utc(2022, 2, 1)) == []
    assert (await works.decide(utc(2022, 2, 1))).reason == "withdrawn"
    # Nor does a stop that the yes came after keep it from running out.
    await works.say(utc(2023, 1, 1))
    assert await works.recorded(utc(2025, 1, 1)) == [("newsletter email", utc(2025, 1, 1))]
    assert (await works.decide(utc(2025, 1, 1))).entry == stop.entry


async def test_a_bounce_or_a_pause_does_not_put_an_end_off(works: Clockwork) -> None:
    for address in (ADA, BO):
        await works.facts(utc(2020, 1, 1), address, country="KR")
        await works.say(utc(2020, 1, 1), address=address)
    await works.say(utc(2021, 1, 1), Action.BOUNCE, ANY, channel="email", source=Source.PROVIDER)
    await works.say(utc(2021, 12, 1), Action.DEFER, address=BO, until=utc(2022, 3, 1))
    assert len(await works.recorded(utc(2022, 1, 1))) == 2
    assert (await works.decide(utc(2022, 1, 1), address=BO)).reason == "deferred"
    assert (await works.decide(utc(2022, 3, 1), address=BO)).reason == "expired"


async def test_a_yes_to_what_the_catalog_no_longer_has_runs_out_too(works: Clockwork) -> None:
    await works.facts(utc(2020, 1, 1), country="KR")
    await works.say(utc(2020, 1, 1), purpose="news")
    rest = override("KR", "digital_age = 16").split("[purposes.news]")
    await works.apply(rest[0] + rest[1][rest[1].index("[regimes") :], utc(2021, 1, 1))
    assert (await works.decide(utc(2021, 1, 1), "news")).reason == "unknown_purpose"
    assert await works.recorded(utc(2022, 1, 1)) == [("news email", utc(2022, 1, 1))]


# --- relationships ------------------------------------------------------------------------------------------


async def test_a_customer_in_canada_runs_out_two_years_after_the_end(works: Clockwork) -> None:
    await works.relationship(utc(2020, 3, 1), ongoing=True)
    assert await works.recorded(utc(2030, 1, 1)) == []
    await works.relationship(utc(2030, 1, 1), ended_at=utc(2029, 12, 31, 18))
    end = utc(2031, 12, 31, 18)
    assert (await works.decide(end - SECOND, "offers")).reason == "implied_consent"
    await runs_out(works, end, "offers email", "news email")
    expired = (await works.changes())[-1]
    assert (expired.source, expired.target) == (Source.SYSTEM, None)
    assert await works.recorded(end + 3650 * DAY) == []


@pytest.mark.parametrize(
    ("facts", "end"),
    [
        ({"kind": "inquiry", "since": utc(2025, 8, 31)}, utc(2026, 2, 28)),
        ({"since": utc(2024, 2, 29)}, utc(2026, 2, 28)),
        ({"last_at": utc(2022, 4, 5, 6, 7, 8)}, utc(2024, 4, 5, 6, 7, 8)),
        ({"kind": "donor", "ended_at": utc(2022, 4, 5)}, utc(2024, 4, 5)),
    ],
)
async def test_every_sort_of_relationship_ends_by_its_own_months(
    works: Clockwork, facts: dict[str, Any], end: datetime
) -> None:
    await works.relationship(end - 100 * DAY, **facts)
    await runs_out(works, end, "offers email", "news email")


async def test_a_renewed_relationship_that_runs_out_again_is_recorded_again(works: Clockwork) -> None:
    await works.relationship(utc(2020, 1, 2), last_at=utc(2020, 1, 1))
    await works.say(utc(2021, 1, 1), Action.WITHDRAW, "news", source=Source.PAGE)
    assert await works.recorded(utc(2022, 1, 1)) == [("offers email", utc(2022, 1, 1))]
    await works.relationship(utc(2022, 5, 1), last_at=utc(2022, 5, 1))
    assert (await works.decide(utc(2022, 5, 1), "offers")).allowed
    assert await works.recorded(utc(2024, 5, 1) - SECOND) == []
    assert await works.recorded(utc(2024, 5, 1)) == [("offers email", utc(2024, 5, 1))]
    assert await works.recorded(utc(2024, 5, 2)) == []


async def test_a_relationship_ends_nothing_where_a_yes_or_a_stop_decides(works: Clockwork) -> None:
    await works.relationship(utc(2020, 1, 2), last_at=utc(2020, 1, 1))
    await works.say(utc(2020, 2, 1), purpose="news")
    await works.say(utc(2020, 2, 1), Action.OBJECT, "offers", source=Source.PAGE)
    assert await works.recorded(utc(2025, 1, 1)) == []
    assert (await works.decide(utc(2025, 1, 1), "news")).reason == "consent"


async def test_an_end_that_was_over_before_anybody_was_known_is_told_to_nobody(works: Clockwork) -> None:
    """A list of former customers is imported: nothing was ever sent to them by that."""
    await works.relationship(utc(2025, 1, 1), ended_at=utc(2022, 1, 1))
    assert (await works.decide(utc(2025, 1, 1), "offers")).reason == "expired"
    assert await works.recorded(utc(2025, 1, 2)) == []
    # Nor if more facts come later, as of old.
    await works.relationship(utc(2025, 6, 1), ended_at=utc(2022, 6, 1))
    assert await works.recorded(utc(2025, 6, 2)) == []


async def test_a_question_in_between_does_not_make_an_end_new(works: Clockwork) -> None:
    await works.relationship(utc(2020, 1, 2), last_at=utc(2020, 1, 1))
    assert len(await works.recorded(utc(2022, 1, 1))) == 2
    asked = await works.say(utc(2022, 2, 1), Action.REQUEST, "news", source=Source.OPERATOR)
    assert (await works.person()).standings["news", "email"].status is Status.REQUESTED
    assert await works.recorded(utc(2022, 2, 2)) == []
    await works.say(utc(2022, 2, 9), Action.EXPIRE, "news", source=Source.SYSTEM, undoes=asked.entry)
    assert ("news", "email") not in (await works.person()).standings
    assert await works.recorded(utc(2022, 2, 10)) == []


async def test_a_pause_over_the_end_does_not_hide_it(works: Clockwork) -> None:
    await works.relationship(utc(2020, 1, 2), last_at=utc(2020, 1, 1))
    await works.say(utc(2021, 12, 1), Action.DEFER, "offers", until=utc(2022, 3, 1))
    await works.say(utc(2021, 12, 1), Action.WITHDRAW, "news", source=Source.PAGE)
    assert await works.recorded(utc(2022, 1, 1)) == [("offers email", utc(2022, 1, 1))]
    assert (await works.decide(utc(2022, 1, 1), "offers")).reason == "deferred"
    assert await works.recorded(utc(2022, 4, 1)) == []
    assert (await works.decide(utc(2022, 4, 1), "offers")).reason == "expired"


async def test_new_rules_that_end_a_relationship_of_long_ago_are_recorded_too(works: Clockwork) -> None:
    await works.relationship(utc(2021, 1, 1), country="DE", last_at=utc(2019, 1, 1))
    assert (await works.decide(utc(2025, 1, 1), "offers")).reason == "soft_opt_in"
    await works.apply(f"{CATALOG}\n{_ONE_YEAR}", utc(2025, 1, 1))
    assert (await works.decide(utc(2025, 1, 1), "offers")).reason == "expired"
    assert await works.recorded(utc(2025, 1, 1, 1)) == [("offers email", utc(2020, 1, 1))]
    assert await works.recorded(utc(2025, 1, 1, 2)) == []
    # Whoever came after the new rules was never sent anything by the old ones.
    await works.relationship(utc(2025, 2, 1), BO, country="DE", last_at=utc(2019, 1, 1))
    assert await works.recorded(utc(2025, 2, 2)) == []


_ONE_YEAR = """
[regimes.DE.cells.email]
soft_opt_in = { customer = 12 }
reason = "A year is enough."
"""
