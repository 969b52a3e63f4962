"""When something breaks: an unreachable database is a 503 that says when to try again, never a yes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from prefcenter.web.api.examples import EXAMPLES
from prefcenter.web.api.operations import OPERATIONS
from tests.api.client import Api, open_api, settings_of
from tests.databases import postgres_copy
from tests.postgres import PostgresServer


async def test_without_its_database_every_operation_says_to_try_again(
    postgres_server: PostgresServer, postgres_template: str, tmp_path: Path
) -> None:
    copies = postgres_copy(postgres_server, postgres_template)
    settings = settings_of(tmp_path, next(copies))
    async with open_api(settings) as api:
        never_seen = await api.key(*{operation.scope for operation in OPERATIONS})
        assert (await api.get("/v1/purposes")).status_code == 200
        postgres_server.stop()
        for key in (api.secret, never_seen):
            for operation in OPERATIONS:
                path = operation.path.replace("{id}", "0" * 32)
                body = EXAMPLES.get((operation.method, operation.path))
                answer = await api.call(operation.method, path, body, key=key)
                said = f"{operation.method} {path}: {answer.status_code}"
                if key == api.secret and path in ("/v1/purposes", "/v1/links"):
                    continue
                assert answer.status_code == 503, said
                assert answer.headers["content-type"] == "application/problem+json"
                assert int(answer.headers["retry-after"]) > 0
        postgres_server.start()
        assert (await api.choose("ada@example.com"))["effect"] == "applied"
    next(copies, None)


async def test_a_fault_of_ours_is_a_problem_that_says_nothing(
    local_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("secret@example.com")

    monkeypatch.setattr("prefcenter.web.api.reading.minter", broken)
    transport = httpx2.ASGITransport(app=local_api.app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as local_api.client:
        answer = await local_api.post("/v1/links", EXAMPLES["POST", "/v1/links"])
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in answer.text
