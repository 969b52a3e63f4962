"""What providers tell: how fast it is kept and applied, and what reading it costs."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from benchmarks.clicks import address_of
from benchmarks.report import Figure
from benchmarks.servers import instance, server
from email_hooks import PROVIDERS, EventKind, HookRequest
from email_hooks.stand_ins.api import Said, StandIn
from email_hooks.stand_ins.registry import STAND_INS
from email_hooks.stand_ins.sendgrid import SendGridStandIn

EVENTS = int(os.environ.get("BENCH_EVENTS", "20_000"))
BATCH = 100
CONNECTIONS = 8
#: As many transactions at once as our own pool may have.
BARE_AT_ONCE = 4
#: So much slower than any promise that something is broken.
PATIENCE = 180.0  # seconds
TIMES = 200

_CONNECTION = """
[connections.main]
provider = "sendgrid"
purposes = {{ newsletter = "{scope}", "*" = "all" }}
api_key = "no-key"
signing_key = "{key}"
"""
_COLUMNS = {
    "connection": "text",
    "event_key": "text",
    "body_digest": "bytea",
    "body": "bytea",
    "state": "text",
    "received_at": "bigint",
    "kind": "text",
    "wide": "bytea",
    "next_at": "bigint",
}
_NAMES = ", ".join(_COLUMNS)
_ARRAYS = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(_COLUMNS.values(), 1))
_BARE = f"INSERT INTO bare ({_NAMES}) SELECT * FROM unnest({_ARRAYS})"

Rows = Sequence[Sequence[Any]]


def main() -> list[Figure]:
    kept, applied = _taking_in()
    return [kept, applied, *_reading()]


def _taking_in() -> tuple[Figure, Figure]:
    stand_in = SendGridStandIn()
    with instance("postgres") as (folder, environ):
        _connect(folder, stand_in)
        database = environ["PREFCENTER_DATABASE_URL"].replace("postgres://", "postgresql://", 1)
        with server(environ) as (url, _):
            asyncio.run(_post(url, _batches(stand_in, 0, BATCH)))
            accepting = asyncio.run(_post(url, _batches(stand_in, BATCH, EVENTS)))
        bare = asyncio.run(_bare(database))
        with server(environ, BENCH_WORKER="1") as (url, _):
            asyncio.run(_applied(database))
            begun = time.monotonic()
            beside = asyncio.run(_post(url, _batches(stand_in, BATCH + EVENTS, EVENTS)))
            asyncio.run(_applied(database))
            applying = time.monotonic() - begun
        asyncio.run(_none_lost(database, BATCH + 2 * EVENTS))
    ours, theirs = EVENTS / accepting, EVENTS / bare
    kept = Figure(
        f"events accepted in batches of {BATCH} / bare multi-row INSERT of the same rows, postgres",
        ours / theirs,
        f"{ours:,.0f}/s of {theirs:,.0f}/s; {EVENTS:,} events, none lost",
        at_least=0.3,
    )
    applied = Figure(
        "events applied / accepted, both at once in one process, postgres",
        beside / applying,
        f"{EVENTS / applying:,.0f}/s of {EVENTS / beside:,.0f}/s; each is a new stop",
    )
    return kept, applied


def _connect(folder: Path, stand_in: SendGridStandIn) -> None:
    config = stand_in.config("https://api.example.com")
    with (folder / "prefcenter.toml").open("a") as file:
        file.write(_CONNECTION.format(scope=stand_in.scopes[0], key=config["signing_key"]))


def _batches(stand_in: SendGridStandIn, first: int, number: int) -> list[HookRequest]:
    said = _said(stand_in, range(first, first + number))
    starts = range(0, number, BATCH)
    return [one for start in starts for one in stand_in.tell(said[start : start + BATCH])]


def _said(stand_in: StandIn, numbers: range) -> list[Said]:
    """Said now: old signatures are refused."""
    now = datetime.now(UTC)
    return [
        Said(
            kind=EventKind.GROUP_UNSUBSCRIBED,
            address=address_of(number),
            scope=stand_in.scopes[0],
            at=now,
            event_id=f"event-{number}",
        )
        for number in numbers
    ]


async def _post(url: str, requests: Iterable[HookRequest]) -> float:
    """Seconds until all are answered 200, over kept connections. Raises RuntimeError at any other answer."""
    host, _, port = url.removeprefix("http://").partition(":")
    left = iter([_raw(request, f"{host}:{port}") for request in requests])

    async def on_one_connection() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for raw in left:
            writer.write(raw)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.splitlines()[0].decode())
        writer.close()

    begun = time.monotonic()
    await asyncio.gather(*(on_one_connection() for _ in range(CONNECTIONS)))
    return time.monotonic() - begun


def _raw(request: HookRequest, host: str) -> bytes:
    headers = {"host": host, "content-length": str(len(request.body)), **dict(request.headers)}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /hooks/main HTTP/1.1\r\n{lines}\r\n".encode() + request.body


async def _bare(url: str) -> float:
    """Seconds that the same rows take, so many a statement, into a table with the same indexes."""
    pool = await asyncpg.create_pool(url, min_size=BARE_AT_ONCE, max_size=BARE_AT_ONCE)
    async with pool:
        rows: Rows = await pool.fetch(f"SELECT {_NAMES} FROM hook_event ORDER BY id LIMIT {EVENTS}")
        await pool.execute("CREATE TABLE bare (LIKE hook_event INCLUDING ALL)")
        batches = iter([rows[start : start + BATCH] for start in range(0, len(rows), BATCH)])

        async def on_one_connection() -> None:
            async with pool.acquire() as connection:
                for batch in batches:
                    await connection.execute(_BARE, *map(list, zip(*batch, strict=True)))

        begun = time.monotonic()
        await asyncio.gather(*(on_one_connection() for _ in range(BARE_AT_ONCE)))
        return time.monotonic() - begun


async def _applied(url: str) -> None:
    """Wait until nothing is left to be applied. Raises RuntimeError."""
    connection = await asyncpg.connect(url)
    until = time.monotonic() + PATIENCE
    waiting = "SELECT count(*) FROM hook_event WHERE state = 'received'"
    while left := await connection.fetchval(waiting):
        if time.monotonic() > until:
            raise RuntimeError(f"{left} events still wait after {PATIENCE} s")
        await asyncio.sleep(0.05)
    await connection.close()


async def _none_lost(url: str, number: int) -> None:
    connection = await asyncpg.connect(url)
    applied = await connection.fetchval("SELECT count(*) FROM hook_event WHERE state = 'applied'")
    stopped = await connection.fetchval("SELECT count(DISTINCT wide) FROM stop")
    await connection.close()
    if (applied, stopped) != (number, number):
        raise RuntimeError(f"of {number} events {applied} were applied, and {stopped} addresses are stopped")


def _reading() -> list[Figure]:
    """Each provider's batch, as large as it makes them, without verifying it."""
    return [
        figure
        for name in STAND_INS
        if PROVIDERS[name].capabilities.tells and (figure := _reading_of(name)) is not None
    ]


def _reading_of(name: str) -> Figure | None:
    """None: it tells in forms, which are no JSON."""
    stand_in, adapter = STAND_INS[name](), PROVIDERS[name]
    config = stand_in.config("https://api.example.com")
    requests = stand_in.tell(_said(stand_in, range(BATCH)))
    if not requests or requests[0].body[:1] not in (b"{", b"["):
        return None
    events = sum(len(adapter.parse(one, config)) for one in requests)
    ours = _fastest(lambda: [adapter.parse(one, config) for one in requests])
    bare = _fastest(lambda: [json.loads(one.body) for one in requests])
    detail = f"{ours / events * 1e6:.1f} µs an event, {events // len(requests)} a request"
    what = f"parsing a batch of {name} / bare JSON decoding of it"
    return Figure(what, ours / bare, detail, at_most=5)


def _fastest(work: Callable[[], object]) -> float:
    """Seconds of the fastest of many times: what else the machine does only adds to it."""
    times = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times)
