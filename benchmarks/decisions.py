"""Decisions over HTTP: a hundred thousand a call against bare SQL, one a call against an empty request."""

from __future__ import annotations

import asyncio
import json
import os
import random
import statistics
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from benchmarks.clicks import address_of
from benchmarks.people import fill, settings_of
from benchmarks.report import Figure
from benchmarks.servers import instance, server, wrk
from prefcenter.bootstrap import open_services, utc_now
from prefcenter.domain.addresses import Fingerprinter
from prefcenter.settings import Settings
from prefcenter.storage.candidates import on_postgres
from prefcenter.storage.keys import create_key
from tests.databases import run

FEW = 10_000
MANY = int(os.environ.get("BENCH_PEOPLE", "1_000_000"))
ASKED = min(100_000, MANY)
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "7"))
LUA = Path(__file__).with_name("decide.lua")
CONNECTIONS = 32
SECONDS = 3.0


@dataclass
class Asked:
    """A server among so many people, with a key that may ask it."""

    number: int
    settings: Settings
    url: str
    key: str

    def bulk(self, people: list[int]) -> float:
        """Seconds of one call about all these people."""
        recipients = [{"email": address_of(number)} for number in people]
        body = json.dumps({"purpose": "newsletter", "recipients": recipients}).encode()
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/v1/decisions", body, headers)
        begun = time.perf_counter()
        with urllib.request.urlopen(request) as answer:
            said = answer.read()
        seconds = time.perf_counter() - begun
        decisions = json.loads(said)["decisions"]
        if len(decisions) != len(people) or not all(one["allowed"] for one in decisions):
            raise RuntimeError("not everybody was decided on as they should")
        return seconds

    def cost(self) -> float:
        """Of one decision, in empty requests with a key, at the same number of connections."""
        start = str(random.randrange(self.number))
        rates = [
            wrk(
                self.url,
                LUA,
                connections=CONNECTIONS,
                seconds=SECONDS,
                arguments=(self.key, kind, start, str(self.number)),
            )
            for kind in ("empty", "decide")
        ]
        return rates[0] / rates[1]


@contextmanager
def asked(kind: str, number: int) -> Iterator[Asked]:
    with instance(kind) as (folder, environ):
        settings = settings_of(environ, Path(folder))
        run(fill(settings, number))
        key = run_with_key(settings)
        with server(environ) as (url, _):
            yield Asked(number, settings, url, key)


def run_with_key(settings: Settings) -> str:
    async def make() -> str:
        async with open_services(settings):
            return await create_key("bench", ["decisions:read"], utc_now())

    return asyncio.run(make())


def bare(settings: Settings, people: list[int], at_a_time: int) -> float:
    """Seconds of the same joins over the same rows, with the fingerprints ready, on one connection."""
    of = Fingerprinter(settings.pepper.reveal().encode()).of_text
    wides = [of(address_of(number)).wide for number in people]

    async def ask() -> float:
        connection = await asyncpg.connect(settings.database_url.replace("postgres://", "postgresql://", 1))
        try:
            begun = time.perf_counter()
            for start in range(0, len(wides), at_a_time):
                part = wides[start : start + at_a_time]
                await connection.fetch(on_postgres(dated=False), "email", "newsletter", part)
            return time.perf_counter() - begun
        finally:
            await connection.close()

    return asyncio.run(ask())


def bench(kind: str) -> list[Figure]:
    figures = []
    with asked(kind, FEW) as few, asked(kind, MANY) as many:
        if kind == "postgres":
            figures += _bulk(many)
        few.cost(), many.cost()
        costs = [(few.cost(), many.cost()) for _ in range(ROUNDS)]
        small, large = (statistics.median(cost) for cost in zip(*costs, strict=True))
        growth = statistics.median(big / little for little, big in costs)
        figures.append(
            Figure(
                f"one decision / empty POST with a key, {MANY:,} people, {kind}",
                large,
                f"{CONNECTIONS} connections; {small:.2f} among {FEW:,} people",
                at_most=3,
            )
        )
        figures.append(
            Figure(
                f"cost of a decision among {MANY:,} people / among {FEW:,}, {kind}",
                growth,
                f"{large:.2f} against {small:.2f} empty POSTs, {ROUNDS} rounds",
                at_most=1.15,
            )
        )
    return figures


def _bulk(many: Asked) -> list[Figure]:
    rounds = []
    for _ in range(ROUNDS):
        people = [random.sample(range(MANY), ASKED) for _ in range(3)]
        whole = bare(many.settings, people[0], ASKED)
        parts = bare(many.settings, people[1], 2_000)
        rounds.append((many.bulk(people[2]), whole, parts))
    ratio = statistics.median(min(whole, parts) / ours for ours, whole, parts in rounds)
    ours, whole, parts = (statistics.median(seconds) for seconds in zip(*rounds, strict=True))
    detail = (
        f"{ASKED / ours:,.0f}/s; bare in one statement {ASKED / whole:,.0f}/s, in statements of 2 000 "
        f"{ASKED / parts:,.0f}/s; against the faster of the two in each of {ROUNDS} rounds"
    )
    return [Figure(f"decisions, {ASKED:,} a call / bare SQL, {MANY:,} people", ratio, detail, at_least=0.7)]


def main() -> list[Figure]:
    kinds = os.environ.get("BENCH_DATABASES", "postgres sqlite").split()
    return [figure for kind in kinds for figure in bench(kind)]
