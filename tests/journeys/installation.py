"""An installation: a folder with its settings, a database, and the processes that run on them."""

import random
import secrets
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefcenter.domain.addresses import Fingerprinter, parse_email
from prefcenter.links import Links, StopLink
from prefcenter.starter import config_text
from prefcenter.storage.database import database_for
from prefcenter.storage.endpoints import ADD_WEBHOOK, new_webhook, webhook_row
from prefcenter.storage.outbox import EVENTS
from prefcenter.storage.vault import Vault
from tests.journeys.http import Client, NoAnswer
from tests.journeys.processes import PATIENCE, Process, until

# Below the range from which the system gives ports to outgoing connections: nobody may take ours while it
# is between two lives, and no client may be connected to itself.
PORTS = range(20_000, 32_000)


def free_port() -> int:
    for port in random.sample(PORTS, 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise RuntimeError("no free port")


@dataclass
class Installation:
    folder: Path
    database_url: str
    port: int = field(default_factory=free_port)
    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    pepper: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    processes: list[Process] = field(default_factory=list)
    more_environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "prefcenter.toml").write_text(config_text())
        self.links = Links([self.secret_key.encode()])
        self.fingerprinter = Fingerprinter(self.pepper.encode())
        self.vault = Vault([self.secret_key.encode()])

    @property
    def embedded(self) -> bool:
        return self.database_url.startswith("sqlite:")

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environ(self) -> dict[str, str]:
        return {
            "PREFCENTER_SECRET_KEYS": self.secret_key,
            "PREFCENTER_PEPPER": self.pepper,
            "PREFCENTER_DATABASE_URL": self.database_url,
            "PREFCENTER_BASE_URL": self.base_url,
            "PREFCENTER_ALLOW_PRIVATE_WEBHOOKS": "1",
            **self.more_environ,
        }

    @property
    def output(self) -> str:
        """All that its processes have printed."""
        return "".join(process.output for process in self.processes)

    async def start(self, *arguments: str) -> Process:
        process = await Process.start(self.folder, self.environ, *arguments)
        self.processes.append(process)
        return process

    async def serve(self, *options: str) -> Process:
        """A web process that is ready to record."""
        process = await self.start("serve", "--port", str(self.port), *options)

        async def ready() -> bool:
            assert not process.ended, process.output
            async with Client(self.port) as client:
                try:
                    return (await client.send("GET", "/readyz")).status == 200
                except NoAnswer:
                    return False

        await until(ready, "ready to serve")
        return process

    async def work(self) -> Process:
        """A worker process that has begun to look for work."""
        process = await self.start("work")

        async def works() -> bool:
            assert not process.ended, process.output
            return "working" in process.output

        await until(works, "working")
        return process

    async def run(self, *arguments: str) -> str:
        """A command to its good end; returns what it printed."""
        process = await self.start(*arguments)
        assert await process.wait(10 * PATIENCE) == 0, process.output
        return process.output

    async def end(self) -> None:
        for process in self.processes:
            if not process.ended:
                await process.kill()

    def wide(self, address: str) -> bytes:
        return self.fingerprinter.of_email(parse_email(address)).wide

    def stop_path(self, address: str, purpose: str = "newsletter") -> str:
        return f"/u/{self.links.stop(StopLink(self.wide(address), purpose))}"

    async def add_webhook(self, url: str, secret: str, *, events: Sequence[str] = EVENTS) -> str:
        """Behind the back of the API; returns the endpoint's id."""
        webhook = new_webhook(url=url, events=events, description="a test's tool", now=datetime.now(UTC))
        database = database_for(self.database_url)
        await database.open()
        async with database.write() as tx:
            await tx.many(ADD_WEBHOOK, [webhook_row(webhook, secret, self.vault)])
        await database.close()
        return webhook.id

    async def rows(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        database = database_for(self.database_url)
        await database.open()
        try:
            async with database.write() as tx:
                return [tuple(row) for row in await tx.fetch(sql, *args)]
        finally:
            await database.close()

    async def let_leases_run_out(self) -> None:
        """As if the time had passed: what a dead worker held, and what waits for its next try, is due."""
        await self.rows("UPDATE delivery SET next_at = 0 WHERE state = 'pending'")

    async def deliveries_end(self, seconds: float = PATIENCE) -> None:
        """Wait until nothing is pending."""

        async def ended() -> bool:
            return await self.rows("SELECT count(*) FROM delivery WHERE state = 'pending'") == [(0,)]

        await until(ended, "every delivery ended", seconds)


@asynccontextmanager
async def installed(folder: Path, database_url: str) -> AsyncIterator[Installation]:
    installation = Installation(folder, database_url)
    try:
        yield installation
    finally:
        await installation.end()
