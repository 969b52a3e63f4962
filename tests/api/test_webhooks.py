"""`/v1/webhooks`: endpoints of marketing tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.client import Api, errors_of, open_api, settings_of
from tests.databases import sqlite_copy

URL = "https://example.com/hook"


async def test_an_endpoint_is_made_listed_changed_and_deleted(api: Api) -> None:
    made = await api.done("/v1/webhooks", {"url": URL, "description": "the shop"}, 201)
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert made["events"] == ["choice.recorded"]
    listed = await api.get("/v1/webhooks")
    assert listed.json()["webhooks"] == [made]
    assert secret not in listed.text
    change = {"url": f"{URL}2", "events": ["standing.changed", "choice.recorded"], "description": ""}
    changed = await api.call("PATCH", f"/v1/webhooks/{made['id']}", change)
    assert changed.json() == {**made, **change, "events": ["choice.recorded", "standing.changed"]}
    assert (await api.call("DELETE", f"/v1/webhooks/{made['id']}")).status_code == 204
    assert (await api.call("DELETE", f"/v1/webhooks/{made['id']}")).status_code == 404
    assert (await api.read("/v1/webhooks")) == {"webhooks": []}


async def test_an_empty_change_changes_nothing(api: Api) -> None:
    made = await api.done("/v1/webhooks", {"url": URL}, 201)
    made.pop("secret")
    assert (await api.call("PATCH", f"/v1/webhooks/{made['id']}", {})).json() == made


async def test_an_endpoint_can_be_switched_off_and_on(api: Api) -> None:
    made = await api.done("/v1/webhooks", {"url": URL}, 201)
    for state in ("disabled", "enabled"):
        answer = await api.call("PATCH", f"/v1/webhooks/{made['id']}", {"state": state})
        assert answer.json()["state"] == state


async def test_waiting_deliveries_are_counted_and_go_with_their_endpoint(api: Api) -> None:
    made = await api.done("/v1/webhooks", {"url": URL}, 201)
    await api.choose("ada@example.com")
    [listed] = (await api.read("/v1/webhooks"))["webhooks"]
    assert sum(listed["deliveries"].values()) == 1
    assert (await api.call("DELETE", f"/v1/webhooks/{made['id']}")).status_code == 204
    await api.done("/v1/subjects/lookup", {"email": "ada@example.com"})


REFUSED = [
    "http://example.com/",
    "https://localhost/",
    "https://127.0.0.1/",
    "https://10.0.0.1/",
    "https://[::1]/",
    "https://169.254.169.254/latest",
    "https://2130706433/",
    "https://user:password@example.com/",
    "https://example.com:22/",
    "ftp://example.com/",
    "https://example.com/\u00e4",
    "https://",
    "example.com",
    "",
    "https://example.com/" + "x" * 1990,
]


async def test_an_endpoint_inside_is_refused(local_api: Api) -> None:
    made = await local_api.done("/v1/webhooks", {"url": URL}, 201)
    for url in REFUSED:
        assert errors_of(await local_api.post("/v1/webhooks", {"url": url})) == [(0, "url")], url
        change = await local_api.call("PATCH", f"/v1/webhooks/{made['id']}", {"url": url})
        assert errors_of(change) == [(0, "url")], url
    assert len((await local_api.read("/v1/webhooks"))["webhooks"]) == 1


async def test_an_endpoint_inside_is_taken_where_the_operator_allows_it(
    sqlite_template: Path, tmp_path: Path
) -> None:
    url = sqlite_copy(sqlite_template, tmp_path)
    async with open_api(settings_of(tmp_path, url, ALLOW_PRIVATE_WEBHOOKS="1")) as api:
        await api.done("/v1/webhooks", {"url": "http://127.0.0.1:9000/hook"}, 201)
        assert errors_of(await api.post("/v1/webhooks", {"url": "http://169.254.169.254/"})) == [(0, "url")]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"events": []}, "events"),
        ({"events": ["nope"]}, "events"),
        ({"description": "x" * 201}, "description"),
        ({"state": "gone"}, "state"),
        ({"secret": "whsec_mine"}, "secret"),
    ],
)
async def test_a_bad_field_of_an_endpoint_is_named(
    local_api: Api, change: dict[str, object], field: str
) -> None:
    made = await local_api.done("/v1/webhooks", {"url": URL}, 201)
    [(_, made_wrong)] = errors_of(await local_api.post("/v1/webhooks", {"url": URL, **change}))
    [(_, changed_wrong)] = errors_of(await local_api.call("PATCH", f"/v1/webhooks/{made['id']}", change))
    assert {made_wrong, changed_wrong} == {field}
