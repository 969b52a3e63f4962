"""What counts: the first table of docs/rules.md, row by row."""

from datetime import timedelta
from typing import Any

import pytest

from prefcenter.domain.choices import AUTHORITY, Action, Cause, Choice, Effect, Proof, Source, Status
from prefcenter.domain.judge import Known, judge
from tests.domain.cases import (
    ACCOUNT,
    DIGEST,
    EMAIL,
    NEWSLETTER,
    NOW,
    OFFERS,
    SHARING,
    SMS,
    Told,
)

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PERSON_OR_PROXY = [
    Source.PAGE,
    Source.ONE_CLICK,
    Source.FORM,
    Source.EMAIL_REQUEST,
    Source.AGENT,
    Source.OPERATOR,
    Source.CONFIRMATION,
    Source.CHOICE_LINK,
]
MACHINES = [Source.PROVIDER, Source.IMPORT, Source.SYSTEM]
SHOWN = [Source.PAGE, Source.CONFIRMATION, Source.CHOICE_LINK]
HARD = [Cause.OBJECTED, Cause.COMPLAINED, Cause.ALL_MARKETING, Cause.ERASED]
STOP = Action.WITHDRAW


def test_every_source_has_its_authority() -> None:
    assert set(AUTHORITY) == set(Source) == {*PERSON_OR_PROXY, *MACHINES}


# --- stops ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", PERSON_OR_PROXY)
def test_a_stop_by_the_person_or_a_proxy_takes_effect_whatever_time_it_states(source: Source) -> None:
    told = Told()
    told.yes()
    assert told.tell(STOP, source, stated_at=NOW - 400 * DAY).effect is Effect.APPLIED
    assert told.decision().reason == "withdrawn"


@pytest.mark.parametrize("source", MACHINES)
def test_a_stop_by_a_machine_takes_effect_at_once(source: Source) -> None:
    told = Told()
    told.yes()
    assert told.tell(STOP, source).effect is Effect.APPLIED
    assert told.decision().reason == "withdrawn"


@pytest.mark.parametrize("source", MACHINES)
def test_a_late_provider_report_does_not_undo_a_new_yes(source: Source) -> None:
    told = Told()
    told.yes()
    told.tell(STOP, source, stated_at=NOW - HOUR)
    assert told.decision().allowed


@pytest.mark.parametrize("source", MACHINES)
def test_a_late_report_stands_once_the_newer_yes_is_gone(source: Source) -> None:
    told = Told()
    told.yes(OFFERS)
    told.tell(Action.OBJECT, source, OFFERS, stated_at=NOW - HOUR)
    assert told.decision(OFFERS).reason == "consent"
    told.strike_out(OFFERS)
    assert told.decision(OFFERS).reason == "objected"


@pytest.mark.parametrize(("before", "stops"), [(timedelta(0), True), (timedelta(microseconds=1), False)])
def test_a_machine_has_five_minutes_of_slack(before: timedelta, stops: bool) -> None:
    told = Told()
    given = told.yes().occurred_at
    told.tell(STOP, Source.PROVIDER, stated_at=given - 5 * MINUTE - before)
    assert told.decision().allowed is not stops


def test_a_report_without_a_time_stops_even_a_yes_from_a_clock_that_ran_ahead() -> None:
    for stated in (None, NOW + DAY):
        told = Told()
        told.yes(after=DAY)
        verdict = told.tell(STOP, Source.PROVIDER, after=-DAY, stated_at=stated)
        assert verdict.effect is Effect.APPLIED
        assert told.decision().reason == "withdrawn"


def test_a_late_complaint_stops_everything_but_the_newer_yes() -> None:
    told = Told()
    told.yes(DIGEST, after=-2 * DAY)
    told.yes(after=2 * DAY)
    assert told.tell(Action.COMPLAIN, Source.PROVIDER, "*", "*", stated_at=NOW - DAY).effect is Effect.APPLIED
    assert told.decision().allowed
    assert told.decision(DIGEST).reason == "complained"
    assert told.decision(OFFERS).reason == "complained"


def test_a_late_report_spares_no_yes_that_did_not_count_any_more() -> None:
    told = Told()
    told.yes()
    told.tell(STOP, Source.ONE_CLICK)
    told.tell(Action.OBJECT, Source.PROVIDER, "*", "*", stated_at=NOW - DAY)
    assert told.decision().reason == "all_marketing_stopped"
    assert told.tell(Action.GIVE, Source.FORM).reason == "needs_confirmation"


