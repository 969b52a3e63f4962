"""`/metrics`: the numbers of `use_cases/overview.py` for Prometheus, read from the database at the scrape.

Every process of an installation answers the same. No address and no person is in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from prefcenter.domain.deadlines import Progress
from prefcenter.storage.connections import PAUSED
from prefcenter.use_cases.overview import UNUSABLE, ConnectionView, Overview, overview
from prefcenter.web.state import Web, web_of

#: Several Prometheuses, and whoever looks beside them, cost one reading.
KEPT = timedelta(seconds=5)

_OPEN = tuple(state for state in Progress if state is not Progress.CONFIRMED)
_EVENTS = ("received", "aside")

#: Values by the labels that come after `connection`.
Values = Mapping[tuple[str, ...], float]


class _Gauge(NamedTuple):
    """One value, or several, of each connection. `labels`: those beside its name."""

    name: str
    help: str
    values: Callable[[ConnectionView, datetime], Values]
    labels: tuple[str, ...] = ()


def _one(value: float) -> Values:
    return {(): value}


def _levels(one: ConnectionView, _: datetime) -> Values:
    numbers = {"stop": one.stops, "resume": one.resumes}
    return {(which, state.value): numbers[which].get(state, 0) for which in numbers for state in _OPEN}


def _oldest(one: ConnectionView, now: datetime) -> Values:
    return _one((now - one.oldest_stop).total_seconds() if one.oldest_stop else 0)


def _reconciled(one: ConnectionView, _: datetime) -> Values:
    # A provider whose lists cannot be read is never late.
    return _one(one.reconciled_at.timestamp() if one.reconciled_at else 0) if one.compares else {}


_CONNECTIONS = (
    _Gauge(
        "prefcenter_levels",
        "Stops and resumes that the connection has not confirmed, by their state.",
        _levels,
        ("direction", "state"),
    ),
    _Gauge(
        "prefcenter_levels_overdue",
        "Stops that are past the deadline of their law and not confirmed, failed ones too.",
        lambda one, _: _one(one.overdue),
    ),
    _Gauge(
        "prefcenter_oldest_unconfirmed_stop_seconds",
        "Age of the oldest stop that the connection has not confirmed, 0: there is none.",
        _oldest,
    ),
    _Gauge(
        "prefcenter_hook_events",
        "What the connection told and is not applied yet (received), or was set aside.",
        lambda one, _: {(state,): one.events.get(state, 0) for state in _EVENTS},
        ("state",),
    ),
    _Gauge(
        "prefcenter_connection_paused",
        "1: nothing is sent to the connection, as it refuses our key or is not configured.",
        lambda one, _: _one(one.state in (PAUSED, UNUSABLE)),
    ),
    _Gauge(
        "prefcenter_connection_breaker_open",
        "1: the connection does not answer and is left alone for a while.",
        lambda one, _: _one(one.breaker_open_until is not None),
    ),
    _Gauge(
        "prefcenter_connection_alarm",
        "1: the connection told of a flood of stops.",
        lambda one, _: _one(one.alarm is not None),
    ),
    _Gauge(
        "prefcenter_connection_reconciled_timestamp_seconds",
        "When the lists of the connection were last compared, 0: never.",
        _reconciled,
    ),
)


@dataclass(frozen=True, slots=True, eq=False)
class _Numbers(Collector):
    """What was read, as metric families."""

    seen: Overview

    def collect(self) -> Iterable[Metric]:
        for gauge in _CONNECTIONS:
            yield self._of_connections(gauge)
        yield _states("prefcenter_deliveries", "Deliveries to webhooks, by state.", self.seen.deliveries)
        yield _states("prefcenter_mails", "Mails of ours, by state.", self.seen.mails)
        help_ = "Mails that came in and wait for the operator."
        yield GaugeMetricFamily("prefcenter_mail_in_open", help_, value=self.seen.mail_in.open)

    def _of_connections(self, gauge: _Gauge) -> Metric:
        family = GaugeMetricFamily(gauge.name, gauge.help, labels=("connection", *gauge.labels))
        for one in self.seen.connections:
            for labels, value in gauge.values(one, self.seen.at).items():
                family.add_metric((one.name, *labels), value)
        return family


def _states(name: str, help_: str, numbers: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, help_, labels=("state",))
    for state, number in numbers.items():
        family.add_metric((state,), number)
    return family


def text_of(seen: Overview) -> bytes:
    """In the text format of Prometheus, 0.0.4."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Numbers(seen))
    return generate_latest(registry)


@dataclass
class KeptMetrics:
    """The last answer of a process; one scrape at a time reads the next one."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    at: datetime | None = None
    body: bytes = b""

    async def current(self, web: Web) -> bytes:
        async with self.lock:
            now = web.now()
            if self.at is None or not timedelta() <= now - self.at < KEPT:
                self.body = text_of(await overview(web.services, now))
                self.at = now
            return self.body


async def metrics(request: Request) -> Response:
    """Answers 503 while the database cannot be read."""
    kept: KeptMetrics = request.app.state.metrics
    body = await kept.current(web_of(request))
    return Response(body, headers={"content-type": CONTENT_TYPE_PLAIN_0_0_4})
