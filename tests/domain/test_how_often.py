"""How often a mailbox is asked to confirm something, to the second."""

from datetime import datetime, timedelta

import pytest

from prefcenter.domain.choices import Action, Cause, Choice, Effect, Source
from prefcenter.domain.judge import Known, judge
from prefcenter.domain.standing import Stop
from tests.domain.cases import ADA
from tests.domain.test_boundaries import LONG_AGO, SECOND, TIPS, turns, utc


@pytest.mark.parametrize(
    ("complained", "rest"), [(False, timedelta(days=1)), (True, timedelta(days=30))], ids=["a day", "30 days"]
)
def test_nobody_is_asked_by_mail_again_before_the_rest_is_over(complained: bool, rest: timedelta) -> None:
    asked = utc(2028, 2, 28, 12)
    complaint = Stop(ADA, "*", "*", Cause.COMPLAINED, Source.PROVIDER, 1, "e1", LONG_AGO, LONG_AGO)
    known = Known(stops=[complaint] if complained else [], asked_at=asked, mailed_at={asked})
    choice = Choice(action=Action.REQUEST, source=Source.OPERATOR, purpose="tips", channel="email")

    def answer(now: datetime) -> tuple[Effect, str | None]:
        verdict = judge(choice, TIPS, known, now)
        return verdict.effect, verdict.reason

    turns(asked + rest, answer, (Effect.NONE, "asked_recently"), (Effect.PENDING, "needs_confirmation"))
    elsewhere = known._replace(asked_at=None)
    assert judge(choice, TIPS, elsewhere, asked + SECOND).effect is (
        Effect.NONE if complained else Effect.PENDING
    )


def test_a_fourth_mail_to_an_address_waits_until_the_first_is_a_day_old() -> None:
    first = utc(2028, 2, 28, 12)
    known = Known(mailed_at={first, first + SECOND, first + timedelta(hours=23)})
    choice = Choice(action=Action.REQUEST, source=Source.OPERATOR, purpose="tips", channel="email")

    def answer(now: datetime, known: Known = known) -> tuple[Effect, str | None]:
        verdict = judge(choice, TIPS, known, now)
        return verdict.effect, verdict.reason

    day = timedelta(days=1)
    turns(first + day, answer, (Effect.NONE, "asked_too_often"), (Effect.PENDING, "needs_confirmation"))
    # What is asked for in one call is one mail.
    third = first + timedelta(hours=23)
    assert answer(third) == (Effect.PENDING, "needs_confirmation")
    assert answer(third + SECOND) == (Effect.NONE, "asked_too_often")
