"""From a click to the webhook received: how late at 200 a second, and how fast a burst drains."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from benchmarks.clicks import clicking, fingerprints, post_all, post_paced, stop_paths
from benchmarks.people import fill, settings_of
from benchmarks.receiver import Heard
from benchmarks.report import Figure
from benchmarks.servers import instance, process, server
from email_hooks.signatures import new_secret
from prefcenter.bootstrap import open_services
from prefcenter.settings import Settings
from prefcenter.storage.outbox import CHOICE_RECORDED
from prefcenter.storage.units import StoredAnswer
from prefcenter.use_cases.webhooks import add_webhook
from prefcenter.worker.deliveries import PER_ENDPOINT
from prefcenter.worker.http_client import HookClient
from tests.databases import run

PER_SECOND = 200
PACED = PER_SECOND * int(os.environ.get("BENCH_SECONDS", "20"))
BURST = int(os.environ.get("BENCH_BURST", "10_000"))
CONNECTIONS = 64
BACKLOG = BURST // 2
BARE = 4_000
#: So much slower than any promise that something is broken.
PATIENCE = 180.0  # seconds


def bench(kind: str) -> list[Figure]:
    with instance(kind) as (folder, environ):
        environ["PREFCENTER_ALLOW_PRIVATE_WEBHOOKS"] = "1"
        settings = settings_of(environ, folder)
        run(fill(settings, PACED + BURST + BACKLOG))
        wides = fingerprints(settings, range(PACED + BURST + BACKLOG))
        with process("benchmarks.receiver:app", environ) as (receiver, _):
            run(_listen(settings, f"{receiver}/hook"))
            with server(environ, BENCH_WORKER="1") as (url, _):
                late = _paced(kind, url, receiver, settings, wides[:PACED])
                burst = _burst(kind, url, receiver, settings, wides[PACED : PACED + BURST])
            with server(environ) as (url, _):
                clicking(post_all(url, stop_paths(settings, wides[-BACKLOG:]), CONNECTIONS))
            bare = [clicking(_bare(receiver))]
            with server(environ, BENCH_WORKER="1"):
                heard = _wait_for(receiver, wides[-BACKLOG:], before=PACED + BURST)
            bare.append(clicking(_bare(receiver)))
    rate = len(heard) / (heard[-1].at - heard[0].at)
    share = Figure(
        f"webhooks sent from a backlog / bare POSTs of the same client, {kind}",
        rate / statistics.mean(bare),
        f"{rate:,.0f}/s of {statistics.mean(bare):,.0f}/s, {PER_ENDPOINT} at once each",
    )
    return [late, burst, share]


async def _listen(settings: Settings, url: str) -> None:
    async with open_services(settings) as services:
        await add_webhook(
            services,
            url=url,
            events=[CHOICE_RECORDED],
            description="benchmark",
            secret=new_secret(),
            now=datetime.now(UTC),
            respond=lambda webhook, secret: StoredAnswer(201, b""),
        )


def _paced(kind: str, url: str, receiver: str, settings: Settings, wides: Sequence[bytes]) -> Figure:
    clicks = clicking(post_paced(url, stop_paths(settings, wides), PER_SECOND, CONNECTIONS))
    heard = {one.fingerprint: one.at for one in _wait_for(receiver, wides, before=0)}
    # The first second belongs to the start of the process.
    measured = list(zip(wides, clicks, strict=True))[PER_SECOND:]
    waits = statistics.quantiles([heard[wide.hex()] - click.due for wide, click in measured], n=100)
    answers = statistics.quantiles([click.answered - click.due for _, click in measured], n=100)
    detail = (
        f"median {waits[49] * 1000:.0f} ms; {len(wides):,} clicks, one webhook each; "
        f"the click's own answer: p99 {answers[98] * 1000:.0f} ms"
    )
    name = f"click to webhook at {PER_SECOND}/s, p99 in seconds, {kind}"
    return Figure(name, waits[98], detail, at_most=1.0)


def _burst(kind: str, url: str, receiver: str, settings: Settings, wides: Sequence[bytes]) -> Figure:
    before = _number(receiver)
    begun = time.monotonic()
    clicked = clicking(post_all(url, stop_paths(settings, wides), CONNECTIONS))
    heard = _wait_for(receiver, wides, before)
    detail = f"none lost, none doubled; the clicks were answered in {clicked:.1f} s"
    return Figure(
        f"seconds until a burst of {len(wides):,} has arrived, {kind}", heard[-1].at - begun, detail
    )


def _wait_for(receiver: str, wides: Sequence[bytes], before: int) -> list[Heard]:
    """What was heard after the first `before`: one webhook for each of these. Raises RuntimeError."""
    until = time.monotonic() + PATIENCE
    while _number(receiver) < before + len(wides):
        if time.monotonic() > until:
            raise RuntimeError(f"{_number(receiver) - before} of {len(wides)} webhooks in {PATIENCE} s")
        time.sleep(0.1)
    time.sleep(0.5)  # whatever is doubled comes now
    heard = msgspec.json.decode(_get(f"{receiver}/heard"), type=list[Heard])[before:]
    ids = {one.id for one in heard}
    if len(heard) != len(wides) or len(ids) != len(wides):
        raise RuntimeError(f"{len(wides)} stops, but {len(heard)} webhooks of {len(ids)} ids")
    if {one.fingerprint for one in heard} != {wide.hex() for wide in wides}:
        raise RuntimeError("the webhooks are of other people")
    return heard


def _number(receiver: str) -> int:
    return int(_get(f"{receiver}/number"))


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return bytes(answer.read())


async def _bare(receiver: str) -> float:
    """POSTs a second of the worker's client, as many at once, with a body like a webhook's."""
    body = msgspec.json.encode(
        {"type": CHOICE_RECORDED, "data": {"fingerprint": "f" * 32, "more": "x" * 500}}
    )
    headers = {"webhook-id": "0" * 32, "webhook-timestamp": "0", "webhook-signature": "v1," + "x" * 44}
    left = iter(range(BARE))

    async def post_on(client: HookClient) -> None:
        for _ in left:
            answer = await client.post(f"{receiver}/bare", body, headers)
            if not answer.confirms:
                raise RuntimeError(answer.reason)

    async with HookClient(allow_private=True) as client:
        begun = time.monotonic()
        await asyncio.gather(*(post_on(client) for _ in range(PER_ENDPOINT)))
        return BARE / (time.monotonic() - begun)


def main() -> list[Figure]:
    kinds = os.environ.get("BENCH_DATABASES", "postgres sqlite").split()
    return [figure for kind in kinds for figure in bench(kind)]
