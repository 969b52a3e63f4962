"""`status`: the day at a glance, what wants attention first."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from prefcenter.bootstrap import utc_now
from prefcenter.commands.database import opened
from prefcenter.domain.deadlines import Progress
from prefcenter.settings import Settings
from prefcenter.storage.hook_counts import Count, counts
from prefcenter.storage.lately import stops_since
from prefcenter.storage.level_counts import confirmed_stops
from prefcenter.use_cases.attention import attention, moment
from prefcenter.use_cases.overview import UNUSABLE, ConnectionView, Overview, overview
from prefcenter.use_cases.services import Services

_DAY = timedelta(days=1)
_WIDE = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """`attention`: sentences, the most urgent first. `stops`: of the last 24 hours, by source.

    `confirmed`: the stops that each connection has. `hook_events`: by connection and what became of them.
    """

    attention: Sequence[str]
    stops: Mapping[str, int]
    confirmed: Mapping[str, int]
    hook_events: Sequence[Count]
    overview: Overview


async def status(settings: Settings, *, as_json: bool) -> None:
    """Print how it goes; what is wrong is no failure of the command."""
    async with opened(settings) as services:
        found = await _look(services, utc_now())
    if as_json:
        print(msgspec.json.encode(found, order="sorted").decode())
    else:
        _show(found)


async def _look(services: Services, now: datetime) -> Status:
    seen = await overview(services, now)
    return Status(
        attention=attention(seen, can_mail=services.settings.smtp_url is not None),
        stops=await stops_since(services.database, now - _DAY),
        confirmed=await confirmed_stops(services.database),
        hook_events=await counts(services.database),
        overview=seen,
    )


def _show(found: Status) -> None:
    # In a pipe one row is one line, however long.
    console = Console(width=None if sys.stdout.isatty() else _WIDE)
    _say(console, "Wants your attention", found.attention or ["nothing"])
    _say(console, "Stops of the last 24 hours", [_numbers(found.stops)])
    seen = found.overview
    if seen.connections:
        console.print(_connections(found))
    else:
        _say(console, "Connections", ["none in the catalog"])
    if found.hook_events:
        console.print(_events(found.hook_events))
    mail_in = seen.mail_in
    since = f", the oldest since {moment(mail_in.oldest)}" if mail_in.oldest else ""
    queues = [
        f"to webhooks  {_numbers(seen.deliveries)}",
        f"mails        {_numbers(seen.mails)}",
        f"mail in      {mail_in.open} wait for you{since}",
    ]
    _say(console, "Queues", queues)


def _say(console: Console, title: str, lines: Sequence[str]) -> None:
    console.print(title, style="bold")
    for line in lines:
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


def _numbers(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in numbers.items() if number) or "none"


#: A column of the connections: its title, and what stands in it.
_COLUMNS: Mapping[str, Callable[[ConnectionView, datetime], str]] = {
    "connection": lambda one, _: one.name,
    "state": lambda one, _: _state(one),
    "queued": lambda one, _: str(one.stops.get(Progress.QUEUED, 0)),
    "sent": lambda one, _: str(one.stops.get(Progress.SENT, 0)),
    "overdue": lambda one, _: str(one.stops.get(Progress.OVERDUE, 0)),
    "failed": lambda one, _: str(one.stops.get(Progress.FAILED, 0)),
    "oldest": lambda one, now: _age(one.oldest_stop, now),
    "resumes": lambda one, _: str(sum(one.resumes.values())),
    "snapshot": lambda one, _: one.snapshot or "not yet",
    "compared": lambda one, now: _ago(one, now),
}


def _connections(found: Status) -> Table:
    table = Table(*_COLUMNS, "confirmed", title="Stops on their way to each connection", title_justify="left")
    for one in found.overview.connections:
        cells = [cell(one, found.overview.at) for cell in _COLUMNS.values()]
        table.add_row(*map(escape, cells), str(found.confirmed.get(one.name, 0)))
    return table


def _state(one: ConnectionView) -> str:
    more = {"does not answer": one.breaker_open_until, "alarm": one.alarm, "see above": one.problems}
    return ", ".join([one.state, *(word for word, is_so in more.items() if is_so)])


def _ago(one: ConnectionView, now: datetime) -> str:
    if not one.compares:
        return "" if one.state == UNUSABLE else "has no lists"
    return f"{_age(one.reconciled_at, now)} ago" if one.reconciled_at else "never"


def _age(at: datetime | None, now: datetime) -> str:
    if at is None:
        return ""
    minutes = max(int((now - at).total_seconds()) // 60, 0)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"


def _events(events: Sequence[Count]) -> Table:
    columns = ("connection", "events", "number", "since")
    table = Table(*columns, title="What the providers told", title_justify="left")
    for one in events:
        table.add_row(escape(one.connection), escape(one.state), str(one.number), moment(one.oldest))
    return table
