"""What people are told about a change of a purpose, and what they answer: never more than they agreed to."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from prefcenter.domain.choices import Action, Effect, Source
from prefcenter.domain.decide import Decision, decide
from prefcenter.domain.facts import Facts, OptOutOffered, Relationship
from prefcenter.domain.purposes import Purpose
from prefcenter.domain.status import status_of
from tests.domain.cases import (
    ACCOUNT,
    CUSTOMER,
    EMAIL,
    NEWSLETTER,
    NOW,
    OFFERS,
    OPT_IN,
    RELATIONSHIP,
    SMS,
    Told,
)
from tests.domain.world import with_version

SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
LINK = Source.CHOICE_LINK


def versions_of(purpose: Purpose) -> tuple[Purpose, Purpose, Purpose]:
    """It, with a third party that came a minute before, and with another that came now."""
    second = with_version(purpose, NOW - MINUTE, recipients=("partner",))
    return purpose, second, with_version(second, NOW, recipients=("partner", "lab"))


NEWS = versions_of(NEWSLETTER)
LI = versions_of(OFFERS)


def decline(told: Told, version: int, about: Purpose = NEWSLETTER) -> Effect:
    return told.tell(Action.DECLINE, LINK, about, version=version).effect


def notify(told: Told, version: int, about: Purpose = OFFERS) -> None:
    told.tell(Action.NOTIFY, Source.SYSTEM, about, version=version)


def held(told: Told, about: Purpose) -> int | None:
    """The version that they hold, None: nothing may be sent."""
    decision = told.decision(about, facts=CUSTOMER)
    return decision.version if decision.allowed else None


def begun(at: datetime) -> Relationship:
    """As a customer, with a way to say no."""
    return Relationship(
        kind="customer", since=at, opt_out_offered=OptOutOffered(at=at, wording="Say no here.")
    )


def may(about: Purpose, facts: Facts, known_since: datetime | None) -> Decision:
    return decide(
        about,
        channel=EMAIL,
        regime=OPT_IN,
        standing=None,
        stops=(),
        facts=facts,
        known_since=known_since,
        now=NOW,
    )


# --- versions of a yes ----------------------------------------------------------------------------------


def test_a_yes_is_to_the_version_that_was_shown_and_to_no_newer_one() -> None:
    told = Told()
    told.yes(version=1)
    decision = told.decision(NEWS[2])
    assert (decision.allowed, decision.version, decision.pending_version) == (True, 1, 3)
    told.yes(version=2)
    assert held(told, NEWS[2]) == 2
    told.yes(version=3)
    assert (held(told, NEWS[2]), told.decision(NEWS[2]).pending_version) == (3, None)


@pytest.mark.parametrize(
    ("version", "sent", "allowed"),
    [
        (1, {"version": 1}, True),
        (1, {"version": 2}, False),
        (1, {"recipient": "partner"}, False),
        (2, {"version": 2, "recipient": "partner"}, True),
        (2, {"recipient": "lab"}, False),
        (2, {"recipient": "nobody-we-know"}, False),
        (3, {"version": 3, "recipient": "lab"}, True),
        (3, {"version": 1, "recipient": "partner"}, True),
        (3, {"version": 4}, False),
    ],
)
def test_what_is_sent_fits_what_was_agreed_to(version: int, sent: dict[str, object], allowed: bool) -> None:
    told = Told()
    told.yes(version=version)
    decision = decide(
        NEWS[2],
        channel=EMAIL,
        regime=OPT_IN,
        standing=told.standing(),
        stops=(),
        now=told.now,
        **sent,  # type: ignore[arg-type]
    )
    assert (decision.allowed, decision.reason) == (allowed, "consent" if allowed else "choice_pending")
    assert decision.pending_version == (None if version == 3 and allowed else 3)


def test_nobody_agrees_to_what_nobody_chooses_so_the_catalog_says_it_all() -> None:
    second = with_version(ACCOUNT, NOW, recipients=("partner",))
    for sent, reason in (
        ({"version": 2}, "contract"),
        ({"recipient": "partner"}, "contract"),
        ({"recipient": "lab"}, "choice_pending"),
    ):
        found = decide(second, channel=EMAIL, regime=OPT_IN, standing=None, stops=(), now=NOW, **sent)
        assert found.reason == reason


def test_no_to_a_change_leaves_what_they_had() -> None:
    told = Told()
    told.yes(version=1)
    assert decline(told, 2) is Effect.APPLIED
    assert held(told, NEWS[1]) == 1
    notify(told, 2, NEWSLETTER)
    told.now += 365 * DAY
    assert held(told, NEWS[1]) == 1


def test_no_after_a_yes_to_the_same_change_takes_that_yes_back() -> None:
    told = Told()
    told.yes(version=1)
    told.yes(version=3)
    assert held(told, NEWS[2]) == 3
    decline(told, 2)
    assert held(told, NEWS[2]) == 1
    told.yes(version=2)
    assert held(told, NEWS[2]) == 2


def test_no_to_the_only_version_leaves_nothing() -> None:
    told = Told()
    told.yes(version=1)
    decline(told, 1)
    decision = told.decision()
    assert (decision.allowed, decision.reason) == (False, "invalidated")


def test_an_older_yes_does_not_answer_a_no_to_a_newer_version() -> None:
    told = Told()
    decline(told, 2)
    told.yes(version=1)
    standing = told.standing()
    assert standing is not None and standing.declined == 2
    told.yes(version=2)
    standing = told.standing()
    assert standing is not None and standing.declined is None


# --- notice, where nobody needs to say yes --------------------------------------------------------------


def test_notice_brings_a_newer_version_once_there_was_time_to_object() -> None:
    told = Told()
    assert held(told, LI[1]) == 1
    notify(told, 2)
    told.now += 30 * DAY - SECOND
    assert held(told, LI[1]) == 1
    told.now += SECOND
    assert held(told, LI[1]) == 2
    assert held(told, LI[2]) == 2


def test_a_no_is_not_overcome_by_silence_about_what_comes_later() -> None:
    told = Told()
    notify(told, 2)
    decline(told, 2, OFFERS)
    notify(told, 3)
    told.now += 365 * DAY
    assert held(told, LI[2]) == 1
    decline(told, 3, OFFERS)
    told.now += 365 * DAY
    assert held(told, LI[2]) == 1
    told.yes(OFFERS, version=3)
    assert held(told, LI[2]) == 3


def test_a_no_before_the_time_is_up_and_one_after_it_both_count() -> None:
    for wait in (DAY, 60 * DAY):
        told = Told()
        notify(told, 2)
        told.now += wait
        decline(told, 2, OFFERS)
        told.now += 60 * DAY
        assert held(told, LI[1]) == 1


def test_notice_given_twice_gives_no_more_time_and_older_notice_takes_nothing_back() -> None:
    told = Told()
    notify(told, 2)
    told.now += 20 * DAY
    notify(told, 2)
    notify(told, 1)
    told.now += 10 * DAY
    assert held(told, LI[1]) == 2


def test_newer_notice_takes_back_nothing_that_was_theirs_by_then() -> None:
    told = Told()
    notify(told, 2)
    told.now += 30 * DAY
    notify(told, 3)
    assert held(told, LI[2]) == 2
    told.tell(Action.ASK, LINK, OFFERS)
    told.tell(Action.DEFER, Source.FORM, OFFERS, until=told.now + DAY)
    told.now += 2 * DAY
    assert held(told, LI[2]) == 2
    told.now += 28 * DAY
    assert held(told, LI[2]) == 3


def test_newer_notice_before_the_time_is_up_begins_it_anew() -> None:
    told = Told()
    notify(told, 2)
    told.now += 29 * DAY
    notify(told, 3)
    told.now += 30 * DAY - SECOND
    assert held(told, LI[2]) == 1
    told.now += SECOND
    assert held(told, LI[2]) == 3


def test_a_yes_that_was_struck_out_leaves_nothing_by_notice() -> None:
    told = Told()
    told.yes(OFFERS, version=2)
    notify(told, 3)
    told.strike_out(OFFERS)
    assert held(told, LI[2]) == 1


def test_whoever_came_under_the_new_terms_needs_no_notice_unless_they_said_no() -> None:
    told = Told()
    anew = Facts(relationship=begun(NOW))
    assert told.decision(LI[2], facts=anew).version == 3
    decline(told, 3, OFFERS)
    assert told.decision(LI[2], facts=anew).version == 2


def test_a_way_out_that_is_offered_later_is_no_notice_and_saves_no_time_to_object() -> None:
    offered = OptOutOffered(at=NOW, wording="You can say no.")
    late = Facts(relationship=replace(RELATIONSHIP, opt_out_offered=offered))
    assert may(replace(OFFERS, soft_opt_in=None), late, NOW).missing == ("opt_out_offered",)
    # Where everybody was offered one before, it is no notice of what is new all the same.
    new = replace(OFFERS, since=NOW)
    for known in (None, NOW, NOW - 100 * DAY):
        assert may(new, late, known).reason == "choice_pending"
    # Nor is a new relationship of somebody who was there before.
    assert may(new, Facts(relationship=begun(NOW)), NOW - DAY).reason == "choice_pending"
    assert may(new, Facts(relationship=begun(NOW)), NOW).allowed


def test_a_purpose_that_is_new_for_them_waits_for_notice() -> None:
    new = replace(OFFERS, since=NOW)
    told = Told()
    decision = told.decision(new, facts=CUSTOMER)
    assert (decision.reason, decision.pending_version) == ("choice_pending", 1)
    assert status_of(decision) == "LegitimateInterestUninformed"
    notify(told, 1)
    told.now += 30 * DAY
    assert held(told, new) == 1
    decline(told, 1, OFFERS)
    assert told.decision(new, facts=CUSTOMER).reason == "choice_pending"


def test_a_channel_of_a_version_they_do_not_hold_waits_too() -> None:
    wider = with_version(replace(OFFERS, channels=(EMAIL,)), NOW, channels=(EMAIL, SMS))
    told = Told()
    assert told.decision(wider, facts=CUSTOMER).version == 1
    assert told.decision(wider, SMS, facts=CUSTOMER).reason == "choice_pending"
