"""`/v1/decisions` with `at`: a past day by what was known, said and in force then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from prefcenter.bootstrap import utc_now
from prefcenter.catalog import parse
from prefcenter.storage.catalogs import Catalogs
from tests.api.client import ADA, CATALOG, Api, errors_of

MICROSECOND = timedelta(microseconds=1)


async def moments(api: Api) -> list[datetime]:
    """When each entry of the ledger was recorded."""
    changes = (await api.read("/v1/changes?after=0"))["changes"]
    return [datetime.fromisoformat(change["recorded_at"]) for change in changes]


async def ask(api: Api, at: datetime, purpose: str = "newsletter", *recipients: dict[str, str]) -> Any:
    asked = {"purpose": purpose, "recipients": list(recipients) or [ADA], "at": at.isoformat()}
    return await api.done("/v1/decisions", asked)


async def test_before_a_withdrawal_it_was_allowed_and_stays_so(api: Api) -> None:
    given = await api.choose("ada@example.com")
    withdrawn = await api.choose("ada@example.com", "withdraw")
    said, unsaid = await moments(api)
    await api.choose("ada@example.com")
    before, after = await ask(api, unsaid - MICROSECOND), await ask(api, unsaid)
    assert [(one["allowed"], one["reason"], one["entry"]) for one in before["decisions"]] == [
        (True, "consent", given["entry"])
    ]
    assert [(one["allowed"], one["reason"], one["entry"]) for one in after["decisions"]] == [
        (False, "withdrawn", withdrawn["entry"])
    ]
    assert (before["cursor"], after["cursor"]) == ("1", "2")
    assert (await ask(api, said - MICROSECOND))["decisions"][0]["reason"] == "never_asked"


async def test_the_answer_names_its_moment_in_utc_and_the_rules_of_then(api: Api) -> None:
    applied = utc_now()
    later = parse(CATALOG.replace("Monthly product news", "News of products"))
    await api.services.catalogs.apply(later, lambda: applied)
    before, after = await ask(api, applied - MICROSECOND), await ask(api, applied)
    assert before["rules"] != after["rules"] == (await ask(api, utc_now()))["rules"]
    away = (applied - MICROSECOND).astimezone().isoformat()
    answer = await api.done("/v1/decisions", {"purpose": "newsletter", "recipients": [], "at": away})
    assert answer["at"] == (applied - MICROSECOND).astimezone(UTC).isoformat().replace("+00:00", "Z")
    assert answer["decisions"] == []


async def test_what_another_process_has_just_applied_is_looked_up_before_an_answer(api: Api) -> None:
    """By itself a process looks once a second, and this answer is to be the same for good."""
    other = Catalogs(api.services.database, api.services.vault)
    before = utc_now()
    await other.apply(parse(CATALOG.split("[purposes.newsletter]")[0]), utc_now)
    assert api.services.catalogs.find("newsletter"), "this process has not looked yet"
    assert (await ask(api, utc_now()))["decisions"][0]["reason"] == "unknown_purpose"
    assert (await ask(api, before))["decisions"][0]["reason"] == "never_asked"


async def test_before_the_first_catalog_no_purpose_was_known(api: Api) -> None:
    await api.choose("ada@example.com")
    for purpose in ("newsletter", "account"):
        answer = await ask(api, datetime(2020, 1, 1, tzinfo=UTC), purpose)
        assert [one["reason"] for one in answer["decisions"]] == ["unknown_purpose"]
        assert answer["cursor"] == "0"


async def test_answers_come_in_the_order_of_the_questions_by_every_name(api: Api) -> None:
    await api.choose("ada@example.com")
    await api.done("/v1/subjects", {"subjects": [{**ADA, "external_id": "4711"}]})
    person = (await api.done("/v1/subjects/lookup", ADA))["subject"]["id"]
    names = [
        {"email": "nobody@example.com"},
        {"email": "no address"},
        {"external_id": "4711"},
        {"id": person},
        {"external_id": "none"},
        {"email": "Ada@example.com"},
    ]
    answer = await ask(api, utc_now(), "newsletter", *names)
    assert [one["reason"] for one in answer["decisions"]] == [
        "never_asked",
        "invalid_address",
        "consent",
        "consent",
        "never_asked",
        "consent",
    ]
    assert [one.get("matched") for one in answer["decisions"]] == [None] * 5 + ["spelling"]


async def test_a_version_and_a_third_party_are_those_of_then(api: Api) -> None:
    await api.choose("ada@example.com", purpose="partner-offers")
    before = utc_now()
    more = '[recipients.other-inc]\nname = "Other Inc"\nemail = "privacy@other.example"\n'
    wider = CATALOG.replace('["partner-inc"]', '["partner-inc", "other-inc"]') + more
    await api.services.catalogs.apply(parse(wider), utc_now)
    asked = {"purpose": "partner-offers", "recipients": [ADA]}
    then = await api.done("/v1/decisions", {**asked, "at": before.isoformat(), "recipient": "other-inc"})
    assert then["decisions"][0]["reason"] == "choice_pending"
    assert then["decisions"][0]["pending_version"] == 1
    now = await api.done("/v1/decisions", {**asked, "at": utc_now().isoformat()})
    assert (now["decisions"][0]["version"], now["decisions"][0]["pending_version"]) == (1, 2)


@pytest.mark.parametrize(
    "at", ["2999-01-01T00:00:00Z", "1800-01-01T00:00:00Z", "2026-01-01T00:00:00", "today", 5]
)
async def test_a_moment_that_is_none_or_not_yet_is_refused_by_name(local_api: Api, at: object) -> None:
    refused = await local_api.post("/v1/decisions", {"purpose": "newsletter", "recipients": [ADA], "at": at})
    assert errors_of(refused) == [(0, "at")]


async def test_very_many_are_answered_in_one_call(api: Api) -> None:
    for number in range(0, 3000, 300):
        await api.choose(f"p{number}@example.com")
    names = [{"email": f"p{number}@example.com"} for number in range(3000)]
    answer = await ask(api, utc_now(), "newsletter", *names)
    allowed = [number for number, one in enumerate(answer["decisions"]) if one["allowed"]]
    assert allowed == list(range(0, 3000, 300))
