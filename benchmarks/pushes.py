"""From a click to every provider: how late at 50 a second, how a burst drains, what a sick one costs."""

from __future__ import annotations

import os
import statistics
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.clicks import address_of, clicking, fingerprints, post_all, post_paced, stop_paths
from benchmarks.people import fill, settings_of
from benchmarks.provider import HANGS, Done
from benchmarks.report import Figure
from benchmarks.servers import instance, process, server
from prefcenter.settings import Settings
from tests.databases import run

PER_SECOND = 50
PACED = PER_SECOND * int(os.environ.get("BENCH_SECONDS", "20"))
BURST = int(os.environ.get("BENCH_BURST", "10_000"))
PROVIDERS = ("first", "second", "third", "fourth")
CONNECTIONS = 64
#: So much slower than any promise that something is broken.
PATIENCE = 180.0  # seconds

_CONNECTION = """
[connections.{name}]
provider = "postmark"
private = true
base_url = "{url}/{name}"
purposes = {{ newsletter = "stream:broadcast" }}
api_key = "a token"
basic = ["a:login"]
"""


def bench(kind: str) -> list[Figure]:
    well, burst = _with(kind, PROVIDERS, burst=BURST)
    beside, _ = _with(kind, (*PROVIDERS, HANGS), burst=0)
    late = Figure(
        f"click to the 2xx of all {len(PROVIDERS)} providers at {PER_SECOND}/s, p99 in seconds, {kind}",
        well[98],
        f"median {well[49] * 1000:.0f} ms; each answers in 50 ms",
        at_most=2.0,
    )
    sick = Figure(
        f"the same beside a fifth that hangs / without it, {kind}",
        beside[98] / well[98],
        f"p99 {beside[98] * 1000:.0f} ms of {well[98] * 1000:.0f} ms",
        at_most=1.1,
    )
    return [late, sick, *burst]


def _with(kind: str, names: Sequence[str], burst: int) -> tuple[list[float], list[Figure]]:
    """The waits of the paced clicks in percentiles, and the figures of a burst after them."""
    with instance(kind) as (folder, environ), process("benchmarks.provider:app", environ) as (provider, _):
        with Path(folder, "prefcenter.toml").open("a", encoding="utf-8") as file:
            file.writelines(_CONNECTION.format(name=name, url=provider) for name in names)
        settings = settings_of(environ, folder)
        run(fill(settings, PACED + burst))
        with server(environ, BENCH_WORKER="1") as (url, _):
            time.sleep(3)  # the snapshot of so few is soon over
            waits = _paced(url, provider, settings)
            return waits, [_burst(kind, url, provider, settings, burst)] if burst else []


def _paced(url: str, provider: str, settings: Settings) -> list[float]:
    numbers = range(PACED)
    paths = stop_paths(settings, fingerprints(settings, numbers))
    clicks = clicking(post_paced(url, paths, PER_SECOND, CONNECTIONS))
    done = _wait_for(provider, PACED * len(PROVIDERS))
    last: dict[str, float] = {}
    for one in done:
        last[one.address] = max(one.at, last.get(one.address, 0.0))
    # The first second belongs to the start of the process.
    measured = list(zip(numbers, clicks, strict=True))[PER_SECOND:]
    return statistics.quantiles([last[address_of(n)] - click.due for n, click in measured], n=100)


def _burst(kind: str, url: str, provider: str, settings: Settings, burst: int) -> Figure:
    calls = int(_get(f"{provider}/calls"))
    wides = fingerprints(settings, range(PACED, PACED + burst))
    begun = time.monotonic()
    clicked = clicking(post_all(url, stop_paths(settings, wides), CONNECTIONS))
    done = _wait_for(provider, (PACED + burst) * len(PROVIDERS))
    calls = int(_get(f"{provider}/calls")) - calls
    size = burst * len(PROVIDERS) / calls
    detail = f"{size:.0f} addresses a call; the clicks were answered in {clicked:.1f} s; none lost"
    return Figure(f"seconds until a burst of {burst:,} is with all four, {kind}", done[-1].at - begun, detail)


def _wait_for(provider: str, number: int) -> list[Done]:
    """Everything the providers have, once it is so much. Raises RuntimeError."""
    until = time.monotonic() + PATIENCE
    while int(_get(f"{provider}/number")) < number:
        if time.monotonic() > until:
            raise RuntimeError(f"{_get(f'{provider}/number')!r} of {number} in {PATIENCE} s")
        time.sleep(0.1)
    done = msgspec.json.decode(_get(f"{provider}/done"), type=list[Done])
    if len({(one.provider, one.address) for one in done}) != number:
        raise RuntimeError("a stop went to a provider twice, or not at all")
    return done


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return bytes(answer.read())


def main() -> list[Figure]:
    kinds = os.environ.get("BENCH_DATABASES", "postgres sqlite").split()
    return [figure for kind in kinds for figure in bench(kind)]
