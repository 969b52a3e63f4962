"""Mails of ours: how long they are of use, and when one that was not taken is tried again."""

from __future__ import annotations

from datetime import datetime, timedelta

#: How long a mail that asks to confirm can be answered.
CONFIRM_LIFE = timedelta(days=7)

DAY = timedelta(days=1)
#: The wait after each attempt; daily after these. The first are for a greylisting server.
STEPS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
)


def next_try(attempts: int, born_at: datetime, tries_for: timedelta, now: datetime) -> datetime | None:
    """When to try again after `attempts`, the one just made included; None: it is given up.

    `tries_for`: how long after its birth a mail of this kind is still of use.
    """
    if attempts < 1:
        raise ValueError("attempts: counts the attempt just made, so it is at least 1")
    again = now + (STEPS[attempts - 1] if attempts <= len(STEPS) else DAY)
    return again if again < born_at + tries_for else None
