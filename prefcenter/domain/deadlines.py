"""Until when a stop must be honoured by whoever mails (docs/rules.md), and how far it has come by then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple

from prefcenter.domain.countries import country_of
from prefcenter.domain.purposes import ANY, Channel
from prefcenter.domain.regimes import STRICT

#: Whether a country (ISO 3166-1) works on a day.
IsBusinessDay = Callable[[str, date], bool]

#: What Gmail and Yahoo ask of whoever sends in bulk, wherever their users live.
MAILBOX_PROVIDERS = "mailbox providers"
MAILBOX_PROVIDERS_WITHIN = timedelta(hours=48)

_DAY = timedelta(days=1)
_FARTHEST_WEST = timedelta(hours=12)


class Deadline(NamedTuple):
    """`law`: whose deadline it is, such as `US: 10 business days` (docs/regimes.md has the source)."""

    honour_by: datetime
    law: str


def deadline(
    within: Mapping[str, str],
    country: str | None,
    channel: str,
    said_at: datetime,
    is_business_day: IsBusinessDay,
) -> Deadline:
    """Until when, in UTC, a stop that was said or received at `said_at` must be honoured.

    `within`: the periods of the rows (`regime_rows.honour_within`). `country`: as the facts have it, `US-CA`;
    where nothing is known of it the strictest row counts. Mail has the mailbox providers' deadline as well,
    and the earlier one counts.
    """
    row = _row(within, country)
    by_law = Deadline(_after(within[row], country or "", said_at, is_business_day), f"{row}: {within[row]}")
    if channel not in (Channel.EMAIL, ANY):
        return by_law
    hours = MAILBOX_PROVIDERS_WITHIN // timedelta(hours=1)
    by_mail = Deadline(said_at + MAILBOX_PROVIDERS_WITHIN, f"{MAILBOX_PROVIDERS}: {hours} hours")
    return min(by_law, by_mail)


def _row(within: Mapping[str, str], country: str | None) -> str:
    names = (country, country_of(country)) if country else ()
    return next((name for name in names if name in within), STRICT)


def _after(period: str, country: str, said_at: datetime, is_business_day: IsBusinessDay) -> datetime:
    number, _, unit = period.partition(" ")
    if unit == "hours":
        return said_at + timedelta(hours=int(number))
    if unit == "days":
        return said_at + int(number) * _DAY
    return _after_business_days(int(number), country_of(country), said_at, is_business_day)


def _after_business_days(
    number: int, country: str, said_at: datetime, is_business_day: IsBusinessDay
) -> datetime:
    """The beginning, in UTC, of the last business day: wherever in the country they live it is not over.

    The day on which it was said does not count; it is the earliest that it was anywhere.
    """
    day = (said_at.astimezone(UTC) - _FARTHEST_WEST).date()
    left = number
    while left:
        day += _DAY
        left -= is_business_day(country, day)
    return datetime.combine(day, time(), UTC)


class Progress(StrEnum):
    """How far a stop has come on its way to a connection."""

    QUEUED = "queued"
    SENT = "sent"
    CONFIRMED = "confirmed"
    OVERDUE = "overdue"
    FAILED = "failed"


def state_of(
    *,
    wanted: int,
    sent: int,
    confirmed: int,
    failed: bool,
    honour_by: datetime | None,
    now: datetime,
) -> Progress:
    """Of the versions that are wanted, were sent and are confirmed. `failed`: nobody tries any more.

    `honour_by` None: there is no deadline (a resume). At that very moment it is still in time.
    """
    if confirmed >= wanted:
        return Progress.CONFIRMED
    if failed:
        return Progress.FAILED
    if honour_by is not None and now > honour_by:
        return Progress.OVERDUE
    return Progress.SENT if sent >= wanted else Progress.QUEUED
