"""`/v1/choices` with action "request": pending until the mailbox confirms it, and nothing is pretended."""

from typing import Any

import pytest

from prefcenter.storage.mail_queue import MailQueue
from tests.api.client import Api, errors_of

SOURCES = ("form", "operator", "agent", "email_request", "import", "system")
ZOE = "zoe@example.com"


async def mails(api: Api) -> dict[str, int]:
    return (await MailQueue(api.services.database).counts()).get("confirm", {})


async def test_it_waits_and_its_mail_is_in_the_queue_with_no_server_to_send_it(api: Api) -> None:
    assert api.services.settings.smtp_url is None
    result = await api.choose(ZOE, "request")
    assert (result["effect"], result["reason"]) == ("pending", "needs_confirmation")
    assert result["standing"]["status"] == "ConsentRequested"
    assert (result["standing"]["allowed"], result["standing"]["reason"]) == (False, "requested")
    assert await mails(api) == {"pending": 1}
    assert (await api.decide(ZOE))["reason"] == "requested"


@pytest.mark.parametrize("source", SOURCES)
async def test_anybody_may_ask_for_the_person_to_be_asked(local_api: Api, source: str) -> None:
    assert (await local_api.choose(ZOE, "request", source=source))["effect"] == "pending"
    assert await mails(local_api) == {"pending": 1}


async def test_a_thousand_people_get_a_mail_each(api: Api) -> None:
    choices = [
        {
            "subject": {"email": f"p{number % 500}@example.com"},
            "purpose": "newsletter" if number < 500 else "partner-offers",
            "action": "request",
            "source": "form",
        }
        for number in range(1000)
    ]
    results = (await api.done("/v1/choices", {"choices": choices}))["results"]
    assert {result["effect"] for result in results} == {"pending"}
    assert await mails(api) == {"pending": 500}


async def test_a_repeated_call_asks_once(api: Api) -> None:
    body = {"choices": [request_for(ZOE)]}
    headers = {"Idempotency-Key": "sign-up-1"}
    first = await api.post("/v1/choices", body, headers=headers)
    again = await api.post("/v1/choices", body, headers=headers)
    assert first.content == again.content and again.headers["idempotent-replayed"] == "true"
    assert await mails(api) == {"pending": 1}
    [anew] = (await api.done("/v1/choices", body))["results"]
    assert (anew["effect"], anew["reason"]) == ("none", "asked_recently")
    assert await mails(api) == {"pending": 1}


async def test_a_yes_that_counts_is_not_asked_again(local_api: Api) -> None:
    await local_api.choose(ZOE)
    result = await local_api.choose(ZOE, "request")
    assert (result["effect"], result["reason"]) == ("none", "already_given")
    assert result["standing"]["allowed"] is True
    assert await mails(local_api) == {}


async def test_a_form_over_an_objection_asks_by_itself(api: Api) -> None:
    await api.choose(ZOE, "object", "*")
    result = await api.choose(ZOE)
    assert (result["effect"], result["reason"]) == ("pending", "needs_confirmation")
    assert await mails(api) == {"pending": 1}


async def test_one_bad_item_asks_nobody(api: Api) -> None:
    bad = {"choices": [request_for(ZOE), request_for("zoe@@example.com")]}
    assert errors_of(await api.post("/v1/choices", bad)) == [(1, "subject.email")]
    assert await mails(api) == {}


def request_for(email: str) -> dict[str, Any]:
    return {"subject": {"email": email}, "purpose": "newsletter", "action": "request", "source": "form"}
