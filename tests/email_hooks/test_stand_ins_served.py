"""A stand-in as a process: an operator tries a connection without an account."""

import asyncio
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from email_hooks import PROVIDERS
from email_hooks.request import HookRequest
from email_hooks.stand_ins.registry import STAND_INS
from prefcenter.worker.provider_http import ProviderHttp
from tests.worker.receivers import receiver, says

OK = says(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
ADA = "ada@example.com"


@asynccontextmanager
async def started(*arguments: str) -> AsyncIterator[tuple[dict[str, Any], asyncio.subprocess.Process]]:
    """The connection that it prints, and the process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "email_hooks.stand_ins",
        *arguments,
        "--port",
        "0",
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        printed = b""
        while b"acts as a recipient" not in printed:
            line = await asyncio.wait_for(process.stdout.readline(), 30)
            assert line, "it ended"
            printed += line
        connection = tomllib.loads(printed.decode())["connections"]["trial"]
        yield connection | {"at": printed.decode().split("# ")[1].split("/_person")[0]}, process
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.parametrize("name", sorted(STAND_INS))
async def test_what_it_prints_is_a_connection_that_works(name: str) -> None:
    async with started(name) as (connection, _), ProviderHttp(private=connection["private"]) as http:
        assert connection["provider"] == name
        scope = connection["purposes"]["newsletter"]
        provider, config = PROVIDERS[name], connection | {"scopes": (scope,)}
        assert await provider.problems(http, config) == []
        await provider.push(http, config, scope, [ADA], stop=True)


async def test_a_recipient_acts_there_and_its_webhook_is_authentic() -> None:
    async with receiver(OK) as here, started("sendgrid", "--hook", here.url) as (connection, process):
        async with httpx2.AsyncClient(trust_env=False) as client:
            person = f"{connection['at']}/_person/unsubscribe"
            wrong = await client.post(person, params={"address": ADA, "scope": "group:unheard-of"})
            done = await client.post(person, params={"address": ADA, "scope": "group:10"})
        assert (wrong.status_code, done.status_code) == (400, 200)
        assert process.stdout is not None
        assert b"answered 200" in await asyncio.wait_for(process.stdout.readline(), 30)
        [(_, headers, body)] = here.requests
        request = HookRequest(method="POST", url=here.url, headers=headers, body=body)
        provider = PROVIDERS["sendgrid"]
        provider.verify(request, connection, datetime.now(UTC))
        [event] = provider.parse(request, connection)
        assert (event.address, event.scope) == (ADA, "group:10")
        async with ProviderHttp(private=True) as http:
            pages = [page async for page in provider.suppressed(http, connection, "group:10")]
        assert [one.address for page in pages for one in page] == [ADA]
