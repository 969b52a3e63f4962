"""What a page offers to say, and which words it is about."""

import pytest

from prefcenter.domain.answering import Answer, answered, offered
from prefcenter.domain.choices import Cause
from prefcenter.domain.question import terms_at_hand
from tests.domain.test_answering import GROWN

YES, NO, LATER, SEEN = Answer.YES, Answer.NO, Answer.LATER, Answer.SEEN
BY_THE_PERSON = [cause for cause in Cause if cause is not Cause.BOUNCED]


@pytest.mark.parametrize(
    ("is_notice", "reason", "said", "pair", "quiet"),
    [
        (False, "never_asked", None, [YES, NO], [LATER]),
        (False, "withdrawn", None, [YES, NO], [LATER]),
        (False, "consent", YES, [NO], []),
        (False, "refused", NO, [YES], []),
        (False, "deferred", LATER, [YES, NO], []),
        (True, "soft_opt_in", None, [NO, SEEN], []),
        (True, "soft_opt_in", SEEN, [NO], []),
        (True, "choice_pending", NO, [YES], []),
        (True, "bounced", None, [NO, SEEN], []),
        *((True, reason, None, [NO, YES], []) for reason in BY_THE_PERSON),
    ],
)
def test_reading_a_notice_is_no_yes_and_only_whoever_said_no_may_say_yes_to_it(
    is_notice: bool, reason: str, said: Answer | None, pair: list[Answer], quiet: list[Answer]
) -> None:
    found = offered(is_notice=is_notice, reason=reason, said=said)
    assert (list(found.pair), list(found.quiet)) == (pair, quiet)


def test_a_no_is_shown_as_one_and_what_was_never_said_as_neither() -> None:
    assert answered(allowed=True, reason="consent") is True
    assert all(answered(allowed=False, reason=reason) is False for reason in BY_THE_PERSON)
    for reason in ("never_asked", "requested", "bounced", "expired", "minor"):
        assert answered(allowed=False, reason=reason) is None


def test_whoever_agreed_to_less_decides_on_that_and_everybody_else_on_the_newest() -> None:
    before, newest = GROWN.terms_of(1), GROWN.terms
    assert GROWN.version > 1

    def terms(*, allowed: bool = True, version: int | None = 1, pending: int | None = None) -> object:
        return terms_at_hand(GROWN, allowed=allowed, version=version, pending_version=pending)

    assert terms(pending=GROWN.version) == before
    assert terms(allowed=False, pending=GROWN.version) == newest
    assert terms(version=None, pending=GROWN.version) == newest
    assert terms(version=GROWN.version) == newest
