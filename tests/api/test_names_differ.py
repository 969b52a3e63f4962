"""`/v1/choices`: a stop that names two people stops both and says so; anything else is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.client import Api


@pytest.fixture
async def ids(api: Api) -> list[str]:
    people = [{"email": f"{name}@example.com", "external_id": name} for name in ("ada", "bob")]
    for person in people:
        await api.choose(person["email"])
    made = await api.done("/v1/subjects", {"subjects": people})
    return [one["id"] for one in made["subjects"]]


def call(action: str, who: dict[str, Any], **more: Any) -> dict[str, Any]:
    choice = {"subject": who, "purpose": "newsletter", "action": action, "source": "operator", **more}
    return {"choices": [choice]}


@pytest.mark.parametrize("action", ["withdraw", "refuse", "object"])
@pytest.mark.parametrize("email", ["new@example.com", "bob@example.com"])
async def test_a_stop_with_an_address_that_is_not_theirs_stops_both_and_says_so(
    api: Api, ids: list[str], action: str, email: str
) -> None:
    who = {"email": email, "external_id": "ada", "country": "DE"}
    [result] = (await api.done("/v1/choices", call(action, who, evidence={"reason": "by phone"})))["results"]
    assert (result["effect"], result["note"]) == ("applied", "names_differ")
    for address in ("ada@example.com", email):
        assert not (await api.decide(address))["allowed"]
    history = (await api.read(f"/v1/subjects/{ids[0]}/history"))["entries"]
    [entry] = [entry for entry in history if entry["entry"] in result["also"]]
    assert entry["evidence"] == {"reason": "by phone", "mismatch": "names_differ"}
    found = await api.done("/v1/subjects/lookup", {"external_id": "ada"})
    assert [contact["address"] for contact in found["subject"]["contacts"]] == ["ada@example.com"]
    assert found["subject"]["facts"] == {}


async def test_a_stop_with_an_id_that_nobody_has_any_more_holds_for_its_address(
    api: Api, ids: list[str]
) -> None:
    who = {"email": "ada@example.com", "id": "0" * 32}
    [result] = (await api.done("/v1/choices", call("withdraw", who)))["results"]
    assert (result["note"], "also" in result) == ("names_differ", False)
    assert (await api.decide("ada@example.com"))["reason"] == "withdrawn"


async def test_what_is_no_stop_is_refused_where_its_names_differ(api: Api, ids: list[str]) -> None:
    before = await api.head()
    who = {"email": "bob@example.com", "external_id": "ada"}
    for action in ("give", "reaffirm", "request", "defer"):
        assert (await api.post("/v1/choices", call(action, who))).status_code == 409
    reason = {"reason": "never signed up"}
    answer = await api.post("/v1/choices", call("invalidate", who, evidence=reason))
    assert answer.status_code == 409
    assert await api.head() == before


async def test_a_stop_that_names_one_person_has_no_note(api: Api, ids: list[str]) -> None:
    who = {"email": "ada@example.com", "external_id": "ada", "id": ids[0]}
    [result] = (await api.done("/v1/choices", call("withdraw", who)))["results"]
    assert "note" not in result
