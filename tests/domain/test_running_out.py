"""Questions, what runs out, a new address: none of it lets more be sent, nor makes old news new."""

from dataclasses import replace
from datetime import timedelta

import pytest

from prefcenter.domain.choices import Action, Cause, Effect, Proof, Source, Status, takes_away
from prefcenter.domain.decide import decide
from prefcenter.domain.facts import Facts
from prefcenter.domain.purposes import Purpose
from prefcenter.domain.status import status_of
from tests.domain.cases import ADA, BO, CUSTOMER, EMAIL, NEWSLETTER, NOW, OFFERS, RELATIONSHIP, SHARING, Told
from tests.domain.world import REGIMES, with_version

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LINK = Source.CHOICE_LINK
#: A third party came to it.
WIDER_OFFERS = with_version(OFFERS, NOW, recipients=("partner",))


def notify(told: Told, version: int) -> None:
    told.tell(Action.NOTIFY, Source.SYSTEM, OFFERS, version=version)


def version_held(told: Told) -> int | None:
    return told.decision(WIDER_OFFERS, facts=CUSTOMER).version


# --- questions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [Action.ASK, Action.REQUEST])
def test_a_question_makes_nothing_sendable_and_leaves_no_trace_once_forgotten(action: Action) -> None:
    told = Told()
    told.tell(action, LINK)
    assert told.decision().reason == "requested"
    told.tell(Action.EXPIRE, Source.SYSTEM)
    assert told.standing() is None
    assert told.decision().reason == "never_asked"


@pytest.mark.parametrize("action", [Action.ASK, Action.REQUEST])
@pytest.mark.parametrize("about", [NEWSLETTER, OFFERS])
def test_a_question_ends_no_pause_and_neither_does_its_end(action: Action, about: Purpose) -> None:
    told = Told()
    told.tell(Action.DEFER, Source.FORM, about, until=NOW + 90 * DAY)
    told.tell(action, LINK, about)
    assert told.decision(about, facts=CUSTOMER).reason == "deferred"
    told.tell(Action.EXPIRE, Source.SYSTEM, about)
    assert told.decision(about, facts=CUSTOMER).reason == "deferred"
    told.now = NOW + 90 * DAY
    assert told.decision(about, facts=CUSTOMER).reason in ("never_asked", "soft_opt_in")


def test_a_forgotten_question_does_not_make_an_old_yes_news_again() -> None:
    """A nightly run sends the same form again: what was struck out stays out."""
    told = Told()
    told.tell(Action.GIVE, Source.FORM, stated_at=NOW)
    told.strike_out()
    told.tell(Action.ASK, LINK)
    told.tell(Action.EXPIRE, Source.SYSTEM)
    again = told.tell(Action.GIVE, Source.FORM, stated_at=NOW)
    assert (again.effect, again.reason) == (Effect.NONE, "older_than_choice")
    assert told.tell(Action.GIVE, Source.FORM, stated_at=told.now).effect is Effect.APPLIED


@pytest.mark.parametrize("action", [Action.ASK, Action.REQUEST, Action.NOTIFY])
def test_a_yes_that_was_said_before_a_question_arrived_counts(action: Action) -> None:
    told = Told()
    told.tell(action, Source.SYSTEM)
    assert told.tell(Action.GIVE, Source.FORM, stated_at=NOW - HOUR).effect is Effect.APPLIED


def test_a_forgotten_question_leaves_what_they_were_told() -> None:
    told = Told()
    notify(told, 2)
    told.tell(Action.ASK, LINK, OFFERS)
    told.tell(Action.EXPIRE, Source.SYSTEM, OFFERS)
    told.now += 30 * DAY
    assert version_held(told) == 2


def test_a_forgotten_question_leaves_a_yes_that_was_over_before_it() -> None:
    told = Told()
    told.yes(version=2)
    for _ in range(2):
        told.tell(Action.EXPIRE, Source.SYSTEM)
        standing = told.standing()
        assert standing is not None
        assert (standing.status, told.decision().reason) == (Status.EXPIRED, "expired")
        told.tell(Action.ASK, LINK)
        assert told.decision().reason == "requested"


def test_what_ran_out_is_known_to_have_been_of_a_version() -> None:
    """Third parties of that version hear of whatever ends it."""
    told = Told()
    told.yes(version=2)
    told.tell(Action.EXPIRE, Source.SYSTEM)
    standing = told.standing()
    assert standing is not None
    assert (standing.version, standing.proof) == (2, Proof.NONE)


def test_a_complaint_that_was_answered_asks_for_no_longer_rest() -> None:
    told = Told()
    told.stopped_by(Cause.COMPLAINED)
    assert told.tell(Action.GIVE, Source.FORM).reason == "needs_confirmation"
    told.yes()
    told.tell(Action.WITHDRAW, Source.ONE_CLICK)
    assert told.tell(Action.REQUEST, Source.OPERATOR, after=DAY - HOUR).reason == "asked_recently"
    assert told.tell(Action.REQUEST, Source.OPERATOR, after=DAY).effect is Effect.PENDING
    assert told.tell(Action.REQUEST, Source.OPERATOR, SHARING, after=2 * DAY).reason == "asked_recently"


def test_a_request_may_strengthen_a_yes_that_is_not_proved_well_enough() -> None:
    told = Told()
    told.tell(Action.GIVE, Source.FORM, SHARING)
    assert told.tell(Action.REQUEST, Source.OPERATOR, SHARING).reason == "already_given"
    assert told.decision(replace(SHARING, require_proof="confirmed")).missing == ("proof:confirmed",)


# --- what runs out --------------------------------------------------------------------------------------


