"""Who may be asked about a new or changed purpose, and who has to be told of it."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcenter.domain.asking import BUDGET, kinds_of
from prefcenter.domain.campaign_words import AskedState, CampaignKind, NotAsked
from prefcenter.domain.choices import Cause, Status
from prefcenter.domain.facts import Facts
from prefcenter.domain.purposes import Basis, Channel, Kind, Purpose
from prefcenter.domain.regimes import add_months
from tests.domain.asked import (
    AMERICAN,
    AS_THE_RULES,
    CHANGED,
    CUSTOMER,
    EVENTS,
    LONG_AGO,
    NEW_OFFERS,
    NEWS,
    NOW,
    OFFERS,
    PURPOSES,
    READER,
    TIPS,
    Person,
)
from tests.domain.world import with_version

ASK, NOTICE, PAGE = CampaignKind.ASK, CampaignKind.NOTICE, CampaignKind.PAGE
HOUR = timedelta(hours=1)


# --- who is asked, and as what the mail travels --------------------------------------------------------


def test_whoever_may_be_mailed_is_asked_and_the_mail_travels_as_what_they_get() -> None:
    assert READER.may_be(TIPS).carrier == "events"


def test_the_changed_purpose_itself_carries_its_question_where_it_may_be_mailed() -> None:
    assert READER.holds(NEWS).may_be(NEWS).carrier == "news"


def test_whoever_may_not_be_mailed_at_all_is_asked_on_their_page_only() -> None:
    assert Person().why_not(TIPS) is NotAsked.NO_LIVE_PURPOSE
    assert READER.stopped(Cause.WITHDRAWN, "events").why_not(TIPS) is NotAsked.NO_LIVE_PURPOSE


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.MARKETING])
def test_nothing_but_marketing_carries_a_question(kind: Kind) -> None:
    basis = Basis.CONTRACT if kind is Kind.SERVICE else Basis.CONSENT
    other = Purpose(key="other", title="Other", description="Other.", kind=kind, basis=basis)
    person = Person().holds(other)
    assert person.why_not(TIPS, purposes=[TIPS, other]) is NotAsked.NO_LIVE_PURPOSE


def test_a_purpose_that_is_not_sent_by_mail_carries_nothing() -> None:
    by_sms = replace(EVENTS, channels=(Channel.SMS,))
    person = Person().holds(by_sms, channel=Channel.SMS)
    assert person.why_not(TIPS, purposes=[TIPS, by_sms]) is NotAsked.NO_LIVE_PURPOSE


def test_nobody_is_asked_about_what_nobody_chooses() -> None:
    account = Purpose(
        key="account", title="A", description="A", kind=Kind.SERVICE, basis=Basis.CONTRACT, since=CHANGED
    )
    retired = replace(TIPS, retired=True)
    for purpose in (account, retired):
        assert kinds_of(purpose) == ()
        assert READER.why_not(purpose, purposes=[purpose, EVENTS]) is NotAsked.NOT_CONCERNED


# --- who is not ----------------------------------------------------------------------------------------


def test_whoever_holds_the_version_is_not_asked() -> None:
    assert READER.holds(NEWS, version=2).why_not(NEWS) is NotAsked.ANSWERED


def test_whoever_declined_the_version_is_not_asked_and_a_newer_one_asks_again() -> None:
    person = READER.holds(NEWS, declined=2)
    assert person.why_not(NEWS) is NotAsked.DECLINED
    assert person.may_be(with_version(NEWS, NOW, data=("email", "purchases"))).carrier


@pytest.mark.parametrize("cause", sorted(Cause))
def test_a_stop_ends_the_asking(cause: Cause) -> None:
    purpose = "*" if cause in _WIDE else "tips"
    sharing = replace(TIPS, kind=Kind.SALE_OR_SHARING)
    about = sharing if cause is Cause.SIGNAL else TIPS
    reason = READER.stopped(cause, purpose).why_not(about)
    assert reason is (NotAsked.DECLINED if cause is Cause.REFUSED else NotAsked.STOPPED)


_WIDE = {Cause.ALL_MARKETING, Cause.COMPLAINED, Cause.BOUNCED, Cause.ERASED, Cause.SIGNAL}


def test_a_refusal_is_final_for_the_version_that_was_refused() -> None:
    before, after = CHANGED - HOUR, CHANGED + HOUR
    refused = READER.stopped(Cause.REFUSED, "news", channel="email", at=after)
    assert refused.why_not(NEWS) is NotAsked.DECLINED
    earlier = READER.stopped(Cause.REFUSED, "news", channel="email", at=before)
    assert earlier.may_be(NEWS).carrier == "events"


def test_whoever_took_a_yes_back_is_never_asked_again() -> None:
    withdrawn = READER.stopped(Cause.WITHDRAWN, "news", channel="email", at=LONG_AGO)
    assert withdrawn.why_not(NEWS) is NotAsked.STOPPED


def test_children_are_not_asked() -> None:
    child = replace(READER, facts=Facts(country="DE", age_band="13_15"))
    assert child.why_not(TIPS) is NotAsked.MINOR


def test_whoever_paused_it_is_left_alone() -> None:
    paused = READER.holds(NEWS, until=NOW + HOUR)
    assert paused.why_not(NEWS) is NotAsked.PAUSED
    assert paused.may_be(NEWS, now=NOW + HOUR).carrier


def test_whoever_is_about_to_confirm_it_is_not_asked_for_it() -> None:
    asked_for = READER.holds(TIPS, Status.REQUESTED, at=NOW - HOUR)
    assert asked_for.why_not(TIPS) is NotAsked.CONFIRMING
    assert asked_for.may_be(TIPS, now=NOW + timedelta(days=7)).carrier


def test_a_yes_that_ran_out_may_be_asked_for_again() -> None:
    ran_out = replace(READER.holds(NEWS, version=2), facts=Facts(country="XA"))
    live = with_version(EVENTS, NOW)
    person = replace(ran_out.holds(live, at=NOW - HOUR), facts=Facts(country="XA"))
    assert person.may_be(NEWS, purposes=[NEWS, live]).carrier == "events"


# --- budget and rests ----------------------------------------------------------------------------------


def test_one_ask_for_each_person_in_90_days_over_all_campaigns() -> None:
    asked = READER.asked(EVENTS, days_ago=0)
    at = asked.askings[0].asked_at
    assert at is not None
    assert asked.why_not(TIPS, now=at + BUDGET - timedelta(seconds=1)) is NotAsked.ASKED_RECENTLY
    assert asked.why_not(NEWS, now=at + BUDGET - timedelta(seconds=1)) is NotAsked.ASKED_RECENTLY
    assert asked.may_be(TIPS, now=at + BUDGET).carrier


def test_a_mail_that_still_waits_counts_and_one_that_was_dropped_does_not() -> None:
    assert READER.asked(state="queued", days_ago=1).why_not(TIPS) is NotAsked.ASKED_RECENTLY
    assert READER.asked(state="stopped", days_ago=1).may_be(TIPS).carrier


def test_the_reminder_counts_as_the_ask() -> None:
    reminded = READER.asked(days_ago=100, reminded_at=NOW - timedelta(days=80))
    assert reminded.why_not(TIPS) is NotAsked.ASKED_RECENTLY


def test_a_notice_and_a_question_on_a_page_cost_no_budget() -> None:
    assert READER.asked(OFFERS, days_ago=1, kind=NOTICE).may_be(TIPS).carrier
    assert READER.asked(EVENTS, "later", days_ago=1, kind=PAGE).may_be(TIPS).carrier


@pytest.mark.parametrize("state", [AskedState.ASKED, AskedState.LATER])
def test_twelve_months_of_rest_after_silence_or_not_now(state: AskedState) -> None:
    asked = READER.asked(TIPS, state, days_ago=100)
    last = asked.askings[0].last_mail
    assert last is not None
    ends = add_months(last, 12)
    assert asked.why_not(TIPS, now=ends - timedelta(seconds=1)) is NotAsked.RESTING
    assert asked.may_be(TIPS, now=ends).carrier


def test_a_newer_version_does_not_wait_for_the_rest_of_an_older_one() -> None:
    asked = READER.asked(TIPS, days_ago=100)
    assert asked.may_be(with_version(TIPS, NOW, recipients=("partner",))).carrier


def test_not_now_on_a_page_or_by_a_form_rests_too() -> None:
    assert READER.asked(TIPS, "later", days_ago=100, kind=PAGE).why_not(TIPS) is NotAsked.RESTING
    by_form = READER.holds(TIPS, Status.DEFERRED, at=NOW - timedelta(days=1))
    assert by_form.why_not(TIPS) is NotAsked.RESTING
    assert by_form.may_be(TIPS, now=NOW + timedelta(days=365)).carrier


def test_a_no_on_a_page_is_final_for_that_version() -> None:
    said_no = READER.asked(NEWS, "no", days_ago=1000, kind=PAGE)
    assert said_no.why_not(NEWS) is NotAsked.DECLINED


def test_of_two_questions_that_wait_the_first_goes_out() -> None:
    both = READER.asked(TIPS, "queued", days_ago=2).asked(NEWS, "queued", days_ago=1)
    assert both.may_be(TIPS, itself="a0").carrier
    assert both.why_not(NEWS, itself="a1") is NotAsked.ASKED_RECENTLY


def test_a_reminder_is_not_held_up_by_the_question_it_reminds_of() -> None:
    asked = READER.asked(TIPS, days_ago=20)
    at = asked.askings[0].asked_at
    requested = asked.holds(TIPS, Status.REQUESTED, at=at)
    assert requested.may_be(TIPS, itself="a0").carrier
    fresh = READER.asked(TIPS, days_ago=3)
    ours = fresh.holds(TIPS, Status.REQUESTED, at=fresh.askings[0].asked_at)
    assert ours.may_be(TIPS, itself="a0").carrier


# --- notices -------------------------------------------------------------------------------------------


def test_a_notice_is_for_those_whose_data_is_older_than_what_needs_no_yes() -> None:
    customer = replace(READER, facts=CUSTOMER)
    assert customer.may_be(NEW_OFFERS, NOTICE).carrier == "events"
    assert customer.may_be(OFFERS, NOTICE).carrier == "offers"
    assert READER.why_not(OFFERS, NOTICE) is NotAsked.NOT_CONCERNED, "no customer"


def test_notice_is_given_once() -> None:
    customer = replace(READER, facts=CUSTOMER)
    told = customer.holds(OFFERS, Status.INFORMED, noticed=2, noticed_at=NOW)
    assert told.why_not(OFFERS, NOTICE) is NotAsked.TOLD
    assert customer.asked(OFFERS, days_ago=1, kind=NOTICE).why_not(OFFERS, NOTICE) is NotAsked.TOLD


def test_nobody_is_asked_for_a_yes_that_is_not_needed() -> None:
    customer = replace(READER, facts=CUSTOMER)
    assert customer.why_not(OFFERS, ASK) is NotAsked.NOT_CONCERNED
    assert READER.why_not(NEWS, NOTICE) is NotAsked.NOT_CONCERNED


def test_whoever_objected_gets_no_notice() -> None:
    objected = replace(READER, facts=CUSTOMER).stopped(Cause.OBJECTED, "offers")
    assert objected.why_not(OFFERS, NOTICE) is NotAsked.STOPPED


def test_whoever_said_no_to_a_change_is_asked_about_the_next_one_rather_than_told() -> None:
    said_no = replace(READER, facts=CUSTOMER).holds(OFFERS, Status.INFORMED, declined=2)
    newer = with_version(OFFERS, NOW, recipients=("partner",))
    purposes = [newer, EVENTS]
    assert said_no.why_not(OFFERS, NOTICE) is NotAsked.DECLINED
    assert said_no.why_not(newer, NOTICE, purposes=purposes) is NotAsked.NOT_CONCERNED
    assert said_no.may_be(newer, ASK, purposes=purposes).carrier


def test_where_the_basis_is_left_out_the_regime_says_which_campaign_is_theirs() -> None:
    american = replace(READER, facts=AMERICAN)
    assert american.may_be(AS_THE_RULES, NOTICE).carrier
    assert american.why_not(AS_THE_RULES, ASK) is NotAsked.NOT_CONCERNED
    assert READER.may_be(AS_THE_RULES, ASK).carrier
    assert READER.why_not(AS_THE_RULES, NOTICE) is NotAsked.NOT_CONCERNED


def test_whoever_said_yes_is_asked_for_more_also_where_others_are_told() -> None:
    said_yes = replace(READER, facts=CUSTOMER).holds(OFFERS, version=1)
    assert said_yes.may_be(OFFERS, ASK).carrier
    assert said_yes.why_not(OFFERS, NOTICE) is NotAsked.NOT_CONCERNED


# --- whatever they did ---------------------------------------------------------------------------------

_moments = st.integers(0, 900).map(lambda days: CHANGED + timedelta(days=days))


@given(st.lists(_moments, min_size=1, max_size=60), st.sampled_from([TIPS, NEWS]))
def test_two_questions_are_never_less_than_90_days_apart(moments: list[datetime], first: Purpose) -> None:
    person = READER.holds(NEWS)
    sent: list[datetime] = []
    about = [first, *(one for one in (TIPS, NEWS, AS_THE_RULES) if one is not first)]
    for now in sorted(moments):
        for purpose in about:
            if person.may_be(purpose, now=now).carrier:
                sent.append(now)
                person = person.asked(purpose, at=now)
    assert all(later - earlier >= BUDGET for earlier, later in pairwise(sent))
    for purpose in about:
        mine = [one.queued_at for one in person.askings if one.purpose == purpose.key]
        assert all(b >= add_months(a, 12) for a, b in pairwise(mine))


@given(
    st.sampled_from(PURPOSES),
    st.sampled_from([ASK, NOTICE]),
    st.sampled_from(sorted(Cause)),
    st.sampled_from(["*", "news", "events", "offers", "tips"]),
    st.sampled_from([READER, replace(READER, facts=CUSTOMER), READER.holds(NEWS), READER.holds(OFFERS)]),
)
def test_nobody_is_mailed_as_something_that_they_stopped(
    purpose: Purpose, kind: CampaignKind, cause: Cause, scope: str, person: Person
) -> None:
    stopped = person.stopped(cause, scope)
    askable = stopped.may_be(purpose, kind)
    assert (askable.carrier is None) is (askable.reason is not None)
    if scope == "*":
        assert askable.carrier is None or cause is Cause.SIGNAL
    assert askable.carrier != scope
