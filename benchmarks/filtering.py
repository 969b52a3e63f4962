"""`prefcenter filter` of a long list against bare COPY in, join, COPY out."""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import asyncpg

from benchmarks.clicks import address_of
from benchmarks.people import fill, settings_of
from benchmarks.report import Figure
from benchmarks.servers import instance, resident_mb
from prefcenter.domain.addresses import Fingerprinter
from prefcenter.settings import Settings
from tests.databases import run

PEOPLE = int(os.environ.get("BENCH_PEOPLE", "1_000_000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
#: Of every hundred rows so many are of nobody here.
UNKNOWN = 5

BARE = """
SELECT a.n, a.narrow = c.narrow, f.body, g.status, g.seq, g."at", g.proof, g.version, g.until, g.declined,
    g.noticed, g.noticed_at, t.cause, t.purpose, t.channel, t.seq
FROM asked a
LEFT JOIN contact_point c ON c.wide = a.wide AND c.channel = 'email'
LEFT JOIN fact f ON f.subject_id = c.subject_id
LEFT JOIN standing g ON g.subject_id = c.subject_id AND g.purpose = 'newsletter' AND g.channel = 'email'
LEFT JOIN contact_point o ON o.subject_id = c.subject_id AND o.channel <> 'email'
LEFT JOIN stop t ON t.wide = ANY (ARRAY[a.wide, o.wide]) AND t.purpose IN ('*', 'newsletter')
WHERE c.id IS NOT NULL OR t.id IS NOT NULL
"""


def write_list(path: Path) -> list[str]:
    """As many rows as there are people, shuffled. Returns their addresses."""
    emails = [address_of(number + PEOPLE * (number % 100 < UNKNOWN)) for number in range(PEOPLE)]
    random.Random(1).shuffle(emails)
    with path.open("w") as file:
        file.write("email,name,segment\n")
        for number, email in enumerate(emails):
            file.write(f"{email},Reader {number},segment-{number % 7}\n")
    return emails


def filtered(environ: Mapping[str, str], folder: Path, file: Path, out: Path) -> tuple[float, float]:
    """Seconds of the command, and MB of memory at its peak."""
    out.unlink(missing_ok=True)  # no file is written over
    begun = time.perf_counter()
    running = subprocess.Popen(
        [sys.executable, "-m", "prefcenter", "filter", "--purpose", "newsletter", str(file), str(out)],
        cwd=folder,
        env={**environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        stderr=subprocess.DEVNULL,
    )
    peak = 0.0
    while running.poll() is None:
        peak = max(peak, resident_mb(running.pid))
        time.sleep(0.02)
    if running.returncode:
        raise RuntimeError("filter failed")
    return time.perf_counter() - begun, peak


async def bare(settings: Settings, emails: list[str]) -> float:
    """Seconds of COPY in, the same joins over the same rows, COPY out. The fingerprints are there before."""
    of = Fingerprinter(settings.pepper.reveal().encode()).of_text
    asked = [(number, *of(email)) for number, email in enumerate(emails)]
    connection = await asyncpg.connect(settings.database_url.replace("postgres://", "postgresql://", 1))

    async def nowhere(_: bytes) -> None: ...

    try:
        begun = time.perf_counter()
        async with connection.transaction():
            await connection.execute(
                "CREATE TEMP TABLE asked (n int, narrow bytea, wide bytea) ON COMMIT DROP"
            )
            await connection.copy_records_to_table("asked", records=asked, columns=["n", "narrow", "wide"])
            await connection.execute("ANALYZE asked")
            await connection.copy_from_query(BARE, output=nowhere, format="binary")
        return time.perf_counter() - begun
    finally:
        await connection.close()


def main() -> list[Figure]:
    with instance("postgres") as (folder, environ):
        settings = settings_of(environ, Path(folder))
        run(fill(settings, PEOPLE))
        file, out = Path(folder) / "list.csv", Path(folder) / "kept.csv"
        emails = write_list(file)
        rounds = []
        memory = 0.0
        for _ in range(ROUNDS):
            plain = asyncio.run(bare(settings, emails))
            seconds, peak = filtered(environ, Path(folder), file, out)
            memory = max(memory, peak)
            rounds.append((seconds, plain))
        kept = sum(1 for _ in out.open()) - 1
    if kept != sum(number % 100 >= UNKNOWN for number in range(PEOPLE)):
        raise RuntimeError(f"{kept} rows were kept")
    ratio = statistics.median(ours / plain for ours, plain in rounds)
    ours, plain = (statistics.median(seconds) for seconds in zip(*rounds, strict=True))
    detail = f"{ours:.1f} s against {plain:.1f} s, {PEOPLE / ours:,.0f} rows/s, {ROUNDS} rounds"
    return [
        Figure(f"filter of {PEOPLE:,} rows / bare COPY in, join, COPY out", ratio, detail, at_most=1.6),
        Figure("memory of filter, MB", memory, "its peak, looked at every 20 ms", at_most=200),
    ]