@pytest.mark.parametrize("about", [NEWSLETTER, replace(OFFERS, basis=None), OFFERS])
@pytest.mark.parametrize("stopped_first", [False, True])
def test_the_clock_only_records_what_every_answer_says_already(about: Purpose, stopped_first: bool) -> None:
    """Before and after the duty has run: the yes is over, and a stop that it came after is back."""
    told = Told()
    if stopped_first:
        told.tell(Action.OBJECT, Source.PAGE, about)
    told.yes(about)
    end = told.now + 40 * DAY
    row = REGIMES.rows["XA"]

    def answer() -> tuple[bool, str]:
        found = decide(
            about,
            channel=EMAIL,
            regime=row,
            standing=told.standing(about),
            stops=told.state.stops_of({ADA}),
            now=told.now,
            facts=replace(CUSTOMER, relationship=replace(RELATIONSHIP, last_at=NOW - 60 * DAY)),
        )
        return found.allowed, found.reason

    assert answer() == (True, "consent")
    told.now = end
    before = answer()
    told.tell(Action.EXPIRE, Source.SYSTEM, about)
    assert answer() == before
    soft = about is not NEWSLETTER and not stopped_first
    assert before == ((True, "soft_opt_in") if soft else (False, "objected" if stopped_first else "expired"))


def test_a_yes_that_ran_out_is_none_for_those_below_sixteen_either() -> None:
    told = Told()
    told.yes(SHARING)
    for days, reason in ((1, "consent"), (100, "minor")):
        found = decide(
            SHARING,
            channel=EMAIL,
            regime=REGIMES.rows["XB"],
            standing=told.standing(SHARING),
            stops=(),
            now=NOW + days * DAY,
            facts=Facts(age_band="13_15"),
        )
        assert found.reason == reason


def test_what_ran_out_is_answered_by_a_fresh_yes_and_not_by_the_old_one() -> None:
    told = Told()
    told.tell(Action.GIVE, Source.FORM, stated_at=NOW - DAY)
    told.tell(Action.EXPIRE, Source.SYSTEM)
    assert told.tell(Action.GIVE, Source.FORM, stated_at=NOW - DAY).reason == "older_than_choice"
    assert told.decision().reason == "expired"
    assert told.tell(Action.GIVE, Source.FORM, stated_at=NOW - HOUR).effect is Effect.APPLIED
    assert told.decision().allowed


def test_the_end_of_a_relationship_does_not_stand_in_the_way_of_the_next() -> None:
    told = Told()
    told.tell(Action.EXPIRE, Source.SYSTEM, OFFERS)
    assert told.decision(OFFERS).reason == "no_relationship"
    assert told.decision(OFFERS, facts=CUSTOMER).reason == "soft_opt_in"
    assert told.tell(Action.GIVE, Source.FORM, OFFERS, stated_at=NOW - DAY).effect is Effect.APPLIED


def test_the_end_of_a_relationship_hides_nothing_that_was_struck_out() -> None:
    told = Told()
    told.tell(Action.OBJECT, Source.PAGE, OFFERS)
    told.yes(OFFERS)
    told.strike_out(OFFERS)
    told.tell(Action.EXPIRE, Source.SYSTEM, OFFERS)
    assert told.tell(Action.GIVE, Source.FORM, OFFERS).effect is Effect.PENDING
    assert told.decision(OFFERS, facts=CUSTOMER).reason == "objected"


# --- a new address --------------------------------------------------------------------------------------


def test_a_no_to_a_change_and_a_pause_go_along_to_a_new_address() -> None:
    told = Told()
    notify(told, 2)
    told.tell(Action.DECLINE, LINK, OFFERS, version=2)
    told.tell(Action.DEFER, Source.FORM, OFFERS, until=NOW + 90 * DAY)
    told.yes()
    told.move(ADA, BO)
    assert told.decision().reason == "never_asked"
    assert told.decision(OFFERS, facts=CUSTOMER).reason == "deferred"
    told.now = NOW + 90 * DAY
    notify(told, 2)
    told.now += 365 * DAY
    assert version_held(told) == 1
    standing = told.standing(OFFERS)
    assert standing is not None
    assert (standing.status, standing.seq, standing.proof) == (Status.DEFERRED, None, Proof.NONE)


def test_each_of_them_goes_along_alone_too() -> None:
    told = Told()
    told.tell(Action.DECLINE, LINK, OFFERS, version=2)
    told.tell(Action.DEFER, Source.FORM, until=NOW + 90 * DAY)
    told.move(ADA, BO)
    declined, paused = told.standing(OFFERS), told.standing()
    assert declined is not None and paused is not None
    assert (declined.status, declined.declined, declined.until) == (Status.INFORMED, 2, None)
    assert (paused.status, paused.declined, paused.until) == (Status.DEFERRED, None, NOW + 90 * DAY)


def test_a_pause_that_is_over_is_left_behind() -> None:
    told = Told()
    told.tell(Action.DEFER, Source.FORM, until=NOW + HOUR)
    told.now += DAY
    told.move(ADA, BO)
    assert told.standing() is None


# --- words ----------------------------------------------------------------------------------------------


def test_whoever_agreed_to_what_is_yet_to_begin_has_still_agreed() -> None:
    told = Told()
    told.yes(version=1)
    ahead = replace(NEWSLETTER, since=NOW, in_force_at=NOW + DAY)
    assert status_of(told.decision(ahead)) == "ConsentGiven"
    assert status_of(told.decision(replace(OFFERS, in_force_at=NOW + DAY), facts=CUSTOMER)) == (
        "LegitimateInterestInformed"
    )


def test_what_ran_out_takes_away_and_a_question_does_not() -> None:
    told = Told()
    told.yes()
    told.tell(Action.ASK, LINK)
    told.tell(Action.EXPIRE, Source.SYSTEM)
    assert [takes_away(entry) for entry in told.entries] == [False, False, True]
