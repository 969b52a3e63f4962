"""`Idempotency-Key`: the same request again has one effect and gets the first answer again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.client import Api

CHOICE = {
    "subject": {"email": "ada@example.com"},
    "purpose": "newsletter",
    "action": "give",
    "source": "form",
}

CALLS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "/v1/choices": ({"choices": [CHOICE]}, {"choices": [{**CHOICE, "action": "refuse"}]}),
    "/v1/subjects": (
        {"subjects": [{"email": "ada@example.com"}]},
        {"subjects": [{"email": "ada@example.com", "country": "DE"}]},
    ),
    "/v1/webhooks": ({"url": "https://example.com/hook"}, {"url": "https://example.com/other"}),
}


async def effects(api: Api) -> tuple[int, int]:
    return await api.head(), len((await api.read("/v1/webhooks"))["webhooks"])


@pytest.mark.parametrize("path", CALLS)
async def test_a_repeated_request_gets_the_same_bytes_and_has_one_effect(api: Api, path: str) -> None:
    body, other = CALLS[path]
    first = await api.post(path, body, headers={"Idempotency-Key": "order-4711"})
    after = await effects(api)
    assert "idempotent-replayed" not in first.headers
    for key in ("order-4711", '"order-4711"'):
        again = await api.post(path, body, headers={"Idempotency-Key": key})
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers["idempotent-replayed"] == "true"
    reused = await api.post(path, other, headers={"Idempotency-Key": "order-4711"})
    assert (reused.status_code, reused.headers["content-type"]) == (422, "application/problem+json")
    assert "Idempotency-Key" in reused.json()["detail"]
    assert await effects(api) == after
    assert (await api.post(path, other, headers={"Idempotency-Key": "order-4712"})).is_success
    assert await effects(api) != after


@pytest.mark.parametrize("path", CALLS)
async def test_the_same_key_at_the_same_moment_has_one_effect(api: Api, path: str) -> None:
    headers = {"Idempotency-Key": "at-once"}
    answers = await asyncio.gather(*(api.post(path, CALLS[path][0], headers=headers) for _ in range(8)))
    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    assert answers[0].is_success
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert 1 in await effects(api)


async def test_the_first_answer_is_given_also_where_the_request_would_be_refused_by_now(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=30)
    body = {"choices": [{**CHOICE, "action": "defer", "until": soon.isoformat()}]}
    first = await api.post("/v1/choices", body, headers={"Idempotency-Key": "pause"})
    assert first.status_code == 200, first.text
    monkeypatch.setattr(api.app.state.web, "now", lambda: soon + timedelta(seconds=1))
    again = await api.post("/v1/choices", body, headers={"Idempotency-Key": "pause"})
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    other = {"choices": [{**body["choices"][0], "channel": "email"}]}
    assert (await api.post("/v1/choices", other, headers={"Idempotency-Key": "pause"})).status_code == 422
    assert (await api.post("/v1/choices", body, headers={"Idempotency-Key": "new"})).status_code == 422


async def test_a_key_is_bound_to_the_path(api: Api) -> None:
    headers = {"Idempotency-Key": "one"}
    await api.done("/v1/subjects", CALLS["/v1/subjects"][0], headers=headers)
    assert (await api.post("/v1/choices", CALLS["/v1/choices"][0], headers=headers)).status_code == 422


async def test_each_api_key_has_idempotency_keys_of_its_own(api: Api) -> None:
    body, other = CALLS["/v1/subjects"]
    await api.done("/v1/subjects", body, headers={"Idempotency-Key": "one"})
    key = await api.key("subjects:write")
    answer = await api.post("/v1/subjects", other, key=key, headers={"Idempotency-Key": "one"})
    assert (answer.status_code, "idempotent-replayed" in answer.headers) == (200, False)


async def test_a_refused_request_does_not_use_its_key_up(api: Api) -> None:
    headers = {"Idempotency-Key": "again"}
    bad = {"choices": [{**CHOICE, "purpose": "nope"}]}
    assert (await api.post("/v1/choices", bad, headers=headers)).status_code == 422
    await api.done("/v1/choices", {"choices": [CHOICE]}, headers=headers)


@pytest.mark.parametrize("key", [b"", b'""', b'"', b"x" * 256, b'"open', b"a b", b"\xe4", b"a\x7f"])
async def test_a_key_that_is_none_is_refused(local_api: Api, key: bytes) -> None:
    before = await local_api.head()
    headers = [(b"authorization", f"Bearer {local_api.secret}".encode()), (b"idempotency-key", key)]
    answer = await local_api.client.post("/v1/choices", json={"choices": [CHOICE]}, headers=headers)
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["detail"]
    assert await local_api.head() == before


async def test_the_longest_key_works(local_api: Api) -> None:
    headers = {"Idempotency-Key": f'"{"x" * 255}"'}
    await local_api.done("/v1/choices", {"choices": [CHOICE]}, headers=headers)
