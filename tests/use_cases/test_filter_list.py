"""Filtering a whole list says of everybody what a decision by the API says, however it gets there."""

from __future__ import annotations

import random
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from prefcenter.bootstrap import utc_now
from prefcenter.catalog import read
from prefcenter.domain.purposes import Channel
from prefcenter.domain.regimes import add_months
from prefcenter.storage.database import StorageUnavailable
from prefcenter.storage.fields import to_micros
from prefcenter.storage.orm import migrate
from prefcenter.use_cases import filter_list as filtering
from prefcenter.use_cases.decide_recipients import Question, decide_addresses
from prefcenter.use_cases.filter_list import filter_list
from prefcenter.use_cases.list_blocks import ListRows
from tests.api.client import Api, open_api, settings_of

PEOPLE = 160
COUNTRIES = ("DE", "FR", "US", "CA", "KR", None)


@pytest.fixture
async def api(database_url: str, tmp_path: Path):
    async with open_api(settings_of(tmp_path, database_url)) as opened:
        yield opened


def address(number: int) -> str:
    return f"p{number}@example.com"


async def anybody(api: Api, number: int, chance: random.Random) -> None:
    """Somebody to whom a few things happened."""
    now = utc_now()
    facts: dict[str, Any] = {}
    if country := chance.choice(COUNTRIES):
        facts["country"] = country
    if chance.random() < 0.4:
        since = now - timedelta(days=chance.randrange(1, 1200))
        offered = {"at": since.isoformat(), "wording": "You can say no."}
        kind = chance.choice(("customer", "inquiry", "member"))
        facts["relationship"] = {"kind": kind, "since": since.isoformat(), "opt_out_offered": offered}
    if chance.random() < 0.1:
        facts["age_band"] = chance.choice(("under_13", "13_15", "adult"))
    subject = {"email": address(number), **facts}
    if facts:
        await api.done("/v1/subjects", {"subjects": [subject]})
    for _ in range(chance.randrange(4)):
        purpose = chance.choice(("newsletter", "newsletter", "offers", "partner-offers"))
        action = chance.choice(("give", "give", "give", "withdraw", "object", "refuse", "defer", "stop"))
        more: dict[str, Any] = {}
        if action == "stop":
            purpose, action = "*", "object"
        if action == "defer":
            more["until"] = (now + timedelta(days=30)).isoformat()
        if action == "give" and chance.random() < 0.5:
            # Some of them run out today, in France after 36 months and in Korea after 24.
            months = chance.choice((24, 36))
            at = add_months(now, -months) + timedelta(hours=chance.randrange(-20, 20))
            more["occurred_at"] = min(at, now).isoformat()
        await api.choose(address(number), action, purpose, **more)


async def more_is_asked_for(api: Api) -> None:
    """New versions of two purposes: from now on it matters since when somebody is known."""
    catalog = read(api.services.settings.config)
    purposes = {
        key: replace(purpose, data=("address", "purchases")) if key in ("newsletter", "offers") else purpose
        for key, purpose in catalog.purposes.items()
    }
    await api.services.catalogs.apply(replace(catalog, purposes=purposes), utc_now)


async def can_be_texted(api: Api, emails: list[str], stopped: list[str]) -> None:
    """As if they had told their numbers, some of which wanted nothing any more."""
    services, now = api.services, to_micros(utc_now())
    async with services.database.write() as tx:
        for number, email in enumerate(emails):
            wide = services.fingerprinter.of_text(email).wide
            found = await tx.fetch("SELECT subject_id FROM contact_point WHERE wide = $1", wide)
            for (subject,) in found[:1]:
                there = services.fingerprinter.of_form("sms", f"+49{number}")
                await tx.fetch(
                    "INSERT INTO contact_point (subject_id, channel, sealed, narrow, wide, epoch) "
                    "VALUES ($1, 'sms', $2, $2, $2, 0)",
                    *(subject, there),
                )
                if email in stopped:
                    await tx.fetch(
                        "INSERT INTO stop "
                        "(wide, channel, purpose, cause, source, seq, entry, at, recorded_at) VALUES "
                        "($1, '*', '*', 'all_marketing_stopped', 'form', 999999, 'entry', $2, $2)",
                        *(there, now),
                    )


async def all_of(api: Api, purpose: str, emails: list[str], now: datetime) -> list[tuple[bool, str]]:
    """What filtering says of each row."""
    raws = [f"{email}\n".encode() for email in emails]
    rows = [ListRows(emails[at : at + 7], raws[at : at + 7]) for at in range(0, len(emails), 7)]
    found: list[bytes] = []
    answers: list[tuple[bool, str]] = []
    question = Question(purpose=purpose)
    async for block in filter_list(api.services, question, rows, lambda raw: raw.decode().rstrip("\n"), now):
        for piece, codes in block.pieces():
            found += piece
            answers += [block.answers[code] for code in codes]
    assert found == raws
    return answers


