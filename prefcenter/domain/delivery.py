"""What becomes of a delivery after an attempt: confirmed, tried again, or failed loudly."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

DAY = timedelta(days=1)
#: The wait before each attempt, from the one before (the schedule of Standard Webhooks: 75 h 35 min).
STEPS = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
#: A stop is not given up with the schedule: it goes on daily until this long after its first attempt.
STOPS_LIVE = timedelta(days=30)
#: Waits grow by up to this share, so that what failed together does not come back together.
JITTER = 0.1
#: A receiver may not put us off for longer than this at a time.
LONGEST_RETRY_AFTER = DAY

GONE = 410


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came of one attempt: a `status`, or an `error` in a few words. `retry_after` is in seconds."""

    status: int | None = None
    error: str | None = None
    retry_after: float | None = None

    @property
    def confirms(self) -> bool:
        return self.status is not None and 200 <= self.status <= 299

    @property
    def reason(self) -> str:
        """In words, for the delivery's record and the operator."""
        if self.status is None:
            return self.error or "no answer"
        redirect = " (redirects are not followed)" if 300 <= self.status <= 399 else ""
        return f"answered {self.status}{redirect}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Confirmed:
    """The receiver has it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryAt:
    when: datetime
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedLoudly:
    """The end of the schedule: somebody has to be told."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DisableEndpoint:
    """The receiver wants no more, neither this delivery nor others."""

    reason: str


NextStep = Confirmed | RetryAt | FailedLoudly | DisableEndpoint


def after_attempt(
    outcome: Answer, attempts: int, first_at: datetime, now: datetime, is_stop: bool, jitter: float
) -> NextStep:
    """What to do now.

    `attempts` counts the one just made, `first_at` is when the first was made, `is_stop` says whether the
    delivery carries a stop, `jitter` is a random fraction from 0 to 1.
    """
    if attempts < 1:
        raise ValueError("attempts: counts the attempt just made, so it is at least 1")
    if outcome.confirms:
        return Confirmed()
    if outcome.status == GONE:
        return DisableEndpoint(reason=outcome.reason)
    step = _step_after(attempts, first_at, now, is_stop)
    if step is None:
        return FailedLoudly(reason=f"given up after {attempts} attempts; the last one: {outcome.reason}")
    wait = max(step, _asked_for(outcome)) * (1 + JITTER * jitter)
    return RetryAt(when=now + wait, reason=outcome.reason)


def retry_after_seconds(value: str, now: datetime) -> float | None:
    """The seconds that a `Retry-After` asks for (RFC 9110 10.2.3: seconds or an HTTP date), from 0 to a day.

    None for what cannot be read: the schedule then stands.
    """
    text = value.strip()
    if re.fullmatch(r"[0-9]+", text):
        # Longer than any honest number, and int() refuses thousands of digits.
        asked = float(text) if len(text) < 10 else LONGEST_RETRY_AFTER.total_seconds()
    else:
        try:
            date = parsedate_to_datetime(text)
            asked = ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds()
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return min(max(asked, 0.0), LONGEST_RETRY_AFTER.total_seconds())


def _step_after(attempts: int, first_at: datetime, now: datetime, is_stop: bool) -> timedelta | None:
    if attempts < len(STEPS):
        return STEPS[attempts]
    return DAY if is_stop and now < first_at + STOPS_LIVE else None


def _asked_for(outcome: Answer) -> timedelta:
    asked = outcome.retry_after or 0.0
    # Not min(): a not-a-number must not come through either.
    if not asked <= LONGEST_RETRY_AFTER.total_seconds():
        return LONGEST_RETRY_AFTER
    return timedelta(seconds=max(asked, 0.0))
