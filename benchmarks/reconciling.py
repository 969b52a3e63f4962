"""Comparing a provider's list that is the same on both sides: against bare streaming and a join of it."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from benchmarks.clicks import address_of
from benchmarks.report import Figure
from benchmarks.servers import instance
from email_hooks.http import Ask, Reply
from email_hooks.streaming import items_of
from prefcenter.bootstrap import open_services
from prefcenter.catalog import read
from prefcenter.domain.addresses import Fingerprinter
from prefcenter.settings import Settings
from prefcenter.storage.fields import to_micros
from prefcenter.use_cases.reconcile import reconcile

NUMBER = int(os.environ.get("BENCH_SUPPRESSIONS", "100_000"))
SCOPE = "stream:broadcast"
_CHUNK = 10_000
_CONNECTION = """
[connections.main]
provider = "postmark"
purposes = { newsletter = "stream:broadcast" }
base_url = "https://api.example.com"
api_key = "token"
basic = "postmark:login"
"""
_COLUMNS = tuple("connection scope wide stopped version confirmed state said_at next_at ended_at".split())
_JOIN = "SELECT count(*) FROM bare b LEFT JOIN level l ON l.wide = b.wide AND l.scope = $1"
_MISSING = "SELECT count(*) FROM level l WHERE NOT EXISTS (SELECT 1 FROM bare b WHERE b.wide = l.wide)"


class Dump:
    """`email_hooks.http.Http` that answers with a list of so many, made as it is read."""

    async def send(self, ask: Ask) -> Reply:
        return Reply(status=404)

    async def stream(self, ask: Ask) -> AsyncIterator[bytes]:
        yield b'{"Suppressions":['
        for start in range(0, NUMBER, 500):
            rows = [_row(number) for number in range(start, min(start + 500, NUMBER))]
            yield (b"," if start else b"") + ",".join(rows).encode()
        yield b"]}"


def _row(number: int) -> str:
    return (
        f'{{"EmailAddress":"{address_of(number)}","SuppressionReason":"ManualSuppression",'
        '"Origin":"Recipient","CreatedAt":"2026-01-01T00:00:00Z"}'
    )


def main() -> list[Figure]:
    return asyncio.run(_measure())


async def _measure() -> list[Figure]:
    with instance("postgres") as (folder, environ):
        with (folder / "prefcenter.toml").open("a") as file:
            file.write(_CONNECTION)
        settings = Settings.from_environ(environ, folder=Path(folder))
        async with open_services(settings) as services:
            await services.catalogs.apply(read(settings.config), lambda: datetime.now(UTC))
            url = environ["PREFCENTER_DATABASE_URL"].replace("postgres://", "postgresql://", 1)
            await _fill(url, services.fingerprinter)
            bare = await _bare(url, services.fingerprinter)
            account = services.accounts.now.usable["main"]
            before = _peak_mb()
            begun = time.monotonic()
            run = await reconcile(services, account, Dump(), lambda: datetime.now(UTC))
            ours = time.monotonic() - begun
            assert run.counts["same"] == NUMBER, run
    took = f"{ours:.1f} s of {bare:.1f} s; {NUMBER:,} suppressions, {NUMBER / ours:,.0f}/s"
    memory = f"{_peak_mb() - before:.0f} MB more than before it"
    return [
        Figure("comparing a list / bare streaming plus join of it, postgres", ours / bare, took, at_most=3),
        Figure("memory of the comparing process, MB", _peak_mb(), memory, at_most=250),
    ]


async def _fill(url: str, prints: Fingerprinter) -> None:
    """Everybody is stopped there, as far as we know since long."""
    connection = await asyncpg.connect(url)
    at = to_micros(datetime(2026, 1, 1, tzinfo=UTC))
    for start in range(0, NUMBER, _CHUNK):
        wides = prints.wides([address_of(number) for number in range(start, min(start + _CHUNK, NUMBER))])
        rows = [("main", SCOPE, wide, True, 1, 1, "confirmed", at, at, at) for wide in wides]
        await connection.copy_records_to_table("level", records=rows, columns=_COLUMNS)
    await connection.execute("ANALYZE level")
    await connection.close()


async def _bare(url: str, prints: Fingerprinter) -> float:
    """The same list read, its addresses made into fingerprints, copied and joined both ways."""
    connection = await asyncpg.connect(url)
    begun = time.monotonic()
    await connection.execute("CREATE TEMP TABLE bare (wide bytea)")
    async for page in items_of(Dump().stream(Ask(method="GET", url="")), "Suppressions.item"):
        wides = prints.wides([one["EmailAddress"] for one in page])
        await connection.copy_records_to_table("bare", records=[(wide,) for wide in wides], columns=["wide"])
    await connection.execute("ANALYZE bare")
    found = await connection.fetchval(_JOIN, SCOPE) + await connection.fetchval(_MISSING)
    took = time.monotonic() - begun
    assert found == NUMBER
    await connection.close()
    return took


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