async def one_by_one(api: Api, purpose: str, emails: list[str], now: datetime) -> list[tuple[bool, str]]:
    _, answers = await decide_addresses(api.services, Question(purpose=purpose), emails, now)
    return [(one.decision.allowed, one.decision.reason) for one in answers]


@pytest.fixture
def soon_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows are a long list, on whose account all people are gone through; and make several blocks."""
    monkeypatch.setattr(filtering, "_LONG", 40)
    monkeypatch.setattr(filtering, "_AT_ONCE", 20)
    monkeypatch.setattr(filtering, "_MOST_ROWS", 70)


@pytest.mark.usefixtures("soon_long")
async def test_a_list_is_filtered_as_its_rows_are_decided_one_by_one(api):
    seed = random.randrange(10**9)
    chance = random.Random(seed)
    for number in range(PEOPLE):
        if number == PEOPLE // 2:
            await more_is_asked_for(api)
        await anybody(api, number, chance)
    # Two spellings of one address with an owner each, and a third one of nobody.
    await api.choose("P1@example.com")
    emails = [address(number) for number in range(PEOPLE)]
    await can_be_texted(api, emails[::5], emails[::10])
    emails += ["P2@example.com", "p1@EXAMPLE.com", "P1@example.com", "P3@Example.com"]
    emails += ["nobody@example.org", "no address", "", "=cmd|x", *chance.sample(emails, 20)]
    chance.shuffle(emails)

    # As things stand, and once time to object to what is new is over, and yeses have run out.
    for now in (utc_now(), utc_now() + timedelta(days=31), utc_now() + timedelta(days=1100)):
        for purpose in ("newsletter", "offers", "partner-offers", "account"):
            expected = await one_by_one(api, purpose, emails, now)
            assert await all_of(api, purpose, emails, now) == expected, f"seed {seed}, {purpose}, {now}"


@pytest.mark.usefixtures("soon_long")
@pytest.mark.parametrize("number", [0, 1, 39, 69, 70, 71, 140])
async def test_a_list_of_any_length_is_filtered(api, number):
    emails = [address(each) for each in range(number)]
    assert await all_of(api, "newsletter", emails, utc_now()) == [(False, "never_asked")] * number


@pytest.mark.usefixtures("soon_long")
async def test_a_filter_that_is_left_early_leaves_nothing_behind(api):
    """Its reader went away; the database is free for others."""
    rows = (ListRows([address(number)], [b"row\n"]) for number in range(500))
    question = Question(purpose="newsletter")
    async with aclosing(filter_list(api.services, question, rows, lambda raw: "", utc_now())) as blocks:
        async for _ in blocks:
            break
    assert await all_of(api, "newsletter", ["x@example.com"], utc_now()) == [(False, "never_asked")]


async def test_a_server_that_is_lost_is_said_so(postgres_server, tmp_path, soon_long):
    url = await postgres_server.create("filtering")
    await migrate(url)
    async with open_api(settings_of(tmp_path, url)) as api:

        def rows():
            for number in range(200):
                if number == 100:
                    postgres_server.stop()
                yield ListRows([address(number)], [b"row\n"])

        with pytest.raises(StorageUnavailable):
            async for _ in filter_list(
                api.services, Question(purpose="newsletter"), rows(), lambda raw: "", utc_now()
            ):
                pass
        postgres_server.start()


async def test_an_address_is_one_of_email_whatever_channel_is_asked_about(api, tmp_path):
    """Somebody is named by their email address, and a text message is to be sent."""
    catalog = read(api.services.settings.config)
    purpose = replace(catalog.purposes["newsletter"], channels=(Channel.EMAIL, Channel.SMS))
    wanted = replace(catalog, purposes={**catalog.purposes, "newsletter": purpose})
    await api.services.catalogs.apply(wanted, utc_now)
    await api.choose("ada@example.com", channel="sms")
    question = Question(purpose="newsletter", channel="sms")

    for emails in (["ada@example.com"], ["ada@example.com", *(address(n) for n in range(60))]):
        _, answers = await decide_addresses(api.services, question, emails, utc_now())
        assert answers[0].decision.reason == "consent"


@pytest.mark.parametrize("many", [1, 60, 25_000], ids=["a few", "some", "very many"])
async def test_however_many_are_asked_about_each_gets_their_own_answer(api, many):
    await api.choose("ada@example.com")
    await api.choose("bob@example.org")
    await api.choose("bob@example.org", "withdraw")
    await api.choose("bob@example.org", "object", "*")
    await api.choose("Cleo@example.com")
    await api.choose("cleo@example.com", "refuse")
    known = ["ada@example.com", "bob@example.org", "CLEO@example.com", "cleo@example.com", "no address"]
    others = [address(number) for number in range(many)]

    _, answers = await decide_addresses(
        api.services, Question(purpose="newsletter"), [*others, *known], utc_now()
    )

    assert {one.decision.reason for one in answers[:many]} == {"never_asked"}
    said = [one.decision.reason for one in answers[many:]]
    assert said == ["consent", "all_marketing_stopped", "refused", "refused", "invalid_address"]
