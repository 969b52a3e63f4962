"""Clicks of mail programs: an exact number of them, as fast as they are answered or evenly paced.

wrk knows only durations, and here every click must be a new stop whose person exists.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import uvloop

from prefcenter.domain.addresses import Fingerprinter, parse_email
from prefcenter.links import Links
from prefcenter.settings import Settings

BODY = b"List-Unsubscribe=One-Click"
_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Click:
    """`due`: when it had to leave; `answered`: when its 200 was here. Both by `time.monotonic`."""

    due: float
    answered: float


def clicking(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a load of this module."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def address_of(number: int) -> str:
    return f"reader{number}@example.com"


def fingerprints(settings: Settings, numbers: Sequence[int]) -> list[bytes]:
    """The wide ones of these people."""
    of = Fingerprinter(settings.pepper.reveal().encode()).of_email
    return [of(parse_email(address_of(number))).wide for number in numbers]


def stop_paths(settings: Settings, wides: Sequence[bytes]) -> list[str]:
    """The paths of the newsletter's one-click links of the people with these fingerprints."""
    keys = [key.reveal().encode() for key in settings.secret_keys]
    mint = Links(keys).stop_minter("newsletter", "bench")
    return [f"/u/{mint(wide)}" for wide in wides]


async def post_all(url: str, paths: Sequence[str], connections: int) -> float:
    """Post to every path once; the seconds it took. Raises RuntimeError at any answer but 200."""
    left = iter(paths)
    open_ = len(paths)
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answered(connection: _Connection) -> None:
        nonlocal open_
        open_ -= 1
        if path := next(left, None):
            connection.post(path)
        elif not open_ and not done.done():
            done.set_result(None)

    pool = await _connect(url, connections, answered, done)
    begun = time.monotonic()
    for connection in pool:
        if path := next(left, None):
            connection.post(path)
    await done
    seconds = time.monotonic() - begun
    _close(pool)
    return seconds


async def post_paced(url: str, paths: Sequence[str], per_second: float, connections: int) -> list[Click]:
    """Post to every path, evenly spaced, and say of each when.

    What waits for a free connection is late, and counts as such.
    """
    clicks: dict[int, Click] = {}
    idle: asyncio.Queue[_Connection] = asyncio.Queue()
    out: dict[_Connection, tuple[int, float]] = {}
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answered(connection: _Connection) -> None:
        number, due = out.pop(connection)
        clicks[number] = Click(due, time.monotonic())
        idle.put_nowait(connection)
        if len(clicks) == len(paths) and not done.done():
            done.set_result(None)

    pool = await _connect(url, connections, answered, done)
    for connection in pool:
        idle.put_nowait(connection)
    begun = time.monotonic()
    for number, path in enumerate(paths):
        due = begun + number / per_second
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        connection = await idle.get()
        out[connection] = number, due
        connection.post(path)
    await done
    _close(pool)
    return [clicks[number] for number in range(len(paths))]


class _Connection(asyncio.Protocol):
    """One kept-alive connection with one request at a time."""

    def __init__(self, host: str, answered: Callable[[_Connection], None], done: asyncio.Future[None]):
        self._host = host
        self._answered = answered
        self._done = done
        self._got = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is not declared as one.
        self._transport = cast(asyncio.WriteTransport, transport)

    def post(self, path: str) -> None:
        assert self._transport is not None
        head = (
            f"POST {path} HTTP/1.1\r\nhost: {self._host}\r\ncontent-length: {len(BODY)}\r\n"
            "content-type: application/x-www-form-urlencoded\r\n\r\n"
        )
        self._transport.write(head.encode() + BODY)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, whole, body = self._got.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not whole or length is None or len(body) < int(length[1]):
            return
        self._got = b""
        if head.startswith(b"HTTP/1.1 200"):
            self._answered(self)
        else:
            self._fail(head.decode("latin-1"))

    def connection_lost(self, error: BaseException | None) -> None:
        self._fail(f"connection lost: {error}")

    def _fail(self, why: str) -> None:
        if not self._done.done():
            self._done.set_exception(RuntimeError(why))

    def close(self) -> None:
        assert self._transport is not None
        self._transport.close()


async def _connect(
    url: str, connections: int, answered: Callable[[_Connection], None], done: asyncio.Future[None]
) -> list[_Connection]:
    host, port = urlsplit(url).hostname, urlsplit(url).port
    assert host is not None and port is not None
    loop = asyncio.get_running_loop()
    pool = []
    for _ in range(connections):
        _, connection = await loop.create_connection(
            lambda: _Connection(f"{host}:{port}", answered, done), host, port
        )
        pool.append(connection)
    return pool


def _close(pool: Sequence[_Connection]) -> None:
    for connection in pool:
        connection.close()
