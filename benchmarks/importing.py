"""An import of people with consent against a bare COPY of the rows that it leaves behind."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import asyncpg

from benchmarks.clicks import address_of
from benchmarks.report import Figure
from benchmarks.servers import database, instance

PEOPLE = int(os.environ.get("BENCH_PEOPLE", "1_000_000"))
TABLES = "subject contact_point ledger payload standing fact wording".split()
HEADER = "email,purpose,action,occurred_at,wording,source,country\n"
ROW = "{},newsletter,give,2026-03-01T10:00:00Z,Send me the newsletter,sign-up form,DE\n"


def write_people(path: Path, number: int) -> None:
    with path.open("w") as file:
        file.write(HEADER)
        for each in range(number):
            file.write(ROW.format(address_of(each)))


def prefcenter(environ: Mapping[str, str], folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """The command, running."""
    return subprocess.Popen(
        [sys.executable, "-m", "prefcenter", *arguments],
        cwd=folder,
        env={**environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def seconds_of(environ: Mapping[str, str], folder: Path, *arguments: str) -> float:
    begun = time.perf_counter()
    if prefcenter(environ, folder, *arguments).wait() != 0:
        raise RuntimeError(f"prefcenter {arguments[0]} failed")
    return time.perf_counter() - begun


async def take_out(url: str, folder: Path) -> int:
    """Every row of the import into files. Returns their bytes."""
    connection = await asyncpg.connect(url.replace("postgres://", "postgresql://", 1))
    try:
        for table in TABLES:
            await connection.copy_from_table(table, output=folder / f"{table}.copy", format="binary")
    finally:
        await connection.close()
    return sum((folder / f"{table}.copy").stat().st_size for table in TABLES)


async def put_in(url: str, folder: Path) -> float:
    """Seconds of a bare COPY of the same rows into the same empty tables with the same indexes."""
    connection = await asyncpg.connect(url.replace("postgres://", "postgresql://", 1))
    try:
        begun = time.perf_counter()
        for table in TABLES:
            await connection.copy_to_table(table, source=folder / f"{table}.copy", format="binary")
        return time.perf_counter() - begun
    finally:
        await connection.close()


def main() -> list[Figure]:
    with instance("postgres") as (folder, environ):
        file = folder / "people.csv"
        write_people(file, PEOPLE)
        seconds_of(environ, folder, "apply")
        ours = seconds_of(environ, folder, "import", str(file))
        copied = asyncio.run(take_out(environ["PREFCENTER_DATABASE_URL"], folder))
        with database("postgres", folder) as other:
            bare = asyncio.run(put_in(other, folder))
    detail = f"{ours:.0f} s, {PEOPLE / ours:,.0f} people/s; bare COPY of {copied / 1e6:,.0f} MB {bare:.0f} s"
    name = f"import of {PEOPLE:,} people with consent / bare COPY of the same rows"
    return [Figure(name, ours / bare, detail, at_most=4)]
