"""What only a real server process shows: the API over a socket, with bytes as a client sends them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2

from tests.api.client import ADA, open_api, settings_of
from tests.api.servers import serving
from tests.databases import sqlite_copy


async def test_a_choice_over_a_socket_is_decided_on_after_a_restart(
    database_url: str, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path, database_url)
    async with open_api(settings) as api:
        headers = {"Authorization": f"Bearer {api.secret}", "Idempotency-Key": "once"}
    choice = {"subject": ADA, "purpose": "newsletter", "action": "give", "source": "form"}
    answers = []
    for _ in range(2):
        async with serving(settings) as url, httpx2.AsyncClient(base_url=url, headers=headers) as client:
            answers.append(await client.post("/v1/choices", json={"choices": [choice]}))
            asked = {"purpose": "newsletter", "recipients": [ADA]}
            decisions = (await client.post("/v1/decisions", json=asked)).json()["decisions"]
            assert [decision["reason"] for decision in decisions] == ["consent"]
            assert len((await client.get("/v1/changes")).json()["changes"]) == 1
    assert answers[0].content == answers[1].content
    assert answers[1].headers["idempotent-replayed"] == "true"


REQUESTS = [
    (b"POST /v1/choices HTTP/1.1\r\nContent-Length: 16777217\r\n", 413),
    (b"GET /v1/subjects/\xff HTTP/1.1\r\n", 400),
    (b"GET /v1/subjects/%00 HTTP/1.1\r\n", 404),
    (b"BREW /v1/choices HTTP/1.1\r\n", 400),
    (b"GET /v1/purposes HTTP/1.1\r\nAuthorization: Bearer \xff\xfe\r\n", 401),
    (b"GET /v1/purposes HTTP/1.1\r\n", 200),
]


async def test_bytes_that_no_client_library_would_send(sqlite_template: Path, tmp_path: Path) -> None:
    settings = settings_of(tmp_path, sqlite_copy(sqlite_template, tmp_path))
    async with open_api(settings) as api:
        key = api.secret
    async with serving(settings) as url:
        answers = [await first_line(url, request, key) for request, _ in REQUESTS]
    assert [int(line.split()[1]) for line in answers] == [status for _, status in REQUESTS]


async def first_line(url: str, request: bytes, key: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    if b"Authorization" not in request:
        request += f"Authorization: Bearer {key}\r\n".encode()
    writer.write(request + b"Host: localhost\r\nConnection: close\r\n\r\n")
    line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return line
