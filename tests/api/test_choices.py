"""`/v1/choices`: what comes of a choice, and what each action needs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.client import PURPOSES, Api


def choice(email: str, action: str, **more: Any) -> dict[str, Any]:
    return {"subject": {"email": email}, "purpose": "newsletter", "action": action, "source": "form", **more}


async def test_a_yes_counts_and_a_withdrawal_ends_it(api: Api) -> None:
    yes = await api.choose("ada@example.com")
    assert (yes["effect"], yes["standing"]["status"], yes["standing"]["allowed"]) == (
        "applied",
        "ConsentGiven",
        True,
    )
    assert yes["standing"]["entry"] == yes["entry"]
    assert yes["standing"]["proof"] == "attested"
    no = await api.choose("ada@example.com", "withdraw")
    assert (no["effect"], no["standing"]["status"], no["standing"]["allowed"]) == (
        "applied",
        "ConsentWithdrawn",
        False,
    )
    assert (await api.decide("ada@example.com"))["reason"] == "withdrawn"


async def test_a_no_to_everything_answers_for_every_purpose(api: Api) -> None:
    await api.choose("ada@example.com")
    result = await api.choose("ada@example.com", "object", "*")
    assert [standing["purpose"] for standing in result["standing"]] == list(PURPOSES)
    allowed = {standing["purpose"] for standing in result["standing"] if standing["allowed"]}
    assert allowed == {"account"}
    assert (await api.decide("ada@example.com"))["reason"] == "all_marketing_stopped"


async def test_a_stop_for_an_address_that_nobody_has_is_kept_and_makes_nobody(api: Api) -> None:
    result = await api.choose("zoe@example.com", "withdraw")
    assert result["effect"] == "applied"
    found = await api.done("/v1/subjects/lookup", {"email": "zoe@example.com"})
    assert found["subject"] is None
    assert [(stop["purpose"], stop["cause"]) for stop in found["stops"]] == [("newsletter", "withdrawn")]
    assert (await api.decide("Zoe@Example.com"))["reason"] == "withdrawn"
    [change] = (await api.read("/v1/changes"))["changes"]
    assert change["subjects"] == []
    link = await api.done(
        "/v1/links", {"purpose": "newsletter", "recipients": [{"email": "zoe@example.com"}]}
    )
    assert link["links"][0]["fingerprint"] == change["fingerprint"]


async def test_choices_of_one_call_are_answered_in_their_order(api: Api) -> None:
    wanted = [choice(f"p{n}@example.com", "give" if n % 2 else "refuse") for n in range(20)]
    results = (await api.done("/v1/choices", {"choices": wanted}))["results"]
    assert [result["standing"]["allowed"] for result in results] == [bool(n % 2) for n in range(20)]


async def test_a_subject_is_named_by_any_of_its_names(api: Api) -> None:
    [made] = (
        await api.done("/v1/subjects", {"subjects": [{"email": "ada@example.com", "external_id": "4711"}]})
    )["subjects"]
    for who in ({"id": made["id"]}, {"external_id": "4711"}, {"email": "ada@example.com"}):
        for action, allowed in (("give", True), ("withdraw", False)):
            answer = await api.done("/v1/choices", {"choices": [{**choice("", action), "subject": who}]})
            assert answer["results"][0]["standing"]["allowed"] is allowed
    history = await api.read(f"/v1/subjects/{made['id']}/history")
    assert {entry["subjects"][0] for entry in history["entries"]} == {made["id"]}


async def test_another_spelling_of_a_known_address_is_found_and_said_so(api: Api) -> None:
    await api.choose("Ada.Lovelace@example.com")
    result = await api.choose("ada.lovelace@EXAMPLE.com", "withdraw")
    assert result["matched"] == "spelling"
    assert (await api.decide("ADA.LOVELACE@example.com"))["matched"] == "spelling"


async def test_ids_of_two_people_are_a_conflict_and_nothing_is_recorded(api: Api) -> None:
    people = [
        {"email": "ada@example.com", "external_id": "a"},
        {"email": "bob@example.com", "external_id": "b"},
    ]
    ada, _ = (await api.done("/v1/subjects", {"subjects": people}))["subjects"]
    before = await api.head()
    for who in (
        {"email": "ada@example.com", "external_id": "b"},
        {"id": ada["id"], "external_id": "b"},
        {"id": ada["id"], "email": "bob@example.com"},
    ):
        for path, body in (
            (
                "/v1/choices",
                {"choices": [choice("eve@example.com", "give"), {**choice("", "give"), "subject": who}]},
            ),
            ("/v1/subjects", {"subjects": [{"email": "eve@example.com"}, who]}),
        ):
            answer = await api.post(path, body)
            assert answer.status_code == 409, answer.text
            assert answer.headers["content-type"] == "application/problem+json"
    assert await api.head() == before


async def test_a_known_id_with_a_new_address_is_a_change_of_address(api: Api) -> None:
    old, new = {"email": "old@example.com"}, {"email": "new@example.com"}
    [person] = (await api.done("/v1/subjects", {"subjects": [{**old, "external_id": "4711"}]}))["subjects"]
    await api.choose("old@example.com")
    await api.choose("old@example.com", "object", "offers")
    moved = (await api.done("/v1/subjects", {"subjects": [{**new, "external_id": "4711"}]}))["subjects"]
    assert moved == [person]
    found = await api.done("/v1/subjects/lookup", new)
    assert found["subject"]["id"] == person["id"]
    assert [contact["address"] for contact in found["subject"]["contacts"]] == ["new@example.com"]
    assert (await api.decide("new@example.com"))["reason"] == "never_asked"
    assert (await api.decide("new@example.com", "offers"))["reason"] == "objected"
    assert (await api.done("/v1/subjects/lookup", old))["subject"] is None


@pytest.mark.parametrize(
    ("action", "reason", "status"),
    [
        ("give", "consent", "ConsentGiven"),
        ("refuse", "refused", "ConsentRefused"),
        ("withdraw", "withdrawn", "ConsentWithdrawn"),
        ("defer", "deferred", "ConsentRequestDeferred"),
    ],
)
async def test_each_action_has_its_reason_and_its_status(
    api: Api, action: str, reason: str, status: str
) -> None:
    standing = (await api.choose("ada@example.com", action))["standing"]
    assert (standing["reason"], standing["status"]) == (reason, status)


async def test_a_pause_says_until_when(api: Api) -> None:
    standing = (await api.choose("ada@example.com", "defer", until="2999-01-01T00:00:00Z"))["standing"]
    assert (standing["reason"], standing["until"]) == ("deferred", "2999-01-01T00:00:00Z")


async def test_an_operator_can_stop_and_strike_out_but_not_say_yes(api: Api) -> None:
    refused = await api.choose("ada@example.com", source="operator")
    assert (refused["effect"], refused["standing"]["allowed"]) == ("none", False)
    assert refused["reason"]
    await api.choose("ada@example.com")
    struck = await api.choose(
        "ada@example.com", "invalidate", source="operator", evidence={"reason": "a test entry"}
    )
    assert (struck["effect"], struck["standing"]["reason"]) == ("applied", "invalidated")
    await api.choose("ada@example.com")
    stopped = await api.choose("ada@example.com", "withdraw", source="operator")
    assert stopped["effect"] == "applied"


async def test_facts_beside_a_choice_are_kept(api: Api) -> None:
    subject = {"email": "ada@example.com", "country": "DE", "language": "de"}
    await api.done("/v1/choices", {"choices": [{**choice("", "give"), "subject": subject}]})
    found = await api.done("/v1/subjects/lookup", {"email": "ada@example.com"})
    assert found["subject"]["facts"] == {"country": "DE", "language": "de"}


async def test_a_stop_stated_before_the_yes_does_not_undo_it_when_imported(api: Api) -> None:
    await api.choose("ada@example.com")
    late = await api.choose(
        "ada@example.com", "withdraw", source="import", occurred_at="2026-01-01T00:00:00Z"
    )
    assert (late["effect"], late["standing"]["allowed"]) == ("applied", True)
    at_once = await api.choose("ada@example.com", "withdraw", occurred_at="2026-01-01T00:00:00Z")
    assert (at_once["effect"], at_once["standing"]["allowed"]) == ("applied", False)
