"""How it goes: the connections, what waits and what failed, by numbers only. Nothing here names a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from email_hooks.provider import capabilities_of
from prefcenter.storage.connections import PAUSED, ConnectionNow, ConnectionStates
from prefcenter.storage.level_counts import OpenLevels, open_levels
from prefcenter.storage.mail_in import MailInCounts, mail_in_counts
from prefcenter.storage.waiting import waiting
from prefcenter.use_cases.services import Services

#: Of the file, and not usable as it stands there; not seen by a worker yet.
UNUSABLE, NEW = "unusable", "new"


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionView:
    """One connection of the catalog.

    `state`: running, paused (`reason`, since `since`), unusable (`problems` say why) or new. `stops`: those
    that it has not confirmed, by their state; `overdue` of them are past the deadline of their law, failed
    ones too, and the oldest was said at `oldest_stop`. `resumes`: as `stops`, of what is open again.
    `events`: received and not applied yet, or aside. `compares`: whether its lists can be read at all.
    """

    name: str
    state: str
    reason: str | None
    since: datetime | None
    problems: Sequence[str]
    breaker_open_until: datetime | None
    snapshot: str | None
    alarm: str | None
    alarm_at: datetime | None
    compares: bool
    reconciled_at: datetime | None
    stops: Mapping[str, int]
    resumes: Mapping[str, int]
    overdue: int
    oldest_stop: datetime | None
    events: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """`deliveries` (to webhooks) and `mails`: pending and failed. `mail_in`: what waits for the operator."""

    at: datetime
    connections: Sequence[ConnectionView]
    deliveries: Mapping[str, int]
    mails: Mapping[str, int]
    mail_in: MailInCounts


async def overview(services: Services, now: datetime) -> Overview:
    """By a few look-ups in indexes, however much there is. Raises StorageUnavailable."""
    database = services.database
    states = await ConnectionStates(database).all()
    levels = await open_levels(database, now)
    waits = await waiting(database)
    accounts = services.accounts.now
    names = sorted({*accounts.usable, *accounts.problems})
    return Overview(
        at=now,
        connections=[
            _view(services, name, states.get(name), levels, waits.hook_events.get(name, {}), now)
            for name in names
        ],
        deliveries=waits.deliveries,
        mails=waits.mails,
        mail_in=await mail_in_counts(database),
    )


def _view(
    services: Services,
    name: str,
    state: ConnectionNow | None,
    levels: Sequence[OpenLevels],
    events: Mapping[str, int],
    now: datetime,
) -> ConnectionView:
    accounts = services.accounts.now
    account = accounts.usable.get(name)
    mine = [one for one in levels if one.connection == name]
    stops = [one for one in mine if one.stopped]
    open_until = state.open_until if state else None
    return ConnectionView(
        name=name,
        state=UNUSABLE if account is None else state.state if state else NEW,
        reason=state.reason if state else None,
        since=state.since if state else None,
        problems=[*accounts.problems.get(name, ()), *(state.problems if state else ())],
        breaker_open_until=_still_open(state, open_until, now),
        snapshot=state.snapshot if state else None,
        alarm=state.alarm if state else None,
        alarm_at=state.alarm_at if state else None,
        compares=account is not None and bool(capabilities_of(account.provider, account.config).lists),
        reconciled_at=state.reconciled_at if state else None,
        stops=_by_state(stops),
        resumes=_by_state([one for one in mine if not one.stopped]),
        overdue=sum(one.number for one in stops if one.late),
        oldest_stop=min((one.oldest for one in stops), default=None),
        events=events,
    )


def _by_state(levels: Sequence[OpenLevels]) -> dict[str, int]:
    numbers: Counter[str] = Counter()
    for one in levels:
        numbers[one.state.value] += one.number
    return dict(numbers)


def _still_open(state: ConnectionNow | None, until: datetime | None, now: datetime) -> datetime | None:
    # Of a paused one the same field says when it is tried again.
    if state is None or state.state == PAUSED or until is None or until <= now:
        return None
    return until
