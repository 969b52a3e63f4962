"""Filtering a whole list says of everybody what a decision by the API says, however it gets there."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from prefcenter.bootstrap import utc_now
from prefcenter.catalog import read
from prefcenter.domain.purposes import Channel
from prefcenter.domain.regimes import add_months
from prefcenter.use_cases import filter_list as filtering
from prefcenter.use_cases.decide_recipients import Question, decide_addresses
from prefcenter.use_cases.filter_list import ListRow, filter_list
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


async def all_of(api: Api, purpose: str, emails: list[str]) -> list[tuple[bool, str]]:
    """What filtering says of each row."""
    rows = [ListRow(email, f"{email}\n".encode()) for email in emails]
    found: list[tuple[bytes, tuple[bool, str]]] = []
    question = Question(purpose=purpose)
    async for block in filter_list(
        api.services, question, rows, lambda raw: raw.decode().rstrip("\n"), utc_now()
    ):
        found += block.rows()
    assert [raw for raw, _ in found] == [row.raw for row in rows]
    return [answer for _, answer in found]


async def test_a_list_is_filtered_as_its_rows_are_decided_one_by_one(api, monkeypatch):
    monkeypatch.setattr(filtering, "_MOST_ROWS", 70)
    monkeypatch.setattr(filtering, "_MOST_ROWS_SQLITE", 70)
    seed = random.randrange(10**9)
    chance = random.Random(seed)
    for number in range(PEOPLE):
        await anybody(api, number, chance)
    # Two spellings of one address with an owner each, and a third one of nobody.
    await api.choose("P1@example.com")
    emails = [address(number) for number in range(PEOPLE)]
    emails += ["P2@example.com", "p1@EXAMPLE.com", "P1@example.com", "P3@Example.com"]
    emails += ["nobody@example.org", "no address", "", "=cmd|x", *chance.sample(emails, 20)]
    chance.shuffle(emails)

    for purpose in ("newsletter", "offers", "partner-offers", "account"):
        question = Question(purpose=purpose)
        _, one_by_one = await decide_addresses(api.services, question, emails, utc_now())
        expected = [(one.decision.allowed, one.decision.reason) for one in one_by_one]
        assert await all_of(api, purpose, emails) == expected, f"seed {seed}, {purpose}"


async def test_a_list_of_nobody_is_filtered_too(api):
    assert await all_of(api, "newsletter", []) == []
    assert await all_of(api, "newsletter", ["x@example.com"]) == [(False, "never_asked")]


async def test_an_address_is_one_of_email_whatever_channel_is_asked_about(api, tmp_path):
    """Somebody is named by their email address, and a text message is to be sent."""
    catalog = read(api.services.settings.config)
    purpose = replace(catalog.purposes["newsletter"], channels=(Channel.EMAIL, Channel.SMS))
    wanted = replace(catalog, purposes={**catalog.purposes, "newsletter": purpose})
    await api.services.catalogs.apply(wanted, utc_now())
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
