"""What is sent again, or late, changes nothing that was said since."""

from datetime import timedelta

import pytest

from prefcenter.domain.choices import Action, Effect, Source
from tests.domain.cases import NEWSLETTER, NOW, OFFERS, SMS, Told

SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
STOP = Action.WITHDRAW


def form(told: Told, at, about=NEWSLETTER, action: Action = Action.GIVE, **more):
    return told.tell(action, Source.FORM, about, stated_at=at, **more)


def test_a_yes_sent_again_does_not_bring_back_what_was_struck_out() -> None:
    told = Told()
    form(told, NOW - HOUR)
    told.strike_out()
    struck = told.now
    assert form(told, NOW - HOUR).reason == "older_than_choice"
    assert form(told, struck).reason == "older_than_choice"
    assert told.decision().reason == "invalidated"
    assert form(told, None).effect is Effect.APPLIED
    assert told.decision().allowed


@pytest.mark.parametrize("action", [Action.GIVE, Action.REAFFIRM])
@pytest.mark.parametrize("ago", [HOUR, SECOND])
def test_a_yes_from_before_a_pause_does_not_end_it(action: Action, ago: timedelta) -> None:
    told = Told()
    form(told, NOW - HOUR)
    told.tell(Action.DEFER, Source.PAGE, until=NOW + 30 * DAY)
    paused = told.now
    assert form(told, paused - ago, action=action).reason == "older_than_choice"
    assert told.decision().reason == "deferred"
    assert form(told, paused + SECOND, action=action).effect is Effect.APPLIED
    assert told.decision().allowed


def test_an_older_pause_does_not_replace_a_newer_one() -> None:
    told = Told()
    told.yes()
    told.tell(Action.DEFER, Source.FORM, until=NOW + 300 * DAY)
    paused = told.now
    late = told.tell(Action.DEFER, Source.FORM, stated_at=paused - SECOND, until=NOW + DAY)
    assert late.reason == "older_than_choice"
    newer = told.tell(Action.DEFER, Source.FORM, stated_at=paused, until=NOW + 2 * DAY)
    assert newer.effect is Effect.APPLIED
    assert told.decision().until == NOW + 2 * DAY


def test_a_yes_sent_again_does_not_undo_a_stop_that_states_an_earlier_time() -> None:
    told = Told()
    form(told, NOW - MINUTE)
    told.tell(STOP, Source.OPERATOR, stated_at=NOW - HOUR)
    assert form(told, NOW - MINUTE).reason == "older_than_choice"
    assert told.decision().reason == "withdrawn"
    assert form(told, NOW).effect is Effect.APPLIED


@pytest.mark.parametrize(
    ("after", "counts"), [(0 * SECOND, False), (59 * SECOND, False), (60 * SECOND, True)]
)
def test_a_yes_within_a_minute_of_a_stop_may_be_older_than_its_second_click(
    after: timedelta, counts: bool
) -> None:
    told = Told()
    told.yes()
    stopped = told.tell(STOP, Source.ONE_CLICK).occurred_at
    verdict = form(told, stopped + after, after=2 * MINUTE)
    assert (verdict.reason is None) is counts
    assert told.decision().allowed is counts


def test_a_yes_of_this_moment_counts_at_once() -> None:
    told = Told()
    told.yes()
    told.tell(STOP, Source.ONE_CLICK)
    assert told.tell(Action.GIVE, Source.FORM, after=SECOND).effect is Effect.APPLIED
    assert told.decision().allowed


def test_an_objection_reported_late_ends_every_channel_but_that_of_the_newer_yes() -> None:
    told = Told()
    told.yes(OFFERS)
    told.tell(Action.OBJECT, Source.SYSTEM, OFFERS, stated_at=NOW - HOUR)
    assert told.decision(OFFERS).reason == "consent"
    assert told.decision(OFFERS, SMS).reason == "objected"


# --- "not now" -----------------------------------------------------------------------------------------


def test_not_now_answers_a_question_and_nothing_else() -> None:
    told = Told()
    assert told.tell(Action.DEFER, Source.FORM).effect is Effect.APPLIED
    assert told.decision().reason == "deferred"
    assert told.tell(Action.DEFER, Source.FORM, OFFERS).reason == "nothing_was_asked"
    told.yes()
    assert told.tell(Action.DEFER, Source.FORM).reason == "nothing_was_asked"
    assert told.decision().allowed


def test_not_now_ends_no_pause() -> None:
    told = Told()
    told.tell(Action.DEFER, Source.FORM, OFFERS, until=NOW + 30 * DAY)
    assert told.tell(Action.DEFER, Source.FORM, OFFERS).reason == "shorter_than_pause"
    assert told.decision(OFFERS).reason == "deferred"


def test_a_pause_that_is_over_can_be_followed_by_a_shorter_one() -> None:
    told = Told()
    told.yes()
    told.tell(Action.DEFER, Source.PROVIDER, until=NOW + HOUR)
    verdict = told.tell(Action.DEFER, Source.PROVIDER, after=DAY, until=NOW + MINUTE)
    assert verdict.effect is Effect.APPLIED
