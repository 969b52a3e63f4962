"""Requests that no operation can take: what is not JSON, no such path, another method, too much."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.client import Api, errors_of

NOT_JSON = [b"", b"{", b"\xff", b"'choices'", b"\xef\xbb\xbf{}"]


async def test_what_is_not_json_is_a_bad_request(local_api: Api) -> None:
    for path in ("/v1/choices", "/v1/subjects", "/v1/decisions", "/v1/links", "/v1/webhooks"):
        for body in NOT_JSON:
            answer = await local_api.post(path, content=body)
            assert answer.status_code == 400, body
            assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("body", [b"[]", b"null", b"7", b'"x"', b'{"choices": null}', b'{"choices": {}}'])
async def test_json_of_another_shape_names_the_field(local_api: Api, body: bytes) -> None:
    [(index, field)] = errors_of(await local_api.post("/v1/choices", content=body))
    assert index == 0
    assert field == ("choices" if b"choices" in body else "body")


@pytest.mark.parametrize("opening", [b"[", b'{"choices":', b'{"evidence":'])
async def test_a_body_nested_without_end_is_refused(local_api: Api, opening: bytes) -> None:
    start = b'{"choices":[{"subject":{"relationship":'
    for body in (opening * 100_000, start + opening * 100_000):
        assert (await local_api.post("/v1/choices", content=body)).status_code in (400, 422)


async def test_a_body_over_16_mib_is_too_large(local_api: Api) -> None:
    body = b" " * (16 * 1024 * 1024 - 2) + b"{}"
    assert (await local_api.post("/v1/choices", content=body)).status_code == 422
    answer = await local_api.post("/v1/choices", content=body + b" ")
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"

    async def without_a_length() -> Any:
        for _ in range(17):
            yield b" " * 1024 * 1024

    assert (await local_api.post("/v1/choices", content=without_a_length())).status_code == 413


async def test_an_id_of_any_bytes_in_a_path_is_not_found(api: Api) -> None:
    for id_ in ("%00", "%FF", "%ED%A0", "x", "%0A" + "0" * 31, "0" * 32 + "%0A", "0" * 5000, "é"):
        calls = [
            ("GET", f"/v1/subjects/{id_}", None),
            ("GET", f"/v1/subjects/{id_}/history", None),
            ("DELETE", f"/v1/webhooks/{id_}", None),
            ("PATCH", f"/v1/webhooks/{id_}", {"description": "x"}),
            ("PATCH", f"/v1/webhooks/{id_}", {}),
        ]
        for method, path, body in calls:
            answer = await api.call(method, path, body)
            assert answer.status_code == 404
            assert answer.headers["content-type"] == "application/problem+json"


async def test_an_unknown_route_is_a_problem(local_api: Api) -> None:
    for path in ("/v1", "/v1/", "/v1/nothing", "/v1/purposes/x", "/v1/subjects/a/b/c"):
        for method in ("GET", "HEAD", "POST", "DELETE", "OPTIONS"):
            answer = await local_api.call(method, path)
            assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/purposes", {"GET", "HEAD"}),
        ("GET", "/v1/choices", {"POST"}),
        ("HEAD", "/v1/choices", {"POST"}),
        ("OPTIONS", "/v1/choices", {"POST"}),
        ("PUT", "/v1/webhooks", {"GET", "HEAD", "POST"}),
        ("OPTIONS", "/v1/webhooks", {"GET", "HEAD", "POST"}),
        ("POST", f"/v1/webhooks/{'0' * 32}", {"DELETE", "PATCH"}),
        ("TRACE", "/v1/openapi.json", {"GET", "HEAD"}),
    ],
)
async def test_another_method_is_answered_with_those_that_are_allowed(
    local_api: Api, method: str, path: str, allowed: set[str]
) -> None:
    answer = await local_api.call(method, path)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == allowed
    assert answer.headers["content-type"] == "application/problem+json"


async def test_head_answers_as_get_does(local_api: Api) -> None:
    got, head = await local_api.get("/v1/purposes"), await local_api.call("HEAD", "/v1/purposes")
    assert (head.status_code, head.headers["content-type"]) == (200, "application/json")
    assert head.headers["content-length"] == str(len(got.content))


NO_NUMBERS = ["", "x", "-1", "1.0", "1%00", "%D9%A1", "9" * 19, "9" * 5000]


async def test_a_cursor_or_limit_that_is_none_is_refused(local_api: Api) -> None:
    after = [("after", value) for value in NO_NUMBERS]
    limit = [("limit", value) for value in [*NO_NUMBERS, "0", "1001"]]
    for name, value in after + limit:
        answer = await local_api.get(f"/v1/changes?{name}={value}")
        assert answer.status_code == 422
        assert name in answer.json()["detail"]


async def test_the_last_cursor_of_all_is_taken(api: Api) -> None:
    page = await api.read(f"/v1/changes?after={2**53 - 1}&limit=1000")
    assert page == {"changes": [], "next": str(2**53 - 1), "more": False}
