"""HTTP/1.1 by hand, kept alive and cheap, so that the load of a test is the server's and not its client's."""

import asyncio
from dataclasses import dataclass
from typing import Self

ANSWER_WITHIN = 30.0  # seconds


class NoAnswer(Exception):
    """The connection was refused or broke before the answer was whole."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


async def read_message(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    """The first line, headers with names in lower case, and the body by its length. Raises EOFError."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in head[1:] if line)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    return head[0], headers, await reader.readexactly(int(headers.get("content-length", 0)))


class Client:
    """One connection to 127.0.0.1, opened again when it broke. Use it with `async with`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
        """Raises NoAnswer."""
        lines = [f"{method} {path} HTTP/1.1", "host: localhost", f"content-length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                if self._streams is None:
                    self._streams = await asyncio.open_connection("127.0.0.1", self._port)
                reader, writer = self._streams
                writer.write("\r\n".join([*lines, "", ""]).encode() + body)
                first, found, content = await read_message(reader)
        except (OSError, EOFError) as error:
            self.close()
            raise NoAnswer(type(error).__name__) from error
        if found.get("connection", "").lower() == "close":
            self.close()
        return Reply(status=int(first.split()[1]), headers=found, body=content)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
