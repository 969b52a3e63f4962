"""A marketing tool's webhook endpoint: keeps what it hears, and misbehaves when told to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from tests.journeys.http import read_message
from tests.journeys.processes import until


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """One request. `at` is when it was here."""

    headers: dict[str, str]
    body: bytes
    at: datetime

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, object]:
        event: dict[str, object] = msgspec.json.decode(self.body)
        return event


async def accept(heard: Heard) -> int | None:
    return 204


@dataclass
class Receiver:
    """`behave` answers with a status, with None by hanging up, or not at all."""

    port: int = 0
    heard: list[Heard] = field(default_factory=list)
    behave: Callable[[Heard], Awaitable[int | None]] = accept

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhooks"

    @property
    def bodies_by_id(self) -> dict[str, set[bytes]]:
        found: dict[str, set[bytes]] = {}
        for one in self.heard:
            found.setdefault(one.id, set()).add(one.body)
        return found

    async def has_heard(self, number: int) -> None:
        """Wait until there were so many requests."""

        async def enough() -> bool:
            return len(self.heard) >= number

        await until(enough, f"{number} webhooks")

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                _, headers, body = await read_message(reader)
                heard = Heard(headers=headers, body=body, at=datetime.now(UTC))
                self.heard.append(heard)
                status = await self.behave(heard)
                if status is None:
                    return
                writer.write(f"HTTP/1.1 {status} Told\r\ncontent-length: 0\r\n\r\n".encode())
        except (OSError, EOFError):
            return
        finally:
            writer.transport.abort()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    conversations: set[asyncio.Task[None]] = set()

    def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(receiver.converse(reader, writer))
        conversations.add(task)
        task.add_done_callback(conversations.discard)

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in conversations:
            task.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)
        await server.wait_closed()
