"""`/v1/links`: signed links that need no database, and none where nothing can be stopped."""

from __future__ import annotations

from urllib.parse import urlsplit

from tests.api.client import Api, errors_of

ADA = {"email": "ada@example.com"}


async def test_a_link_stops_the_mail_it_was_minted_for(api: Api) -> None:
    await api.choose("ada@example.com")
    [link] = (await api.done("/v1/links", {"purpose": "newsletter", "campaign": "nov", "recipients": [ADA]}))[
        "links"
    ]
    assert link["headers"]["List-Unsubscribe"] == f"<{link['unsubscribe_url']}>"
    assert link["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert set(link["headers"]) == {"List-Unsubscribe", "List-Unsubscribe-Post", "List-ID", "Feedback-ID"}
    assert "ada" not in link["unsubscribe_url"] + link["preferences_url"]
    path = urlsplit(link["unsubscribe_url"]).path
    answer = await api.client.post(path, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert (await api.decide("ada@example.com"))["reason"] == "withdrawn"
    person = (await api.done("/v1/subjects/lookup", ADA))["subject"]["id"]
    *_, stop = (await api.read(f"/v1/subjects/{person}/history"))["entries"]
    assert stop["evidence"]["campaign"] == "nov"
    assert stop["fingerprint"] == link["fingerprint"]


async def test_links_come_in_order_and_every_header_in_every_one(api: Api) -> None:
    recipients = [{"email": f"p{n}@example.com"} for n in range(1200)]
    links = (await api.done("/v1/links", {"purpose": "offers", "recipients": recipients}))["links"]
    assert len({link["unsubscribe_url"] for link in links}) == 1200
    one = await api.done("/v1/links", {"purpose": "offers", "recipients": [{"email": "p7@example.com"}]})
    assert links[7]["unsubscribe_url"] == one["links"][0]["unsubscribe_url"]


async def test_minting_creates_nobody_and_works_without_a_database(api: Api) -> None:
    before = await api.head()
    body = {"purpose": "newsletter", "recipients": [ADA]}
    await api.done("/v1/links", body)
    assert await api.head() == before
    assert (await api.done("/v1/subjects/lookup", ADA))["subject"] is None
    # The key was seen a moment ago; nothing else is read.
    await api.services.database.close()
    assert len((await api.done("/v1/links", body))["links"]) == 1


async def test_what_cannot_be_stopped_gets_no_link(local_api: Api) -> None:
    for purpose in ("account", "nope", "*"):
        answer = await local_api.post("/v1/links", {"purpose": purpose, "recipients": [ADA]})
        assert errors_of(answer) == [(0, "purpose")]


async def test_bad_recipients_are_named_and_nothing_is_minted(local_api: Api) -> None:
    recipients = [ADA, {"email": "ada@"}, ADA, {"email": ""}]
    answer = await local_api.post("/v1/links", {"purpose": "newsletter", "recipients": recipients})
    assert errors_of(answer) == [(1, "email"), (3, "email")]


async def test_a_campaign_has_32_characters_at_most(local_api: Api) -> None:
    body = {"purpose": "newsletter", "recipients": [ADA]}
    assert await local_api.done("/v1/links", {**body, "campaign": "ä" * 32})
    for bad in ("x" * 33, "a\tb", "a\n", "\u2028"):
        assert errors_of(await local_api.post("/v1/links", {**body, "campaign": bad})) == [(0, "campaign")]


async def test_what_is_not_offered_yet_is_refused_and_not_ignored(local_api: Api) -> None:
    body = {"purpose": "newsletter", "recipients": [ADA]}
    assert errors_of(await local_api.post("/v1/links", {**body, "for": "session"})) == [(0, "for")]
    assert errors_of(await local_api.post("/v1/links", {**body, "footer": True})) == [(0, "footer")]
    assert (await local_api.post("/v1/links", {**body, "for": "mail"})).status_code == 200