def test_a_report_newer_than_one_of_two_yeses_counts_and_spares_the_other() -> None:
    told = Told()
    told.yes(OFFERS, after=-2 * DAY)
    told.yes(OFFERS, SMS, after=2 * DAY)
    verdict = told.tell(Action.OBJECT, Source.PROVIDER, OFFERS, stated_at=NOW - DAY)
    assert verdict.effect is Effect.APPLIED
    assert told.decision(OFFERS).reason == "objected"
    assert told.decision(OFFERS, SMS).allowed


@pytest.mark.parametrize("action", [Action.WITHDRAW, Action.GIVE])
def test_nobody_reports_the_future(action: Action) -> None:
    told = Told()
    verdict = told.tell(action, Source.FORM, stated_at=NOW + DAY)
    assert verdict.occurred_at == told.now


def test_a_stop_on_a_purpose_that_no_catalog_has_is_kept() -> None:
    choice = Choice(action=STOP, source=Source.ONE_CLICK, purpose="forgotten", channel=EMAIL)
    assert judge(choice, None, Known(), NOW).cause is Cause.WITHDRAWN


@pytest.mark.parametrize("action", [Action.WITHDRAW, Action.REFUSE, Action.OBJECT])
def test_one_click_on_legitimate_interest_is_an_objection(action: Action) -> None:
    assert Told().tell(action, Source.ONE_CLICK, OFFERS).cause is Cause.OBJECTED


# --- yeses by a page ------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", SHOWN)
def test_a_yes_counts_if_the_page_was_shown_after_the_newest_stop(source: Source) -> None:
    for shown, effect in ((2, Effect.APPLIED), (1, Effect.NONE), (None, Effect.NONE)):
        told = Told()
        told.yes()
        told.tell(STOP, Source.ONE_CLICK)
        verdict = told.tell(Action.GIVE, source, shown_seq=shown)
        assert verdict.effect is effect
        assert verdict.reason == (None if effect is Effect.APPLIED else "shown_before_stop")
        assert told.decision().allowed is (effect is Effect.APPLIED)


def test_a_page_shown_before_a_stop_on_something_else_still_counts() -> None:
    told = Told()
    told.tell(STOP, Source.ONE_CLICK, DIGEST)
    told.tell(STOP, Source.ONE_CLICK, channel=SMS)
    assert told.tell(Action.GIVE, Source.PAGE, shown_seq=0).effect is Effect.APPLIED


@pytest.mark.parametrize("proof", [Proof.LINK, Proof.NONE])
def test_a_yes_on_a_page_waits_where_the_purpose_asks_twice(proof: Proof) -> None:
    told = Told()
    assert told.tell(Action.GIVE, Source.PAGE, DIGEST, proof=proof).reason == "needs_confirmation"
    assert told.decision(DIGEST).reason == "requested"
    assert told.tell(Action.GIVE, Source.CONFIRMATION, DIGEST, proof=Proof.CONFIRMED).proof is Proof.CONFIRMED
    assert told.decision(DIGEST).allowed


@pytest.mark.parametrize("cause", HARD)
@pytest.mark.parametrize("proof", Proof)
def test_after_an_objection_or_worse_only_the_person_behind_the_address_can_say_yes(
    cause: Cause, proof: Proof
) -> None:
    told = Told()
    told.stopped_by(cause)
    verdict = told.tell(Action.GIVE, Source.PAGE, proof=proof)
    full = proof in (Proof.CONFIRMED, Proof.SIGNED_IN)
    assert (verdict.effect, verdict.reason) == (
        (Effect.APPLIED, None) if full else (Effect.PENDING, "needs_confirmation")
    )
    assert told.decision().reason == ("consent" if full else cause.value)
    standing = told.standing()
    assert standing is not None
    assert standing.status is (Status.GIVEN if full else Status.REQUESTED)


# --- yeses by an attested form --------------------------------------------------------------------------


def test_an_attested_form_counts_after_a_stop() -> None:
    told = Told()
    told.tell(STOP, Source.ONE_CLICK)
    assert told.tell(Action.GIVE, Source.FORM, shown_seq=None).proof is Proof.ATTESTED
    assert told.decision().allowed


def test_a_tie_means_stop() -> None:
    told = Told()
    stopped = told.tell(STOP, Source.ONE_CLICK).occurred_at
    tie = told.tell(Action.GIVE, Source.FORM, stated_at=stopped)
    assert (tie.effect, tie.reason) == (Effect.NONE, "older_than_stop")
    assert told.decision().reason == "withdrawn"


