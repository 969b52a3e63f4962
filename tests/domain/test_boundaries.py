"""Every clock of a decision, one second before, at, and after it strikes: in UTC, by the calendar."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from prefcenter.domain.choices import Proof, Status
from prefcenter.domain.decide import Decision, decide
from prefcenter.domain.facts import Facts, OptOutOffered, Relationship
from prefcenter.domain.purposes import Purpose
from prefcenter.domain.standing import Standing
from tests.domain.world import NEWSLETTER, OFFER, REGIMES, with_version

SECOND = timedelta(seconds=1)
TIPS = Purpose(
    key="tips", title="Tips", description="As the rules have it.", similar_to_purchase=True, soft_opt_in=OFFER
)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def here(text: str) -> datetime:
    """A moment by the clock of some place."""
    return datetime.fromisoformat(text)


def ask(
    now: datetime, row: str = "DE", about: Purpose = TIPS, standing: Standing | None = None, **more: Any
) -> Decision:
    return decide(
        about, channel="email", regime=REGIMES.of(row), standing=standing, stops=(), now=now, **more
    )


def turns(at: datetime, ask: Callable[[datetime], Any], before: Any, after: Any) -> None:
    """The answer is one until a second before, and another from the very moment on."""
    assert ask(at - SECOND) == before
    assert ask(at - timedelta(microseconds=1)) == before
    assert ask(at) == after
    assert ask(at + SECOND) == after


def yes(at: datetime, **more: Any) -> Standing:
    given = Standing("ada", "tips", "email", Status.GIVEN, 1, "e1", at, at, Proof.CONFIRMED)
    return given._replace(**more)


def deals(kind: str, since: datetime, **more: Any) -> Facts:
    return Facts(relationship=Relationship(kind=kind, since=since, **more))


# --- implied consent and soft opt-in ------------------------------------------------------------------------

LONG_AGO = utc(2019, 5, 5)


@pytest.mark.parametrize(
    ("facts", "end"),
    [
        # 24 months from its end, else from the last deal, else from its beginning
        (deals("customer", utc(2024, 11, 23, 12)), utc(2026, 11, 23, 12)),
        (deals("customer", LONG_AGO, last_at=utc(2024, 11, 23, 12)), utc(2026, 11, 23, 12)),
        (deals("customer", LONG_AGO, ended_at=utc(2024, 11, 23, 12)), utc(2026, 11, 23, 12)),
        (deals("customer", LONG_AGO, last_at=utc(2025, 1, 1), ended_at=utc(2024, 6, 1)), utc(2026, 6, 1)),
        (deals("member", utc(2024, 2, 29)), utc(2026, 2, 28)),
        (deals("customer", utc(2026, 2, 28)), utc(2028, 2, 28)),
        (deals("customer", utc(2022, 2, 28, 23, 59, 59)), utc(2024, 2, 28, 23, 59, 59)),
        # 6 from an inquiry
        (deals("inquiry", utc(2026, 8, 31, 8, 30)), utc(2027, 2, 28, 8, 30)),
        (deals("inquiry", utc(2027, 8, 31)), utc(2028, 2, 29)),
        (deals("inquiry", utc(2026, 5, 31)), utc(2026, 11, 30)),
        (deals("inquiry", utc(2026, 1, 31)), utc(2026, 7, 31)),
        # by the calendar of UTC, whatever the clock that it was told by
        (deals("inquiry", here("2026-01-31T23:30:00-05:00")), utc(2026, 8, 1, 4, 30)),
        (deals("inquiry", here("2026-03-01T00:30:00+02:00")), utc(2026, 8, 28, 22, 30)),
    ],
)
def test_implied_consent_ends_to_the_second(facts: Facts, end: datetime) -> None:
    def answer(now: datetime) -> tuple[bool, str, datetime | None]:
        found = ask(now, "CA", facts=facts)
        return found.allowed, found.reason, found.since if found.reason == "expired" else None

    turns(end, answer, (True, "implied_consent", None), (False, "expired", end))


def test_it_does_not_run_out_while_it_goes_on() -> None:
    ongoing = deals("customer", LONG_AGO, ongoing=True, last_at=LONG_AGO)
    for row in ("CA", "AU"):
        assert ask(utc(2900, 1, 1), row, facts=ongoing).reason == "implied_consent"


def test_where_only_what_goes_on_counts_it_ends_as_it_ends() -> None:
    ended = deals("customer", LONG_AGO, ended_at=utc(2026, 3, 31))
    turns(utc(2026, 3, 31), lambda now: ask(now, "AU", facts=ended).reason, "implied_consent", "expired")


def test_a_soft_opt_in_has_its_own_end_or_none() -> None:
    user, customer = deals("client_user", utc(2026, 2, 28)), deals("customer", utc(2026, 2, 28))
    turns(utc(2027, 2, 28), lambda now: ask(now, facts=user).reason, "soft_opt_in", "expired")
    assert ask(utc(2900, 1, 1), facts=customer).reason == "soft_opt_in"


def test_a_relationship_counts_from_its_first_second() -> None:
    facts = deals("customer", utc(2026, 3, 1))
    turns(utc(2026, 3, 1), lambda now: ask(now, facts=facts).reason, "never_asked", "soft_opt_in")


def test_a_deal_of_the_future_keeps_nothing_going() -> None:
    facts = deals("inquiry", utc(2026, 1, 31), last_at=utc(2029, 1, 1))
    turns(utc(2026, 7, 31), lambda now: ask(now, "CA", facts=facts).reason, "implied_consent", "expired")
    turns(utc(2029, 1, 1), lambda now: ask(now, "CA", facts=facts).reason, "expired", "implied_consent")


@pytest.mark.parametrize(
    ("since", "counts"),
    [
        (utc(2026, 11, 1) - timedelta(microseconds=1), False),
        (utc(2026, 11, 1), True),
        (utc(2026, 11, 1) + SECOND, True),
        (here("2026-11-01T00:30:00+01:00"), False),
        (here("2026-10-31T23:30:00-01:00"), True),
    ],
)
def test_a_rule_that_is_not_retroactive_takes_in_what_began_since(since: datetime, counts: bool) -> None:
    found = ask(utc(2027, 1, 1), "GB", facts=deals("donor", since))
    assert (found.allowed, found.missing) == (counts, () if counts else ("relationship",))
    assert ask(utc(2027, 1, 1), "GB", facts=deals("customer", since)).allowed


@pytest.mark.parametrize(
    ("since", "counts"),
    [
        (utc(2026, 1, 1) - SECOND, False),
        (utc(2026, 1, 1), True),
        (here("2026-01-01T00:30:00+01:00"), False),
        (here("2025-12-31T23:30:00-01:00"), True),
    ],
)
def test_what_was_offered_to_all_counts_for_whoever_came_since_that_day(
    since: datetime, counts: bool
) -> None:
    found = ask(utc(2026, 6, 1), facts=deals("customer", since))
    assert (found.allowed, found.missing) == (counts, () if counts else ("opt_out_offered",))


def offered(at: datetime, since: datetime, wording: str = "You can say no.") -> Facts:
    return deals("customer", since, opt_out_offered=OptOutOffered(at=at, wording=wording))


def test_what_was_offered_to_one_counts_from_then_on() -> None:
    facts = offered(utc(2025, 3, 2), utc(2025, 3, 1))
    turns(utc(2025, 3, 2), lambda now: ask(now, facts=facts).reason, "never_asked", "soft_opt_in")
    unsaid = offered(utc(2025, 3, 2), utc(2025, 3, 1), wording=" \n")
    assert ask(utc(2025, 3, 3), facts=unsaid).missing == ("opt_out_offered",)


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        (utc(2025, 2, 27, 23, 59, 59), False),
        (utc(2025, 2, 28), True),
        (utc(2025, 3, 1, 15), True),
        (utc(2025, 3, 2, 23, 59, 59), True),
        (utc(2025, 3, 3), False),
        # by the clock of some place, but on a day of UTC
        (here("2025-02-28T00:30:00+01:00"), False),
        (here("2025-03-03T00:30:00+01:00"), True),
        # years before, years after, and just now
        (utc(2019, 5, 5), False),
        (utc(2026, 5, 31), False),
        (utc(2026, 6, 1), False),
    ],
)
def test_what_was_offered_to_one_counts_only_as_the_relationship_began(at: datetime, counts: bool) -> None:
    found = ask(utc(2026, 6, 1), facts=offered(at, utc(2025, 3, 1, 15)))
    assert (found.allowed, found.missing) == (counts, () if counts else ("opt_out_offered",))


# --- a yes: its end, its review, its pause ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "end"),
    [
        (Facts(), utc(2026, 2, 28, 9)),
        (Facts(last_contact_at=utc(2026, 2, 10, 9)), utc(2026, 3, 10, 9)),
        (Facts(last_contact_at=utc(2026, 1, 1)), utc(2026, 2, 28, 9)),
        (deals("customer", LONG_AGO, last_at=utc(2026, 2, 10, 9)), utc(2026, 3, 10, 9)),
        (deals("customer", LONG_AGO, ended_at=utc(2026, 2, 10, 9)), utc(2026, 3, 10, 9)),
        (deals("client_user", utc(2026, 2, 10, 9)), utc(2026, 3, 10, 9)),
        # an inquiry makes no customer
        (deals("inquiry", utc(2026, 2, 10, 9)), utc(2026, 2, 28, 9)),
        (Facts(last_contact_at=here("2026-01-31T23:00:00-02:00")), utc(2026, 3, 1, 1)),
    ],
)
def test_a_yes_ends_so_many_months_after_the_last_sign_of_the_person(facts: Facts, end: datetime) -> None:
    given = yes(utc(2026, 1, 31, 9))
    no_offer = replace(TIPS, soft_opt_in=None)

    def answer(now: datetime) -> tuple[bool, str]:
        found = ask(now, "XA", no_offer, given, facts=facts)
        return found.allowed, found.reason

    turns(end, answer, (True, "consent"), (False, "expired"))
    assert ask(end, "XA", no_offer, given, facts=facts).since == end


def test_a_yes_in_a_leap_year_ends_on_the_last_of_february() -> None:
    given = yes(utc(2027, 12, 31))
    turns(utc(2028, 2, 29), lambda now: ask(now, "XB", NEWSLETTER, given).reason, "consent", "expired")
    assert ask(utc(2090, 1, 1), "DE", TIPS, given).reason == "consent"


def test_a_customer_of_today_has_a_yes_that_does_not_age() -> None:
    facts = deals("customer", LONG_AGO, ongoing=True)
    assert ask(utc(2090, 1, 1), "XA", TIPS, yes(utc(2026, 1, 31)), facts=facts).reason == "consent"
    assert not ask(utc(2090, 1, 1), "DE", TIPS, yes(utc(2026, 1, 31)), facts=facts).review_due


def test_a_yes_that_is_old_is_flagged_and_still_counts() -> None:
    given = yes(utc(2026, 1, 31))

    def answer(now: datetime) -> tuple[bool, bool]:
        found = ask(now, standing=given)
        return found.allowed, found.review_due

    turns(utc(2026, 2, 28), answer, (True, False), (True, True))


def test_a_pause_lasts_to_its_end() -> None:
    paused = yes(utc(2026, 1, 1), until=utc(2026, 3, 1))
    turns(utc(2026, 3, 1), lambda now: ask(now, standing=paused).reason, "deferred", "consent")
    unasked = paused._replace(status=Status.DEFERRED, seq=None)
    turns(utc(2026, 3, 1), lambda now: ask(now, standing=unasked).reason, "deferred", "never_asked")
    assert ask(utc(2026, 2, 1), standing=paused).until == utc(2026, 3, 1)


# --- what is new --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("noticed_at", "begins"),
    [
        (utc(2026, 11, 1, 12), utc(2026, 12, 1, 12)),
        (utc(2028, 1, 30), utc(2028, 2, 29)),
        (utc(2027, 1, 30), utc(2027, 3, 1)),
    ],
)
def test_there_are_thirty_days_to_object_after_a_notice(noticed_at: datetime, begins: datetime) -> None:
    new = replace(TIPS, since=utc(2026, 6, 1))
    told = Standing(
        "ada",
        "tips",
        "email",
        Status.INFORMED,
        None,
        "e1",
        noticed_at,
        noticed_at,
        noticed=1,
        noticed_at=noticed_at,
    )
    facts = deals("customer", utc(2026, 5, 31))

    def answer(now: datetime) -> tuple[bool, str, int | None, int | None]:
        found = ask(now, about=new, standing=told, facts=facts)
        return found.allowed, found.reason, found.version, found.pending_version

    turns(begins, answer, (False, "choice_pending", None, 1), (True, "soft_opt_in", 1, None))


@pytest.mark.parametrize("by", [-SECOND, -timedelta(microseconds=1), timedelta(0), SECOND])
def test_data_of_the_very_moment_is_not_older_than_a_purpose(by: timedelta) -> None:
    new, later = replace(TIPS, since=utc(2026, 6, 1)), utc(2026, 9, 1)
    since = utc(2026, 6, 1) + by
    expected = (True, "opt_out_regime") if by >= timedelta(0) else (False, "choice_pending")
    for more in ({"known_since": since}, {"facts": deals("customer", since), "known_since": later}):
        found = ask(utc(2026, 9, 2), "US", new, **more)
        assert (found.allowed, found.reason) == expected


def test_of_whom_nothing_is_known_nothing_is_known_to_be_new_enough() -> None:
    new = replace(TIPS, since=utc(2026, 6, 1))
    assert ask(utc(2026, 9, 2), "US", new).reason == "choice_pending"
    assert ask(utc(2026, 9, 2), "US", TIPS).reason == "opt_out_regime"


def test_a_notice_holds_back_what_is_new_and_not_what_was() -> None:
    applied, begins = utc(2026, 1, 30), utc(2026, 3, 1)
    second = with_version(NEWSLETTER, applied, notice=True, recipients=("partner",))
    assert second.in_force_at == begins
    to_both, to_the_first = yes(applied, version=2), yes(applied, version=1)

    def answer(now: datetime, **sent: Any) -> tuple[bool, str, int | None, int | None]:
        found = ask(now, "GB", second, to_both, **sent)
        return found.allowed, found.reason, found.version, found.pending_version

    turns(begins, answer, (True, "consent", 1, None), (True, "consent", 2, None))
    for sent in ({"version": 2}, {"recipient": "partner"}):
        turns(
            begins,
            lambda now, sent=sent: answer(now, **sent)[:2],  # type: ignore[misc]
            (False, "not_in_force"),
            (True, "consent"),
        )
    first = ask(begins, "GB", second, to_the_first)
    assert (first.allowed, first.version, first.pending_version) == (True, 1, 2)
    assert ask(begins, "GB", second, to_the_first, recipient="partner").reason == "choice_pending"


def test_what_is_all_new_begins_with_its_notice() -> None:
    new = replace(TIPS, since=utc(2026, 1, 30), in_force_at=utc(2026, 3, 1))
    given = yes(utc(2026, 2, 1))
    turns(utc(2026, 3, 1), lambda now: ask(now, about=new, standing=given).reason, "not_in_force", "consent")
    assert ask(utc(2026, 2, 2), about=new, standing=given).until == utc(2026, 3, 1)
    facts = deals("customer", utc(2026, 2, 1))
    turns(utc(2026, 3, 1), lambda now: ask(now, about=new, facts=facts).reason, "not_in_force", "soft_opt_in")
