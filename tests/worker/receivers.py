"""The client against real servers: hostile ones cost little, and every attempt ends in an answer."""

import asyncio
import datetime as dt
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from prefcenter.domain.delivery import Answer
from prefcenter.worker.http_client import HookClient

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)

Reply = Callable[["Receiver", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Receiver:
    """A server that answers each request as told, and remembers what it saw."""

    reply: Reply
    port: int = 0
    connections: int = 0
    requests: list[tuple[bytes, dict[str, str], bytes]] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    sent: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while request := await read_request(reader):
                self.requests.append(request)
                await self.reply(self, reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, dict[str, str], bytes] | None:
    line = await reader.readline()
    if not line:
        return None
    headers = {}
    while (header := await reader.readline()) not in (b"\r\n", b""):
        name, _, value = header.decode().partition(":")
        headers[name.lower()] = value.strip()
    return line, headers, await reader.readexactly(int(headers.get("content-length", "0")))


@asynccontextmanager
async def receiver(reply: Reply, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    here = Receiver(reply)
    if tls:
        tls.sni_callback = lambda _socket, name, _context: here.names.append(name)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(here.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    here.port = server.sockets[0].getsockname()[1]
    try:
        yield here
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def says(*parts: bytes) -> Reply:
    async def reply(here: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return reply


def says_and_hangs_up(part: bytes) -> Reply:
    async def reply(here: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(part)
        await writer.drain()
        writer.close()
        raise ConnectionError

    return reply


async def hangs(here: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def resets(here: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # To linger for no time makes closing a reset.
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    raise ConnectionError


def private(**options) -> HookClient:
    return HookClient(allow_private=True, **options)


async def post(url: str, **options) -> Answer:
    async with private(**options) as client:
        return await client.post(url, b"{}", {})


async def answer_to(reply: Reply, **options) -> Answer:
    async with receiver(reply) as here:
        return await post(here.url, **options)
