"""Opt-outs while something large runs: their p99 against the usual one of the same run."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

import asyncpg

from benchmarks.clicks import clicking, fingerprints, post_paced, stop_paths
from benchmarks.importing import prefcenter, write_people
from benchmarks.people import fill, settings_of
from benchmarks.report import Figure
from benchmarks.servers import instance, server
from prefcenter.settings import Settings
from tests.databases import run

PEOPLE = int(os.environ.get("BENCH_PEOPLE", "1_000_000"))
PER_SECOND = 100
SECONDS = int(os.environ.get("BENCH_SECONDS", "15"))
CONNECTIONS = 64
ROUNDS = 3
#: The catalog with a third party more in what everybody said yes to: a material change.
CHANGED = ('data = ["email", "name"]', 'recipients = ["partner-inc"]\ndata = ["email", "name"]')


def _clicks(settings: Settings) -> Iterator[Sequence[str]]:
    """Paths of one-clicks of people who have not clicked yet, as many as are clicked on at a time."""
    number = PER_SECOND * SECONDS
    people = list(range(PEOPLE))
    random.Random(1).shuffle(people)
    for start in range(0, PEOPLE, number):
        yield stop_paths(settings, fingerprints(settings, people[start : start + number]))


def _p99(url: str, paths: Sequence[str]) -> float:
    clicks = clicking(post_paced(url, paths, PER_SECOND, CONNECTIONS))
    waits = sorted(click.answered - click.due for click in clicks)
    return waits[int(len(waits) * 0.99)]


def bench(kind: str) -> list[Figure]:
    figures = []
    with instance(kind) as (folder, environ):
        settings = settings_of(environ, Path(folder))
        run(fill(settings, PEOPLE))
        config = Path(folder) / "prefcenter.toml"
        config.write_text(config.read_text().replace(*CHANGED, 1))
        file = Path(folder) / "more.csv"
        # Others than those who are there already.
        write_people(file, PEOPLE)
        file.write_text(file.read_text().replace("reader", "newcomer"))
        paths = _clicks(settings)
        with server(environ) as (url, _):
            _p99(url, next(paths))
            for name, command in _commands(file):
                rounds = _rounds(environ, folder, url, paths, command[0])
                if command[1:]:
                    prefcenter(environ, Path(folder), *command[1]).wait()
                figure = median(busy / calm for calm, busy in rounds)
                each = ", ".join(f"{busy * 1000:.1f} against {calm * 1000:.1f} ms" for calm, busy in rounds)
                what = f"p99 of opt-outs during {name} / the usual, {PEOPLE:,} people, {kind}"
                figures.append(Figure(what, figure, f"{each}, at {PER_SECOND} a second", at_most=2))
    return figures


def _rounds(
    environ: Mapping[str, str], folder: Path, url: str, paths: Iterator[Sequence[str]], command: Sequence[str]
) -> list[tuple[float, float]]:
    """The usual p99, the smaller of those before and after, and the one while the command runs."""
    found = []
    run(settle(environ))
    before = _p99(url, next(paths))
    for _ in range(ROUNDS):
        working = prefcenter(environ, folder, *command)
        try:
            busy = _p99(url, next(paths))
        finally:
            _end(working)
        run(settle(environ))
        after = _p99(url, next(paths))
        # Whatever else happened at the time must not make a disturbance look small.
        found.append((min(before, after), busy))
        before = after
    return found


def _commands(file: Path) -> Iterator[tuple[str, tuple[tuple[str, ...], ...]]]:
    """What runs, and what has to come after it."""
    yield "an import", (("import", str(file)),)
    yield "a plan", (("plan",), ("apply",))
    yield "an ask", (("ask", "newsletter"),)


async def settle(environ: Mapping[str, str]) -> None:
    """What the server does after a large change, done before anything is measured."""
    if environ["PREFCENTER_DATABASE_URL"].startswith("sqlite"):
        return
    connection = await asyncpg.connect(environ["PREFCENTER_DATABASE_URL"])
    try:
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()


def main() -> list[Figure]:
    kinds = os.environ.get("BENCH_DATABASES", "postgres").split()
    return [figure for kind in kinds for figure in bench(kind)]
