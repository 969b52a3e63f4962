"""Undo, and the same click twice."""

from datetime import timedelta

import pytest

from prefcenter.domain.choices import Action, Cause, Choice, Effect, Source
from prefcenter.domain.judge import Known, Target, judge, same_click
from prefcenter.domain.standing import Stop
from tests.domain.cases import (
    ADA,
    EMAIL,
    NEWSLETTER,
    NOW,
    Told,
)

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
STOP = Action.WITHDRAW


@pytest.mark.parametrize(
    ("age", "newest", "reason"),
    [
        (timedelta(0), 7, None),
        (30 * MINUTE, 7, None),
        (30 * MINUTE + timedelta(microseconds=1), 7, "too_late"),
        (MINUTE, 8, "not_the_newest"),
    ],
)
@pytest.mark.parametrize("stated", [None, NOW - DAY])
def test_an_undo_works_for_half_an_hour_and_on_the_newest_word_only(
    age: timedelta, newest: int, reason: str | None, stated: object
) -> None:
    choice = Choice(
        action=Action.INVALIDATE,
        source=Source.PAGE,
        purpose="newsletter",
        channel=EMAIL,
        stated_at=None if stated is None else NOW - DAY,
    )
    target = Target(entry="e7", seq=7, is_stop=True, recorded_at=NOW - age)
    verdict = judge(choice, NEWSLETTER, Known(target=target, newest_seq=newest), NOW)
    assert (verdict.reason, verdict.effect is Effect.APPLIED) == (reason, reason is None)


def test_there_must_be_something_to_invalidate() -> None:
    verdict = Told().tell(Action.INVALIDATE, Source.OPERATOR)
    assert (verdict.effect, verdict.reason) == (Effect.NONE, "nothing_to_invalidate")


@pytest.mark.parametrize(
    ("age", "late", "yes", "same"),
    [
        (timedelta(0), timedelta(0), None, True),
        (timedelta(seconds=59), timedelta(0), 4, True),
        (timedelta(seconds=60), timedelta(0), None, False),
        (timedelta(seconds=5), timedelta(0), 6, False),  # a yes in between
        (timedelta(seconds=5), timedelta(0), 5, False),  # a yes that the stop had spared
        (timedelta(seconds=5), HOUR, None, False),  # that stop told of something an hour ago
    ],
)
def test_the_same_stop_within_a_minute_is_the_same_click(
    age: timedelta, late: timedelta, yes: int | None, same: bool
) -> None:
    stop = Stop(
        ADA, EMAIL, "newsletter", Cause.WITHDRAWN, Source.ONE_CLICK, 5, "e5", NOW - age - late, NOW - age
    )
    choice = Choice(action=STOP, source=Source.ONE_CLICK, purpose="newsletter", channel=EMAIL)
    assert same_click(choice, Cause.WITHDRAWN, stop, yes, NOW) is same
    assert not same_click(choice, Cause.REFUSED, stop, yes, NOW)
    assert not same_click(choice, Cause.WITHDRAWN, None, yes, NOW)
    other = choice._replace(source=Source.OPERATOR)
    assert not same_click(other, Cause.WITHDRAWN, stop, yes, NOW)
