"""Who may call what: one uniform answer without a working key, and one scope for each operation."""

from __future__ import annotations

import httpx2
import pytest

from prefcenter.bootstrap import utc_now
from prefcenter.storage.keys import SCOPES, Key, find_key, revoke_key
from prefcenter.web.api.operations import OPERATIONS, Operation
from tests.api.client import Api, scopes_without

UNKNOWN = "0" * 32


async def call(api: Api, operation: Operation, authorization: bytes | None) -> httpx2.Response:
    headers = [] if authorization is None else [(b"Authorization", authorization)]
    path = operation.path.replace("{id}", UNKNOWN)
    content = b"{}" if operation.takes else None
    return await api.client.request(operation.method, path, headers=headers, content=content)


@pytest.mark.parametrize(
    "authorization", [None, b"", b"Bearer", b"Bearer ", b"Bearer pc_no", b"Basic cGM6", b"Bearer \xe9"]
)
async def test_without_a_working_key_every_operation_gives_the_same_answer(
    local_api: Api, authorization: bytes | None
) -> None:
    answers = [await call(local_api, operation, authorization) for operation in OPERATIONS]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.headers["www-authenticate"] for answer in answers} == {"Bearer"}
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}
    assert len({answer.content for answer in answers}) == 1


async def test_a_wrong_key_and_none_at_all_cannot_be_told_apart(local_api: Api) -> None:
    none = await call(local_api, OPERATIONS[0], None)
    wrong = await call(local_api, OPERATIONS[0], f"Bearer {local_api.secret}x".encode())
    assert (none.status_code, none.content) == (wrong.status_code, wrong.content)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: f"{o.method} {o.path}")
async def test_every_operation_needs_its_scope(local_api: Api, operation: Operation) -> None:
    key = await local_api.key(*scopes_without(operation.scope))
    answer = await call(local_api, operation, f"Bearer {key}".encode())
    assert answer.status_code == 403
    assert operation.scope in answer.json()["detail"]
    only = await local_api.key(operation.scope)
    assert (await call(local_api, operation, f"bearer {only}".encode())).status_code in (200, 404, 422)


def test_every_scope_of_an_operation_can_be_given_to_a_key() -> None:
    assert {operation.scope for operation in OPERATIONS} <= set(SCOPES)


async def test_a_revoked_key_stops_working(api: Api) -> None:
    key = await api.key("decisions:read")
    await revoke_key((await key_of(key)).name, utc_now())
    assert (await api.get("/v1/purposes", key=key)).status_code == 401


async def test_a_key_in_use_stops_working_within_a_second_of_its_end(
    local_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("prefcenter.web.api.auth.time.monotonic", lambda: clock[0])
    key = await local_api.key("decisions:read")
    assert (await local_api.get("/v1/purposes", key=key)).status_code == 200
    await revoke_key((await key_of(key)).name, utc_now())
    clock[0] += 1.0
    assert (await local_api.get("/v1/purposes", key=key)).status_code == 401


async def key_of(secret: str) -> Key:
    found = await find_key(secret)
    assert found is not None
    return found


async def test_a_scope_is_asked_for_before_the_body_is_judged(local_api: Api) -> None:
    key = await local_api.key("decisions:read")
    assert (await local_api.post("/v1/choices", content=b"{", key=key)).status_code == 403


async def test_a_form_needs_the_right_to_attest(api: Api) -> None:
    key = await api.key("choices:write")
    before = await api.head()
    choice = {
        "subject": {"email": "ada@example.com"},
        "purpose": "newsletter",
        "action": "give",
        "source": "form",
    }
    answer = await api.post("/v1/choices", {"choices": [choice]}, key=key)
    assert answer.status_code == 403
    assert "choices:attest" in answer.json()["detail"]
    assert await api.head() == before


@pytest.mark.parametrize("more", [{"country": "DE"}, {"external_id": "4711"}])
async def test_facts_and_ids_beside_a_choice_need_the_right_to_write_subjects(
    api: Api, more: dict[str, str]
) -> None:
    key = await api.key("choices:write", "choices:attest")
    before = await api.head()
    subject = {"email": "ada@example.com", **more}
    choice = {"subject": subject, "purpose": "newsletter", "action": "give", "source": "form"}
    answer = await api.post("/v1/choices", {"choices": [choice]}, key=key)
    assert answer.status_code == 403
    assert "subjects:write" in answer.json()["detail"]
    assert await api.head() == before
