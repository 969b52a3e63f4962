"""`/v1/subjects`, look-up and history: facts on people, and what is known of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.client import PURPOSES, Api, errors_of

ADA: dict[str, Any] = {"email": "ada@example.com"}
RELATIONSHIP: dict[str, Any] = {
    "kind": "customer",
    "since": "2026-01-01T00:00:00Z",
    "last_at": "2026-02-01T09:30:00.123456Z",
    "ongoing": True,
    "opt_out_offered": {"at": "2026-01-01T00:00:00Z", "wording": "You can say no here."},
}
FACTS: dict[str, Any] = {
    "country": "US-CA",
    "language": "en-US",
    "age_band": "adult",
    "subscriber": "individual",
    "relationship": RELATIONSHIP,
    "last_contact_at": "2026-03-01T00:00:00Z",
}


async def test_facts_are_made_updated_and_read_again_but_are_no_choice(api: Api) -> None:
    first = await api.done("/v1/subjects", {"subjects": [{**ADA, **FACTS}, {"email": "bob@example.com"}]})
    assert len({person["id"] for person in first["subjects"]}) == 2
    again = await api.done("/v1/subjects", {"subjects": [{**ADA, "country": "DE"}]})
    assert again["subjects"] == first["subjects"][:1]
    found = await api.done("/v1/subjects/lookup", ADA)
    assert found["subject"]["facts"] == {**FACTS, "country": "DE"}
    assert {standing["reason"] for standing in found["standings"] if standing["purpose"] == "newsletter"} == {
        "never_asked"
    }


async def test_facts_open_the_soft_opt_in(api: Api) -> None:
    assert not (await api.decide("ada@example.com", "offers"))["allowed"]
    await api.done("/v1/subjects", {"subjects": [{**ADA, "country": "DE", "relationship": RELATIONSHIP}]})
    decision = await api.decide("ada@example.com", "offers")
    assert (decision["allowed"], decision["reason"]) == (True, "soft_opt_in")


@pytest.mark.parametrize(
    "change",
    [
        {"since": "2999-01-01T00:00:00Z"},
        {"opt_out_offered": {"at": "2999-01-01T00:00:00Z", "wording": "You can say no here."}},
        {"opt_out_offered": False},
    ],
)
async def test_what_has_not_happened_opens_nothing(local_api: Api, change: dict[str, Any]) -> None:
    told = {**ADA, "country": "DE", "relationship": {**RELATIONSHIP, **change}}
    await local_api.done("/v1/subjects", {"subjects": [told]})
    decision = await local_api.decide("ada@example.com", "offers")
    assert (decision["allowed"], decision["reason"]) == (False, "no_relationship")


async def test_that_no_opt_out_was_offered_is_remembered(api: Api) -> None:
    relationship = {"kind": "customer", "since": "2026-03-01T00:00:00Z"}
    for said in ({**relationship, "opt_out_offered": False}, relationship):
        await api.done("/v1/subjects", {"subjects": [{**ADA, "relationship": said}]})
    facts = (await api.done("/v1/subjects/lookup", ADA))["subject"]["facts"]
    assert facts["relationship"]["opt_out_offered"] is False


async def test_saying_the_same_facts_again_records_nothing(api: Api) -> None:
    await api.done("/v1/subjects", {"subjects": [{**ADA, **FACTS}]})
    before = await api.head()
    await api.done("/v1/subjects", {"subjects": [{**ADA, **FACTS}]})
    assert await api.head() == before


async def test_a_person_has_any_number_of_external_ids(api: Api) -> None:
    for name in ("shop-1", "crm-ä"):
        await api.done("/v1/subjects", {"subjects": [{**ADA, "external_id": name}]})
    for who in ({"external_id": "shop-1"}, {"external_id": "crm-ä"}, ADA):
        found = await api.done("/v1/subjects/lookup", who)
        assert sorted(found["subject"]["external_ids"]) == ["crm-ä", "shop-1"]


async def test_a_subject_without_any_address_is_refused(api: Api) -> None:
    before = await api.head()
    answer = await api.post("/v1/subjects", {"subjects": [ADA, {"external_id": "4711"}]})
    assert errors_of(answer) == [(1, "external_id")]
    assert errors_of(await api.post("/v1/subjects", {"subjects": [{"id": "0" * 32}]})) == [(0, "id")]
    assert errors_of(await api.post("/v1/subjects", {"subjects": [{"country": "DE"}]})) == [(0, "subject")]
    assert await api.head() == before


async def test_a_look_up_of_nobody_says_how_nobody_stands(api: Api) -> None:
    for who in (ADA, {"external_id": "4711"}):
        found = await api.done("/v1/subjects/lookup", who)
        assert (found["subject"], found["stops"], found["deliveries"]) == (None, [], [])
        assert [standing["purpose"] for standing in found["standings"]] == list(PURPOSES)
        assert [standing["allowed"] for standing in found["standings"]] == [False, False, True, False]


async def test_a_look_up_names_exactly_one(local_api: Api) -> None:
    for body in ({}, {**ADA, "external_id": "4711"}):
        assert errors_of(await local_api.post("/v1/subjects/lookup", body)) == [(0, "body")]


async def test_a_person_is_read_by_id(api: Api) -> None:
    await api.choose("ada@example.com")
    found = await api.done("/v1/subjects/lookup", ADA)
    assert await api.read(f"/v1/subjects/{found['subject']['id']}") == found
    assert found["subject"]["contacts"] == [{"channel": "email", "address": "ada@example.com"}]


async def test_the_history_has_the_evidence_and_the_words(api: Api) -> None:
    evidence = {
        "wording": "Ja, bitte – monatlich.",
        "url": "https://example.com/form",
        "ip": "203.0.113.7",
        "user_agent": "Example/1.0",
        "method": "checkbox",
        "reason": "at the till",
    }
    yes = await api.choose("ada@example.com", evidence=evidence, occurred_at="2026-01-01T00:00:00Z")
    no = await api.choose("ada@example.com", "withdraw")
    person = (await api.done("/v1/subjects/lookup", ADA))["subject"]["id"]
    entries = (await api.read(f"/v1/subjects/{person}/history"))["entries"]
    given, withdrawn = (entry for entry in entries if entry["action"] in ("give", "withdraw"))
    assert given["evidence"] == evidence
    assert (given["entry"], withdrawn["entry"]) == (yes["entry"], no["entry"])
    assert given["occurred_at"] == "2026-01-01T00:00:00Z" < given["recorded_at"]
    assert [entry["cursor"] for entry in entries] == sorted(entry["cursor"] for entry in entries)
    assert (given["proof"], given["version"], given["source"]) == ("attested", 1, "form")


async def test_deliveries_of_what_stands_are_shown(api: Api) -> None:
    hook = await api.done("/v1/webhooks", {"url": "https://example.com/hook"}, 201)
    await api.choose("ada@example.com")
    [delivery] = (await api.done("/v1/subjects/lookup", ADA))["deliveries"]
    assert (delivery["webhook"], delivery["event"], delivery["attempts"]) == (
        hook["id"],
        "choice.recorded",
        0,
    )
