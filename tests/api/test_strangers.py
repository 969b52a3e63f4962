"""What others may try: nothing turns a stop into a yes, and nobody acts on what is not theirs."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.api.client import Api, errors_of

ADA = {"email": "ada@example.com", "external_id": "ada"}
MOVED = {"email": "ada@example.net", "external_id": "ada"}
OLD_EVIDENCE = {
    "source": "import",
    "occurred_at": "2020-01-01T00:00:00Z",
    "evidence": {"wording": "Yes, please."},
}


async def gives(api: Api, subject: dict[str, Any], **more: Any) -> Any:
    choice = {"subject": subject, "purpose": "newsletter", "action": "give", "source": "form", **more}
    return (await api.done("/v1/choices", {"choices": [choice]}))["results"][0]


async def path_of(api: Api, kind: str, email: str = "ada@example.com", purpose: str = "newsletter") -> str:
    links = await api.done("/v1/links", {"purpose": purpose, "recipients": [{"email": email}]})
    url: str = links["links"][0][kind]
    return re.sub(r"^https?://[^/]+", "", url)


async def presses(api: Api, path: str, **form: str) -> str:
    response = await api.client.post(path, data=form)
    assert response.status_code == 200
    return response.text


def undo_in(text: str) -> str | None:
    found = re.search(r'name="undo" value="([^"]+)"', text)
    return found[1] if found else None


async def reason(api: Api, email: str = "ada@example.com") -> str:
    found: str = (await api.decide(email, "newsletter"))["reason"]
    return found


async def test_an_import_that_moves_the_address_does_not_revive_a_stop(api: Api) -> None:
    await gives(api, ADA)
    await presses(api, await path_of(api, "unsubscribe_url"), **{"List-Unsubscribe": "One-Click"})
    assert (await gives(api, MOVED, **OLD_EVIDENCE))["effect"] == "none"
    assert await reason(api, "ada@example.net") == "withdrawn"


async def test_an_old_preferences_link_does_not_open_the_next_owner_of_the_address(api: Api) -> None:
    await gives(api, ADA)
    link = await path_of(api, "preferences_url")
    await api.done("/v1/subjects", {"subjects": [MOVED]})
    await api.done("/v1/subjects", {"subjects": [{"email": "ada@example.com", "external_id": "next"}]})
    assert (await api.client.get(link)).status_code == 404


@pytest.mark.parametrize("source", ["operator", "form"])
async def test_pressing_stop_again_does_not_let_a_stranger_undo_what_stood_already(
    api: Api, source: str
) -> None:
    await gives(api, ADA)
    await api.choose("ada@example.com", "withdraw", "newsletter", source=source)
    path = await path_of(api, "unsubscribe_url")
    token = undo_in(await presses(api, path, stop="purpose"))
    assert token is not None
    await presses(api, path, undo=token)
    assert await reason(api) == "withdrawn"


async def test_pressing_stop_twice_on_the_page_still_offers_the_undo(api: Api) -> None:
    await gives(api, ADA)
    path = await path_of(api, "unsubscribe_url")
    await presses(api, path, stop="purpose")
    token = undo_in(await presses(api, path, stop="purpose"))
    assert token is not None
    await presses(api, path, undo=token)
    assert await reason(api) == "consent"


async def test_an_undo_works_on_the_link_it_was_given_to_only(api: Api) -> None:
    await gives(api, ADA)
    token = undo_in(await presses(api, await path_of(api, "unsubscribe_url"), stop="purpose"))
    assert token is not None
    await presses(api, await path_of(api, "unsubscribe_url", "eve@example.com"), undo=token)
    assert await reason(api) == "withdrawn"


async def test_a_form_that_says_stop_and_undo_stops(api: Api) -> None:
    await gives(api, ADA)
    path = await path_of(api, "unsubscribe_url")
    token = undo_in(await presses(api, path, stop="purpose"))
    assert token is not None
    await presses(api, path, stop="purpose", undo=token)
    assert await reason(api) == "withdrawn"


async def test_only_the_person_ends_their_pause_early(api: Api) -> None:
    await gives(api, ADA)
    await api.choose("ada@example.com", "defer", "newsletter", until="2990-01-01T00:00:00Z")
    shorter = await api.choose(
        "ada@example.com", "defer", "newsletter", source="system", until="2989-01-01T00:00:00Z"
    )
    assert (shorter["effect"], shorter["reason"]) == ("none", "shorter_than_pause")
    assert await reason(api) == "deferred"


async def test_a_pause_that_is_over_already_is_refused(api: Api) -> None:
    await gives(api, ADA)
    choice = {"subject": ADA, "purpose": "newsletter", "action": "defer", "source": "form"}
    response = await api.post("/v1/choices", {"choices": [{**choice, "until": "2001-01-01T00:00:00Z"}]})
    assert (response.status_code, errors_of(response)) == (422, [(0, "until")])


@pytest.mark.parametrize("other", [{"email": "ADA@example.com"}, {"external_id": "ada"}])
async def test_one_person_under_two_names_cannot_say_two_things_in_one_call(
    api: Api, other: dict[str, str]
) -> None:
    await gives(api, ADA)
    before = await api.head()
    said = {"purpose": "newsletter", "source": "form"}
    choices = [
        {**said, "subject": {"email": "ada@example.com"}, "action": "withdraw"},
        {**said, "subject": other, "action": "give"},
    ]
    response = await api.post("/v1/choices", {"choices": choices})
    assert (response.status_code, errors_of(response)) == (422, [(1, "subject")])
    assert await api.head() == before


async def test_a_yes_from_elsewhere_needs_the_right_to_attest(api: Api) -> None:
    key = await api.key("choices:write")
    choice = {
        "subject": {"email": "ada@example.com"},
        "purpose": "newsletter",
        "action": "give",
        "source": "import",
        "occurred_at": "2026-01-01T00:00:00Z",
        "evidence": {"wording": "Send me the newsletter"},
    }
    assert (await api.post("/v1/choices", {"choices": [choice]}, key=key)).status_code == 403
    stop = {**choice, "action": "withdraw"}
    assert (await api.post("/v1/choices", {"choices": [stop]}, key=key)).status_code == 200


async def test_not_to_know_an_age_takes_back_nothing_that_is_known(api: Api) -> None:
    await api.done("/v1/subjects", {"subjects": [{**ADA, "country": "US", "age_band": "under_13"}]})
    await api.done("/v1/subjects", {"subjects": [{**ADA, "age_band": "unknown"}]})
    await api.choose("ada@example.com")
    assert (await api.decide("ada@example.com"))["reason"] == "minor"
