"""The same one-click among 10 000 people and among 1 000 000, against an empty POST route each."""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.clicks import clicking, fingerprints, post_all, stop_paths
from benchmarks.people import fill, forget_stops, ledger_length, settings_of
from benchmarks.report import Figure
from benchmarks.servers import instance, resident_mb, server
from prefcenter.settings import Settings
from tests.databases import run

FEW = 10_000
MANY = int(os.environ.get("BENCH_PEOPLE", "1_000_000"))
CONNECTIONS = 128
#: Each round is one click by each of so many people, spread over the whole table.
CLICKS = min(FEW, MANY)
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "11"))


@dataclass
class Crowd:
    """A server among so many people. `recorded` counts the stops that its clicks made."""

    number: int
    settings: Settings
    url: str
    pid: int
    filled_in: float
    recorded: int = 0

    def round(self, which: int) -> float:
        """Seconds of a click by those people, in seconds of an empty request."""
        empty = clicking(post_all(self.url, ["/empty"] * CLICKS, CONNECTIONS))
        return self._click(which) / empty

    def _click(self, which: int) -> float:
        step = self.number // CLICKS
        people = [i * step + which % step for i in range(CLICKS)]
        random.Random(which).shuffle(people)
        paths = stop_paths(self.settings, fingerprints(self.settings, people))
        database = self.settings.database_url
        before = clicking(ledger_length(database))
        seconds = clicking(post_all(self.url, paths, CONNECTIONS))
        new = clicking(ledger_length(database)) - before
        if new != CLICKS:
            raise RuntimeError(f"{CLICKS} clicks were acknowledged, {new} stops recorded")
        self.recorded += new
        if step == 1:
            # The same people come again in the next round, and it has to be a new stop.
            run(forget_stops(database, after=before))
        return seconds


@contextmanager
def crowd(kind: str, number: int) -> Iterator[Crowd]:
    with instance(kind) as (folder, environ):
        settings = settings_of(environ, Path(folder))
        begun = time.monotonic()
        run(fill(settings, number))
        filled_in = time.monotonic() - begun
        with server(environ) as (url, pid):
            yield Crowd(number, settings, url, pid, filled_in)


def bench(kind: str) -> list[Figure]:
    with crowd(kind, FEW) as few, crowd(kind, MANY) as many:
        for one in (few, many):
            one.round(ROUNDS)
        before = resident_mb(many.pid)
        rounds = [(few.round(which), many.round(which)) for which in range(ROUNDS)]
        after = resident_mb(many.pid)
        factors = [large / small for small, large in rounds]
        low, factor, high = statistics.quantiles(factors, n=4)
        costs = [statistics.median(costs) for costs in zip(*rounds, strict=True)]
        detail = (
            f"{costs[1]:.2f} against {costs[0]:.2f} empty POSTs; {many.recorded:,} and {few.recorded:,} "
            f"clicks, as many stops recorded; quartiles of the rounds {low:.2f} to {high:.2f}; "
            f"filled in {many.filled_in:.0f} s"
        )
        return [
            Figure(
                f"cost of a one-click among {MANY:,} people / among {FEW:,}, {kind}",
                factor,
                detail,
                at_most=1.15,
            ),
            Figure(
                f"memory of the web process among {MANY:,} people, MB, {kind}",
                after,
                f"{before:.0f} MB after warming up; {ROUNDS * CLICKS:,} clicks and as many empty POSTs since",
                at_most=200,
            ),
        ]


def main() -> list[Figure]:
    kinds = os.environ.get("BENCH_DATABASES", "postgres sqlite").split()
    return [figure for kind in kinds for figure in bench(kind)]
