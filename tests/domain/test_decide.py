""" "May I send?": what stops a message, which reason speaks first, and on which basis it may go."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations
from typing import Any

import pytest

from prefcenter.domain.choices import Action, Cause, Proof, Source, Status
from prefcenter.domain.decide import Decision, decide
from prefcenter.domain.facts import NO_FACTS, Facts, Relationship
from prefcenter.domain.purposes import Basis, Purpose, SoftOptInOffer
from prefcenter.domain.standing import Standing, Stop
from prefcenter.domain.status import status_of
from tests.domain.cases import (
    ACCOUNT,
    ADA,
    CUSTOMER,
    EMAIL,
    LEGAL,
    NEWSLETTER,
    NOW,
    OFFERS,
    OPT_IN,
    RELATIONSHIP,
    SHARING,
    SMS,
    VITAL,
    Told,
)

ORDER = [
    {Cause.ERASED},
    {Cause.BOUNCED},
    {Cause.COMPLAINED},
    {Cause.ALL_MARKETING},
    {Cause.OBJECTED, Cause.WITHDRAWN, Cause.REFUSED},
    {Cause.SIGNAL},
]


def ask(
    purpose: Purpose | None, *stops: Stop, standing: Standing | None = None, facts: Facts = NO_FACTS
) -> Decision:
    return decide(purpose, channel=EMAIL, regime=OPT_IN, standing=standing, stops=stops, now=NOW, facts=facts)


def stop(cause: Cause, seq: int = 1, purpose: str = "sharing") -> Stop:
    covers_one = cause in (Cause.OBJECTED, Cause.WITHDRAWN, Cause.REFUSED)
    return Stop(ADA, "*", purpose if covers_one else "*", cause, Source.PAGE, seq, f"e{seq}", NOW, NOW)


def yes(purpose: str = "newsletter", seq: int = 5, **more: Any) -> Standing:
    given = Standing("ada", purpose, EMAIL, Status.GIVEN, seq, f"e{seq}", NOW, NOW, Proof.ATTESTED)
    return given._replace(**more)


def rank(cause: Cause) -> int:
    return next(n for n, causes in enumerate(ORDER) if cause in causes)


@pytest.mark.parametrize(("one", "other"), list(combinations(Cause, 2)))
def test_of_two_stops_the_graver_one_speaks_whichever_is_newer(one: Cause, other: Cause) -> None:
    for first, second in ((one, other), (other, one)):
        reason = ask(SHARING, stop(first, 1), stop(second, 2)).reason
        expected = second if rank(first) == rank(second) else min(one, other, key=rank)
        assert reason == expected.value


@pytest.mark.parametrize("cause", Cause)
def test_unknown_speaks_before_every_stop(cause: Cause) -> None:
    for purpose in (None, replace(SHARING, retired=True), replace(SHARING, channels=(SMS,))):
        assert ask(purpose, stop(cause)).reason == "unknown_purpose"


@pytest.mark.parametrize("purpose", [ACCOUNT, LEGAL])
@pytest.mark.parametrize("cause", Cause)
def test_contract_and_legal_obligation_look_at_the_catalog_and_bounces_only(
    purpose: Purpose, cause: Cause
) -> None:
    decision = ask(purpose, stop(cause, purpose=purpose.key))
    assert decision.allowed is (cause is not Cause.BOUNCED)
    assert decision.reason == (str(purpose.basis) if decision.allowed else "bounced")


@pytest.mark.parametrize("cause", Cause)
def test_vital_interest_ends_with_erasure_too(cause: Cause) -> None:
    assert ask(VITAL, stop(cause)).allowed is (cause not in (Cause.BOUNCED, Cause.ERASED))


@pytest.mark.parametrize(("seq", "allowed"), [(4, False), (5, True), (6, True)])
def test_a_yes_must_be_newer_than_the_stop_or_spared_by_it(seq: int, allowed: bool) -> None:
    decision = ask(NEWSLETTER, stop(Cause.WITHDRAWN, 5, "newsletter"), standing=yes(seq=seq))
    assert decision.allowed is allowed


def test_a_stop_says_which_entry_and_a_yes_too() -> None:
    refused = ask(SHARING, stop(Cause.COMPLAINED, 7))
    assert (refused.entry, refused.since) == ("e7", NOW)
    given = ask(NEWSLETTER, standing=yes())
    assert (given.allowed, given.reason, given.entry, given.proof) == (True, "consent", "e5", Proof.ATTESTED)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (Status.REQUESTED, "requested"),
        (Status.DEFERRED, "deferred"),
        (Status.INVALIDATED, "invalidated"),
        (Status.EXPIRED, "expired"),
    ],
)
def test_anything_but_a_valid_yes_is_no(status: Status, reason: str) -> None:
    decision = ask(NEWSLETTER, standing=yes(status=status))
    assert (decision.allowed, decision.reason, decision.proof) == (False, reason, None)


def test_who_was_never_asked_is_not_written_to() -> None:
    for purpose in (NEWSLETTER, SHARING):
        assert ask(purpose).reason == "never_asked"


def test_a_pause_holds_until_its_end() -> None:
    for until, reason in ((NOW + timedelta(microseconds=1), "deferred"), (NOW, "consent")):
        assert ask(NEWSLETTER, standing=yes(until=until)).reason == reason


@pytest.mark.parametrize("proof", Proof)
def test_a_purpose_may_ask_for_a_proof(proof: Proof) -> None:
    purpose = replace(NEWSLETTER, require_proof="signed_in")
    decision = ask(purpose, standing=yes(proof=proof))
    assert decision.allowed is (proof in (Proof.CONFIRMED, Proof.SIGNED_IN))
    assert decision.missing == (() if decision.allowed else ("proof:signed_in",))


@pytest.mark.parametrize("age_band", ["under_13", "13_15"])
def test_a_minors_own_yes_is_not_valid_for_marketing(age_band: str) -> None:
    young = Facts(age_band=age_band)
    assert ask(NEWSLETTER, standing=yes(), facts=young).reason == "minor"
    assert ask(ACCOUNT, facts=young).allowed


# --- legitimate interest --------------------------------------------------------------------------------


def test_a_customer_who_could_say_no_may_be_written_to() -> None:
    decision = ask(OFFERS, facts=CUSTOMER)
    assert (decision.allowed, decision.reason, decision.basis) == (True, "soft_opt_in", "legitimate_interest")


NOT_TOLD = replace(RELATIONSHIP, opt_out_offered=None)
TOO_LATE = SoftOptInOffer(offered_since=date(2026, 11, 1), wording="You can say no.")


@pytest.mark.parametrize(
    ("purpose", "relationship", "missing"),
    [
        (OFFERS, None, ("relationship", "opt_out_offered")),
        (OFFERS, replace(RELATIONSHIP, kind="inquiry"), ("relationship",)),
        (replace(OFFERS, similar_to_purchase=False), RELATIONSHIP, ("similar_to_purchase",)),
        (OFFERS, replace(RELATIONSHIP, opt_out_offered=False), ("opt_out_offered",)),
        (replace(OFFERS, soft_opt_in=None), NOT_TOLD, ("opt_out_offered",)),
        (replace(OFFERS, soft_opt_in=TOO_LATE), NOT_TOLD, ("opt_out_offered",)),
    ],
)
def test_the_soft_opt_in_has_all_its_conditions_or_names_what_is_missing(
    purpose: Purpose, relationship: Relationship | None, missing: tuple[str, ...]
) -> None:
    decision = ask(purpose, facts=Facts(relationship=relationship))
    assert (decision.allowed, decision.reason, decision.missing) == (False, "no_relationship", missing)


def test_what_was_declared_for_all_covers_whoever_came_since() -> None:
    assert ask(OFFERS, facts=Facts(relationship=NOT_TOLD)).allowed


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause is not Cause.SIGNAL])
def test_every_stop_ends_legitimate_interest(cause: Cause) -> None:
    told = Told()
    told.stopped_by(cause, OFFERS)
    shown = Cause.OBJECTED if cause in (Cause.WITHDRAWN, Cause.REFUSED) else cause
    assert told.decision(OFFERS, facts=CUSTOMER).reason == shown.value


def test_an_objection_holds_on_every_channel_and_no_other_basis_gets_around_it() -> None:
    told = Told()
    told.tell(Action.WITHDRAW, Source.ONE_CLICK, OFFERS)
    assert told.decision(OFFERS, SMS, facts=CUSTOMER).reason == "objected"
    told.tell(Action.GIVE, Source.FORM, OFFERS)
    assert told.decision(OFFERS, facts=CUSTOMER).reason == "objected"


def test_every_reason_has_its_word() -> None:
    """DPV's terms; nothing to consent to where the basis is a contract."""
    assert status_of(ask(NEWSLETTER, standing=yes())) == "ConsentGiven"
    assert status_of(ask(NEWSLETTER)) == "ConsentUnknown"
    assert status_of(ask(OFFERS, stop(Cause.OBJECTED, 1, "offers"))) == "LegitimateInterestObjected"
    assert status_of(ask(NEWSLETTER, stop(Cause.COMPLAINED))) == "ConsentWithdrawn"
    assert status_of(ask(ACCOUNT)) is None


@pytest.mark.parametrize(("named", "allowed"), [(("partner-inc",), True), ((), False)])
def test_a_third_party_that_is_named_no_more_gets_nothing_even_from_who_agreed(named, allowed):
    first = replace(NEWSLETTER, recipients=("partner-inc",)).terms
    purpose = replace(NEWSLETTER, recipients=named, version=2, earlier=(first,))
    decision = decide(
        purpose,
        channel=EMAIL,
        regime=OPT_IN,
        standing=yes(),
        stops=[],
        now=NOW,
        recipient="partner-inc",
    )
    assert decision.allowed is allowed


@pytest.mark.parametrize("basis", [None, Basis.LEGITIMATE_INTEREST])
def test_a_yes_taken_back_is_not_swapped_for_another_basis(basis):
    """EDPB 05/2020: whoever withdrew is not mailed as a customer instead (R4)."""
    purpose = replace(OFFERS, basis=basis)
    assert ask(purpose, facts=CUSTOMER).allowed
    for cause in (Cause.WITHDRAWN, Cause.OBJECTED, Cause.REFUSED):
        after = ask(purpose, stop(cause, 7, "offers"), standing=yes("offers"), facts=CUSTOMER)
        assert (after.allowed, after.reason) == (False, cause.value)
