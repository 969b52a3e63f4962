"""When a mail that was not taken is tried again."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from prefcenter.domain.mail_retries import CONFIRM_LIFE, next_try

BORN = datetime(2026, 11, 23, 9, tzinfo=UTC)


def tries(tries_for: timedelta) -> list[timedelta]:
    """How long after its birth each try of a mail is made that is never taken."""
    made = []
    at: datetime | None = BORN
    while at is not None:
        made.append(at - BORN)
        at = next_try(len(made), BORN, tries_for, at)
    return made


def test_a_greylisted_mail_is_tried_again_within_minutes_and_then_ever_more_seldom() -> None:
    minute, hour, day = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
    made = tries(CONFIRM_LIFE)
    steps = [later - earlier for earlier, later in pairwise(made)]
    assert steps == [minute, 5 * minute, 30 * minute, 2 * hour, 5 * hour, *[day] * 6]


def test_no_mail_is_sent_that_is_of_no_use_any_more() -> None:
    assert all(made < CONFIRM_LIFE for made in tries(CONFIRM_LIFE))
    assert tries(timedelta(minutes=1)) == [timedelta(0)]
    assert tries(timedelta(minutes=1, microseconds=1)) == [timedelta(0), timedelta(minutes=1)]


def test_the_attempt_just_made_counts() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        next_try(0, BORN, CONFIRM_LIFE, BORN)