def test_a_form_older_than_any_stop_stays_without_effect_however_late_the_others_are_reported() -> None:
    told = Told()
    told.tell(STOP, Source.ONE_CLICK)
    told.tell(STOP, Source.PROVIDER, stated_at=NOW - 2 * DAY)
    assert told.tell(Action.GIVE, Source.FORM, stated_at=NOW - DAY).reason == "older_than_stop"


@pytest.mark.parametrize("cause", HARD)
def test_a_form_over_an_objection_or_worse_waits_for_a_confirmation(cause: Cause) -> None:
    told = Told()
    told.stopped_by(cause)
    assert told.tell(Action.GIVE, Source.FORM).effect is Effect.PENDING
    assert not told.decision().allowed


def test_a_form_counts_again_once_a_later_yes_has_answered_the_objection() -> None:
    told = Told()
    told.stopped_by(Cause.ALL_MARKETING)
    told.yes()
    told.tell(STOP, Source.ONE_CLICK)
    told.tell(Action.REQUEST, Source.OPERATOR)
    assert told.tell(Action.GIVE, Source.FORM).effect is Effect.APPLIED
    assert told.tell(Action.GIVE, Source.FORM, SHARING).effect is Effect.PENDING


# --- yeses by anybody else ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        Source.OPERATOR,
        Source.AGENT,
        Source.EMAIL_REQUEST,
        Source.PROVIDER,
        Source.SYSTEM,
        Source.ONE_CLICK,
    ],
)
@pytest.mark.parametrize("action", [Action.GIVE, Action.REAFFIRM])
@pytest.mark.parametrize("proof", [Proof.NONE, Proof.CONFIRMED])
def test_nobody_says_yes_for_the_person(source: Source, action: Action, proof: Proof) -> None:
    told = Told()
    verdict = told.tell(action, source, proof=proof)
    assert (verdict.effect, verdict.reason) == (Effect.NONE, "not_by_the_person")
    assert told.decision().reason == "never_asked"
    assert told.tell(Action.REQUEST, Source.OPERATOR).effect is Effect.PENDING
    assert told.decision().reason == "requested"


EVIDENCE: dict[str, Any] = {"stated_at": NOW - DAY, "wording": "Yes, mail me."}


def test_an_import_counts_only_where_nothing_was_ever_said() -> None:
    told = Told()
    assert told.tell(Action.GIVE, Source.IMPORT, **EVIDENCE).proof is Proof.IMPORTED
    assert told.decision().allowed
    assert told.tell(Action.GIVE, Source.IMPORT, **EVIDENCE).reason == "already_known"


@pytest.mark.parametrize("missing", ["stated_at", "wording"])
def test_a_bare_timestamp_is_no_consent(missing: str) -> None:
    evidence = {**EVIDENCE, missing: None}
    assert Told().tell(Action.GIVE, Source.IMPORT, **evidence).reason == "no_evidence"


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause is not Cause.SIGNAL])
def test_an_import_never_overcomes_a_stop(cause: Cause) -> None:
    told = Told()
    told.stopped_by(cause)
    newer = {**EVIDENCE, "stated_at": NOW + DAY}
    assert told.tell(Action.GIVE, Source.IMPORT, **newer).reason == "already_known"
    assert told.decision().reason == cause.value


@pytest.mark.parametrize("about", [ACCOUNT, "*", "forgotten"])
def test_nobody_says_yes_to_what_is_no_choice(about: str) -> None:
    verdict = Told().tell(Action.GIVE, Source.CONFIRMATION, about, proof=Proof.CONFIRMED)
    assert (verdict.effect, verdict.reason) == (Effect.NONE, "unknown_purpose")


def test_only_a_yes_that_counts_can_be_reaffirmed() -> None:
    told = Told()
    assert told.tell(Action.REAFFIRM, Source.FORM).reason == "nothing_to_reaffirm"
    told.yes()
    assert told.tell(Action.REAFFIRM, Source.FORM).effect is Effect.APPLIED
    told.tell(STOP, Source.ONE_CLICK)
    assert told.tell(Action.REAFFIRM, Source.FORM).reason == "nothing_to_reaffirm"


@pytest.mark.parametrize(("shown", "counts"), [(4, False), (5, True)])
def test_a_page_from_before_a_no_to_a_change_is_too_old_for_a_yes(shown, counts):
    choice = Choice(
        action=Action.GIVE,
        source=Source.CHOICE_LINK,
        purpose="newsletter",
        channel=EMAIL,
        shown_seq=shown,
    )
    verdict = judge(choice, NEWSLETTER, Known(said_no_seq=5), NOW)
    assert (verdict.effect is Effect.APPLIED) is counts
