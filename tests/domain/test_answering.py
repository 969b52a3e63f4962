"""What a question shows of a change, and what each answer to it says."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from prefcenter.domain.answering import Answer, Asked, Said, says
from prefcenter.domain.choices import STOPS, YES, Action, Cause, Status
from prefcenter.domain.purposes import Basis, Channel, Purpose
from prefcenter.domain.question import Question, question_for
from tests.domain.asked import (
    AMERICAN,
    AS_THE_RULES,
    CHANGED,
    CUSTOMER,
    NEW_OFFERS,
    NEWS,
    NOW,
    OFFERS,
    PURPOSES,
    READER,
    TIPS,
    Person,
)
from tests.domain.world import REGIMES, with_version

EMAIL, SMS, PHONE = Channel.EMAIL, Channel.SMS, Channel.PHONE
#: Version 2 adds a channel and a category of data, and lets one go.
GROWN = with_version(
    replace(NEWS, version=1, earlier=(), since=None, recipients=("partner",), data=("email", "name")),
    CHANGED,
    channels=(EMAIL, SMS),
    recipients=("partner", "lab"),
    data=("email", "purchases"),
)


def question(purpose: Purpose, person: Person, before: int | None = None) -> Question:
    return question_for(purpose, person.dossier, before=before, regimes=REGIMES, now=NOW)


def said(answer: Answer, purpose: Purpose, person: Person, **before: int) -> list[tuple[str, str, int]]:
    asked = Asked(
        purpose=purpose,
        known=person.dossier,
        regimes=REGIMES,
        now=NOW,
        is_notice=question(purpose, person).is_notice,
        before=before,
    )
    return [(one.channel, one.action, one.version) for one in says(answer, asked)]


# --- what is shown -------------------------------------------------------------------------------------


def test_a_question_shows_what_comes_and_what_goes() -> None:
    shown = question(GROWN, READER.holds(GROWN, version=1))
    assert shown.old is not None and shown.old.version == 1
    assert {
        name: (shown.added(name), shown.removed(name)) for name in ("channels", "recipients", "data")
    } == {
        "channels": (["sms"], []),
        "recipients": (["lab"], []),
        "data": (["purchases"], ["name"]),
    }
    assert not shown.described_anew


def test_something_wholly_new_has_nothing_beside_it() -> None:
    shown = question(TIPS, READER)
    assert shown.old is None
    assert shown.added("channels") == [] and [one.value for one in shown.after("channels")] == ["email"]


def test_the_version_that_is_held_stands_beside_the_newest_however_many_lie_between() -> None:
    newest = with_version(GROWN, NOW, recipients=("partner", "lab", "shop"))
    shown = question(newest, READER.holds(newest, version=1))
    assert shown.added("recipients") == ["lab", "shop"] and shown.added("channels") == ["sms"]


def test_a_yes_that_ran_out_was_taken_back_or_was_struck_out_is_nothing_agreed_to() -> None:
    assert question(NEWS, READER.holds(NEWS, Status.EXPIRED)).old is None
    assert question(NEWS, READER.holds(NEWS, Status.INVALIDATED)).old is None
    assert question(NEWS, READER.holds(NEWS).stopped(Cause.WITHDRAWN, "news")).old is None


def test_after_a_yes_what_was_agreed_to_before_is_still_shown() -> None:
    held = READER.holds(NEWS, version=2)
    assert question(NEWS, held).old is None
    after = question(NEWS, held, before=1).old
    assert after is not None and after.version == 1


def test_a_new_description_is_said_to_be_one() -> None:
    assert question(with_version(NEWS, NOW, title="All the news"), READER.holds(NEWS)).described_anew


def test_only_what_may_begin_without_a_yes_is_a_notice() -> None:
    customer, american = replace(READER, facts=CUSTOMER), replace(READER, facts=AMERICAN)
    assert question(OFFERS, customer).is_notice and question(NEW_OFFERS, customer).is_notice
    assert question(AS_THE_RULES, american).is_notice and not question(AS_THE_RULES, READER).is_notice
    assert not question(NEWS, READER.holds(NEWS)).is_notice
    assert not question(OFFERS, customer.holds(OFFERS)).is_notice, "they said yes, so a yes is asked for"
    declined = customer.holds(OFFERS, Status.INFORMED, declined=2)
    assert not question(with_version(OFFERS, NOW), declined).is_notice


# --- what is said --------------------------------------------------------------------------------------


def test_yes_is_a_yes_to_the_version_on_every_channel() -> None:
    held = READER.holds(GROWN, version=1)
    assert said(Answer.YES, GROWN, held) == [("email", "give", 2), ("sms", "give", 2)]


def test_no_to_a_change_leaves_what_was_agreed_to() -> None:
    assert said(Answer.NO, NEWS, READER.holds(NEWS)) == [("email", "decline", 2)]
    paused = READER.holds(NEWS, until=NOW + timedelta(days=1))
    assert said(Answer.NO, NEWS, paused) == [("email", "decline", 2)]


def test_no_to_a_new_channel_leaves_the_old_one() -> None:
    assert said(Answer.NO, GROWN, READER.holds(GROWN)) == [("email", "decline", 2), ("sms", "refuse", 2)]


def test_no_to_something_new_is_a_refusal_or_an_objection() -> None:
    customer = replace(READER, facts=CUSTOMER)
    assert said(Answer.NO, TIPS, READER) == [("email", "refuse", 1)]
    assert said(Answer.NO, NEWS, READER) == [("email", "refuse", 2)]
    assert said(Answer.NO, NEW_OFFERS, customer) == [("email", "object", 1)]
    assert said(Answer.NO, AS_THE_RULES, replace(READER, facts=AMERICAN)) == [("email", "refuse", 1)]


def test_no_to_a_change_of_what_needs_no_yes_leaves_what_was_before() -> None:
    customer = replace(READER, facts=CUSTOMER)
    assert said(Answer.NO, OFFERS, customer) == [("email", "decline", 2)]
    paused = customer.holds(OFFERS, Status.DEFERRED, until=NOW + timedelta(days=1))
    assert said(Answer.NO, OFFERS, paused) == [("email", "decline", 2)]
    by_phone = with_version(OFFERS, NOW, channels=(EMAIL, PHONE))
    assert said(Answer.NO, by_phone, customer) == [("email", "decline", 3), ("phone", "decline", 3)]


def test_no_after_yes_goes_back_to_what_was_agreed_to_before() -> None:
    held = READER.holds(NEWS, version=2)
    assert said(Answer.NO, NEWS, held, email=1) == [("email", "decline", 2)]
    newest = with_version(NEWS, NOW, data=("email", "purchases"))
    assert said(Answer.NO, newest, READER.holds(NEWS, version=3), email=1) == [("email", "decline", 2)]
    assert said(Answer.NO, NEWS, held) == [("email", "withdraw", 2)], "nothing was agreed to before"


def test_not_now_decides_nothing() -> None:
    assert said(Answer.LATER, NEWS, READER.holds(NEWS)) == [("email", "defer", 2)]


def test_having_read_a_notice_is_notice_and_no_yes() -> None:
    customer = replace(READER, facts=CUSTOMER)
    assert said(Answer.SEEN, OFFERS, customer) == [("email", "notify", 2)]
    told = customer.holds(OFFERS, Status.INFORMED, noticed=2, noticed_at=NOW)
    assert said(Answer.SEEN, OFFERS, told) == []
    assert said(Answer.SEEN, NEWS, READER.holds(NEWS)) == [], "a question is answered, not taken note of"


_OPEN = [Status.REQUESTED, Status.DEFERRED, Status.EXPIRED, Status.INVALIDATED, Status.INFORMED]
_PEOPLE = [
    person
    for facts in (READER.facts, CUSTOMER, AMERICAN)
    for person in (
        replace(READER, facts=facts),
        *(replace(READER, facts=facts).holds(purpose, version=v) for purpose in PURPOSES for v in (1, 2)),
        *(replace(READER, facts=facts).holds(purpose, status) for purpose in PURPOSES for status in _OPEN),
    )
]


@given(st.sampled_from(_PEOPLE), st.sampled_from([*PURPOSES, GROWN]), st.sampled_from(Answer))
def test_only_yes_says_yes_and_only_no_says_no(person: Person, purpose: Purpose, answer: Answer) -> None:
    asked = Asked(
        purpose=purpose,
        known=person.dossier,
        regimes=REGIMES,
        now=NOW,
        is_notice=question(purpose, person).is_notice,
    )
    found: list[Said] = list(says(answer, asked))
    actions = {one.action for one in found}
    assert len({one.channel for one in found}) == len(found)
    if answer is Answer.YES:
        assert actions <= YES
    elif answer is Answer.NO:
        assert actions and actions <= STOPS | {Action.DECLINE}
    else:
        assert not actions & (YES | STOPS | {Action.DECLINE})
    if purpose.basis == Basis.CONSENT:
        assert Action.OBJECT not in actions
