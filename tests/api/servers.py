"""The service as it runs in production: `prefcenter serve` in a process of its own, on a free port."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

from prefcenter.settings import Settings
from tests.api.client import SECRETS
from tests.journeys.processes import Process, until


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[str]:
    """Its URL, once it answers. The settings' folder must hold its prefcenter.toml."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environ = {**SECRETS, "PREFCENTER_DATABASE_URL": settings.database_url, "PREFCENTER_BASE_URL": url}
    arguments = ("serve", "--port", str(port), "--no-worker")
    process = await Process.start(settings.config.parent, environ, *arguments)
    try:
        async with httpx2.AsyncClient(base_url=url) as client:

            async def answers() -> bool:
                assert not process.ended, process.output
                try:
                    return (await client.get("/readyz")).status_code == 200
                except httpx2.TransportError:
                    return False

            await until(answers, "the server answers")
        yield url
        await process.stop()
    finally:
        if not process.ended:
            await process.kill()
