"""`/v1/decisions` and `/v1/purposes`: in order, for everybody, and closed when in doubt."""

from __future__ import annotations

from typing import Any

from prefcenter.catalog import digest
from tests.api.client import PURPOSES, Api, errors_of


async def test_answers_come_in_the_order_of_the_questions(api: Api) -> None:
    await api.choose("ada@example.com")
    await api.choose("bob@example.com", "refuse")
    await api.done("/v1/subjects", {"subjects": [{"email": "ada@example.com", "external_id": "4711"}]})
    person = (await api.done("/v1/subjects/lookup", {"email": "ada@example.com"}))["subject"]["id"]
    recipients = [
        {"email": "nobody@example.com"},
        {"email": "not an address"},
        {"external_id": "4711"},
        {"email": "bob@example.com"},
        {"id": person},
        {"external_id": "unknown"},
        {"id": "0" * 32},
        {"email": "ada@example.com"},
        {"email": ""},
        {"email": "ada@example.com"},
    ]
    answer = await api.done("/v1/decisions", {"purpose": "newsletter", "recipients": recipients})
    assert [decision["reason"] for decision in answer["decisions"]] == [
        "never_asked",
        "invalid_address",
        "consent",
        "refused",
        "consent",
        "never_asked",
        "never_asked",
        "consent",
        "invalid_address",
        "consent",
    ]
    assert [d["allowed"] for d in answer["decisions"]] == [
        d["reason"] == "consent" for d in answer["decisions"]
    ]
    assert (answer["purpose"], answer["channel"]) == ("newsletter", "email")
    assert answer["rules"] == api.services.catalogs.in_force.rules


async def test_the_cursor_tells_who_changed_since(api: Api) -> None:
    await api.choose("ada@example.com")
    answer = await api.done("/v1/decisions", {"purpose": "newsletter", "recipients": []})
    assert answer["decisions"] == []
    later = await api.choose("bob@example.com")
    changes = (await api.read(f"/v1/changes?after={answer['cursor']}"))["changes"]
    assert later["entry"] in [change["entry"] for change in changes]
    assert all(change["cursor"] > int(answer["cursor"]) for change in changes)


async def test_a_purpose_or_channel_that_is_not_there_is_a_no(api: Api) -> None:
    await api.choose("ada@example.com")
    for asked in ({"purpose": "nope"}, {"purpose": "*"}, {"purpose": "newsletter", "channel": "sms"}):
        answer = await api.done("/v1/decisions", {**asked, "recipients": [{"email": "ada@example.com"}]})
        [decision] = answer["decisions"]
        assert (decision["allowed"], decision["reason"]) == (False, "unknown_purpose")


async def test_a_newer_version_or_another_third_party_was_never_agreed_to(api: Api) -> None:
    await api.choose("ada@example.com", purpose="partner-offers")
    agreed: list[dict[str, Any]] = [{}, {"version": 1}, {"recipient": "partner-inc"}]
    others: list[dict[str, Any]] = [{"version": 2}, {"recipient": "x"}, {"version": 1, "recipient": ""}]
    for more in agreed:
        decision = await api.decide("ada@example.com", "partner-offers", **more)
        assert (decision["allowed"], decision["version"]) == (True, 1)
    for more in others:
        decision = await api.decide("ada@example.com", "partner-offers", **more)
        assert (decision["allowed"], decision["reason"]) == (False, "choice_pending")
        assert decision["pending_version"] == 1


async def test_an_endless_address_is_answered_among_the_others(local_api: Api) -> None:
    recipients = [
        {"email": "a" * 200_000},
        {"email": f"{'a' * 50_000}@example.com"},
        {"email": "b@example.com"},
    ]
    answer = await local_api.done("/v1/decisions", {"purpose": "newsletter", "recipients": recipients})
    assert [one["reason"] for one in answer["decisions"]] == ["invalid_address"] * 2 + ["never_asked"]


async def test_contract_mail_is_allowed_whatever_was_stopped(api: Api) -> None:
    await api.choose("ada@example.com", "object", "*")
    decision = await api.decide("ada@example.com", "account")
    assert (decision["allowed"], decision["reason"], decision["basis"]) == (True, "contract", "contract")


async def test_a_recipient_is_named_by_exactly_one_name(local_api: Api) -> None:
    for bad in ({}, {"email": "ada@example.com", "external_id": "4711"}):
        body = {"purpose": "newsletter", "recipients": [{"email": "x@example.com"}, bad]}
        assert errors_of(await local_api.post("/v1/decisions", body)) == [(1, "recipient")]


async def test_asking_creates_nobody(api: Api) -> None:
    before = await api.head()
    await api.decide("ada@example.com")
    assert (await api.done("/v1/subjects/lookup", {"email": "ada@example.com"}))["subject"] is None
    assert await api.head() == before


async def test_a_hundred_thousand_recipients_are_answered_in_one_call(api: Api) -> None:
    await api.choose("p77777@example.com")
    recipients = [{"email": f"p{n}@example.com"} for n in range(100_000)]
    answer = await api.done("/v1/decisions", {"purpose": "newsletter", "recipients": recipients})
    assert [n for n, decision in enumerate(answer["decisions"]) if decision["allowed"]] == [77777]
    assert len(answer["decisions"]) == 100_000
    recipients.append({"email": "one-more@example.com"})
    refused = await api.post("/v1/decisions", {"purpose": "newsletter", "recipients": recipients})
    assert errors_of(refused) == [(0, "recipients")]


async def test_the_catalog_in_force_is_told_with_versions(api: Api) -> None:
    catalog = await api.read("/v1/purposes")
    assert [(purpose["key"], purpose["version"]) for purpose in catalog["purposes"]] == [
        (key, 1) for key in PURPOSES
    ]
    assert catalog["catalog"] == digest(api.services.catalog)
    account = catalog["purposes"][2]
    assert (account["basis"], account["category"]) == ("contract", "account")
    assert catalog["purposes"][3]["recipients"] == ["partner-inc"]
