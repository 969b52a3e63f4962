"""What of an overview wants the operator's attention, in plain words, the most urgent first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from prefcenter.domain.deadlines import Progress
from prefcenter.storage.connections import PAUSED
from prefcenter.use_cases.overview import UNUSABLE, ConnectionView, Overview

#: Comparing is due every hour: after so long it does not work.
RECONCILED_WITHIN = timedelta(hours=6)
#: A stop is sent within seconds, and tried again a few times within the first hours.
SENT_WITHIN = timedelta(hours=1)

_REPLAY = "prefcenter reconcile {} --replay"


def attention(seen: Overview, *, can_mail: bool) -> list[str]:
    """One sentence for each; empty: nothing does. `can_mail`: whether a mail server is set."""
    found = [said for look in _OF_CONNECTIONS for one in seen.connections for said in look(one, seen.at)]
    return [*found, *_of_the_rest(seen, can_mail=can_mail)]


def _overdue(one: ConnectionView, _: datetime) -> Iterable[str]:
    if one.overdue:
        yield f"{one.name}: {_stops(one.overdue)} past the deadline of the law, and not confirmed there"


def _unusable(one: ConnectionView, _: datetime) -> Iterable[str]:
    if one.state == UNUSABLE:
        yield f"{one.name}: cannot be used, so nothing reaches it: {'; '.join(one.problems)}"


def _paused(one: ConnectionView, now: datetime) -> Iterable[str]:
    if one.state == PAUSED:
        yield f"{one.name}: paused since {moment(one.since or now)}: {one.reason or 'no reason was kept'}"


def _failed(one: ConnectionView, _: datetime) -> Iterable[str]:
    if number := one.stops.get(Progress.FAILED, 0):
        yield f"{one.name}: {_stops(number)} given up; mend it, then `{_REPLAY.format(one.name)}`"


def _alarm(one: ConnectionView, now: datetime) -> Iterable[str]:
    if one.alarm:
        yield f"{one.name}: alarm since {moment(one.alarm_at or now)}: {one.alarm}"


def _breaker(one: ConnectionView, _: datetime) -> Iterable[str]:
    if one.breaker_open_until:
        until = moment(one.breaker_open_until)
        yield f"{one.name}: does not answer, left alone until {until}: {one.reason or 'no reason was kept'}"


def _waits(one: ConnectionView, now: datetime) -> Iterable[str]:
    # Of the others it is said why.
    moves = one.state not in (PAUSED, UNUSABLE) and one.breaker_open_until is None and not one.overdue
    if moves and one.oldest_stop is not None and now - one.oldest_stop > SENT_WITHIN:
        yield f"{one.name}: a stop has waited since {moment(one.oldest_stop)}; is a worker up?"


def _aside(one: ConnectionView, _: datetime) -> Iterable[str]:
    if number := one.events.get("aside", 0):
        again = _REPLAY.format(one.name)
        are = "is" if number == 1 else "are"
        yield f"{one.name}: {number} of its events {are} set aside, the log says why; `{again}`"


def _problems(one: ConnectionView, _: datetime) -> Iterable[str]:
    if one.problems and one.state != UNUSABLE:
        yield f"{one.name}: {'; '.join(one.problems)}"


def _not_compared(one: ConnectionView, now: datetime) -> Iterable[str]:
    if not one.compares:
        return
    if one.reconciled_at is None:
        yield f"{one.name}: was never compared with the provider's lists; is a worker up?"
    elif now - one.reconciled_at > RECONCILED_WITHIN:
        yield f"{one.name}: last compared with the provider's lists on {moment(one.reconciled_at)}"


_OF_CONNECTIONS: tuple[Callable[[ConnectionView, datetime], Iterable[str]], ...] = (
    _overdue,
    _unusable,
    _paused,
    _failed,
    _alarm,
    _breaker,
    _waits,
    _aside,
    _problems,
    _not_compared,
)


def _of_the_rest(seen: Overview, *, can_mail: bool) -> Iterable[str]:
    if seen.mails["pending"] and not can_mail:
        yield f"mails: {seen.mails['pending']} wait, and no mail server is set (PREFCENTER_SMTP_URL)"
    if seen.mail_in.oldest is not None:
        since = moment(seen.mail_in.oldest)
        yield f"mail in: {seen.mail_in.open} wait for you since {since}: `prefcenter receive --queue`"
    if seen.mails["failed"]:
        yield f"mails: {seen.mails['failed']} could not be sent; `prefcenter check` says why"
    if seen.deliveries["failed"]:
        yield f"webhooks: {seen.deliveries['failed']} deliveries were given up; see `GET /v1/webhooks`"


def _stops(number: int) -> str:
    return "1 stop is" if number == 1 else f"{number} stops are"


def moment(at: datetime) -> str:
    """A time for reading, in UTC."""
    return f"{at:%Y-%m-%d %H:%M} UTC"
