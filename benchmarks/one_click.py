"""A durable one-click over HTTP against an empty POST route of the same server."""

from __future__ import annotations

import os
import statistics
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.report import Figure
from benchmarks.servers import instance, resident_mb, server, wrk
from prefcenter.domain.addresses import Fingerprinter, parse_email
from prefcenter.links import Links
from prefcenter.settings import Settings

LUA = Path(__file__).with_name("post.lua")
ROUNDS = 5
SECONDS = 3.0
LINKS = 600_000
GOALS = {128: (0.3, 0.5), 32: (0.2, 0.35)}


@dataclass
class Links_:
    """A file of distinct one-click paths, used from the front."""

    file: Path
    used: int = 0

    def take(self, number: int) -> tuple[str, ...]:
        first = self.used
        self.used += number
        return str(self.file), str(first)


def write_links(environ: dict[str, str], folder: Path, number: int) -> Links_:
    ours = {name: value for name, value in environ.items() if name.startswith("PREFCENTER_")}
    settings = Settings.from_environ(ours, folder=folder)
    mint = Links([key.reveal().encode() for key in settings.secret_keys]).stop_minter("newsletter", "bench")
    of = Fingerprinter(settings.pepper.reveal().encode()).of_email
    path = folder / "links.txt"
    with path.open("w") as file:
        for i in range(number):
            file.write(f"/u/{mint(of(parse_email(f'reader{i}@example.com')).wide)}\n")
    return Links_(path)


@dataclass
class Rates:
    empty: list[float] = field(default_factory=list)
    click: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return statistics.median(click / empty for click, empty in zip(self.click, self.empty, strict=True))


def alternate(url: str, links: Links_, connections: int, rounds: int = ROUNDS) -> Rates:
    """Empty, click, empty, click…: whatever else the machine does hits both alike."""
    rates = Rates()
    for _ in range(rounds):
        rates.empty.append(wrk(f"{url}/empty", LUA, connections=connections, seconds=SECONDS))
        room = int(max(rates.empty) * SECONDS * 1.2) + connections
        arguments = links.take(room)
        rates.click.append(wrk(url, LUA, connections=connections, seconds=SECONDS, arguments=arguments))
    return rates


def bench(kind: str) -> list[Figure]:
    figures = []
    with instance(kind) as (folder, environ):
        links = write_links(environ, folder, LINKS)
        grouped: dict[int, float] = {}
        with server(environ) as (url, pid):
            wrk(url, LUA, connections=32, seconds=1, arguments=links.take(20_000))
            before = resident_mb(pid)
            for connections, (least, goal) in GOALS.items():
                rates = alternate(url, links, connections)
                grouped[connections] = statistics.median(rates.click)
                figures.append(
                    Figure(
                        f"one-click / empty POST, {connections} connections, {kind}",
                        rates.ratio,
                        f"{statistics.median(rates.click):.0f}/s of {statistics.median(rates.empty):.0f}/s",
                        at_least=least if kind == "postgres" else None,
                        goal=goal if kind == "postgres" else None,
                    )
                )
            after = resident_mb(pid)
            detail = f"{before:.0f} MB after warming up, {links.used} links offered since"
            figures.append(Figure(f"memory of the web process, MB, {kind}", after, detail, at_most=200))
        with server(environ, BENCH_MOST_UNITS="1") as (url, _):
            alone = alternate(url, links, 128, rounds=3)
            figures.append(
                Figure(
                    f"group commit / one transaction per request, 128 connections, {kind}",
                    grouped[128] / statistics.median(alone.click),
                    f"{grouped[128]:.0f}/s against {statistics.median(alone.click):.0f}/s",
                    at_least=2.5 if kind == "postgres" else None,
                )
            )
    return figures


def main() -> list[Figure]:
    kinds = os.environ.get("BENCH_DATABASES", "postgres sqlite").split()
    return [figure for kind in kinds for figure in bench(kind)]
