"""What the clocks look at, and what they make of it: exact, and never blind to what `decide` counts with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcenter.domain.choices import Cause, Source, Status
from prefcenter.domain.clocks import (
    RunOut,
    given_before,
    is_new,
    last_moments,
    look_at,
    over_by_facts,
    without_a_yes,
)
from prefcenter.domain.decide import Dossier, may_send
from prefcenter.domain.facts import Facts, Relationship
from prefcenter.domain.purposes import Basis, Kind, Purpose
from prefcenter.domain.regimes import STRICT, Cell, Regime, Regimes, add_months
from prefcenter.domain.standing import Standing, Stop
from tests.domain.cases import ADA, NEWSLETTER
from tests.domain.world import PURPOSES, REGIMES

SECOND = timedelta(seconds=1)
MOMENT = timedelta(microseconds=1)
GIVEN = datetime(2026, 1, 31, 10, tzinfo=UTC)
END = datetime(2026, 2, 28, 10, tzinfo=UTC)
_CENTURY = st.timedeltas(timedelta(0), timedelta(days=36_525))
TIMES = _CENTURY.map(lambda since: datetime(2000, 1, 1, tzinfo=UTC) + since)
MONTHS = st.none() | st.integers(1, 60)


def rules(**row: int | None) -> Regimes:
    return Regimes(rows={STRICT: Regime(name=STRICT, **row)})  # type: ignore[arg-type]


def yes(at: datetime = GIVEN, **more: Any) -> Standing:
    held = Standing("ada", "newsletter", "email", Status.GIVEN, 5, "entry-5", at, at)
    return held._replace(**more)


def known(standing: Standing, *stops: Stop, facts: Facts | None = None) -> Dossier:
    return Dossier(
        standings={standing.key: standing}, stops=stops, facts=facts if facts is not None else Facts()
    )


@given(at=TIMES, passed=st.timedeltas(timedelta(0), timedelta(days=2500)), expires=MONTHS, review=MONTHS)
def test_a_yes_that_is_due_is_among_those_that_are_looked_at(
    at: datetime, passed: timedelta, expires: int | None, review: int | None
) -> None:
    regimes, now, standing = rules(expires=expires, review_due=review, remind_every=9), at + passed, yes(at)
    look = look_at(standing, known(standing), NEWSLETTER, regimes, now)
    if look.ran_out or look.review_due or look.remind_due:
        before = given_before(regimes, now)
        assert before is not None and at <= before


@given(at=TIMES, months=st.integers(1, 60))
def test_the_very_moment_is_looked_at_whatever_the_month(at: datetime, months: int) -> None:
    regimes, standing = rules(expires=months), yes(at)
    end = add_months(at, months)
    before = given_before(regimes, end)
    assert before is not None and at <= before
    ended = RunOut("newsletter", "email", end, "entry-5")
    assert look_at(standing, known(standing), NEWSLETTER, regimes, end).ran_out == ended
    assert look_at(standing, known(standing), NEWSLETTER, regimes, end - MOMENT).ran_out is None


def test_nothing_is_read_where_no_rule_has_a_time() -> None:
    assert given_before(rules(), GIVEN) is None
    assert given_before(rules(expires=24, review_due=12), END) == datetime(2025, 3, 3, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "ran_out", "review", "remind"),
    [
        (END - SECOND, False, False, False),
        (END, False, False, True),
        (datetime(2026, 3, 31, 10, tzinfo=UTC) - SECOND, False, False, True),
        (datetime(2026, 3, 31, 10, tzinfo=UTC), False, True, True),
        (datetime(2026, 4, 30, 10, tzinfo=UTC) - SECOND, False, True, True),
        (datetime(2026, 4, 30, 10, tzinfo=UTC), True, False, False),
    ],
)
def test_what_expires_what_is_to_be_looked_at_and_what_is_to_be_told_are_three_things(
    now: datetime, ran_out: bool, review: bool, remind: bool
) -> None:
    regimes = rules(expires=3, review_due=2, remind_every=1)
    look = look_at(yes(), known(yes()), NEWSLETTER, regimes, now)
    assert (look.ran_out is not None, look.review_due, look.remind_due) == (ran_out, review, remind)


def test_whoever_had_notice_of_a_change_needs_no_reminder_for_as_long() -> None:
    standing = yes(noticed=2, noticed_at=END)
    regimes = rules(remind_every=1)
    for now, due in ((END, False), (add_months(END, 1) - SECOND, False), (add_months(END, 1), True)):
        assert look_at(standing, known(standing), NEWSLETTER, regimes, now).remind_due is due


@pytest.mark.parametrize(("seq", "runs_out"), [(4, True), (6, False)])
def test_only_a_yes_that_counts_runs_out(seq: int, runs_out: bool) -> None:
    stop = Stop(ADA, "email", "newsletter", Cause.WITHDRAWN, Source.PAGE, seq, "entry", GIVEN, GIVEN + SECOND)
    look = look_at(yes(), known(yes(), stop), NEWSLETTER, rules(expires=1), END)
    assert (look.ran_out is not None) is runs_out
    assert look_at(yes(), known(yes()), None, rules(expires=1), END).ran_out is None


# --- relationships ------------------------------------------------------------------------------------------


def test_only_purposes_that_do_not_insist_on_a_yes_are_looked_at_and_only_where_something_can_end() -> None:
    looked_at = {purpose.key for purpose in without_a_yes(PURPOSES, REGIMES)}
    assert {"offers", "tips"} <= looked_at
    assert looked_at.isdisjoint({"newsletter", "digest", "account"})
    lasting = Cell(soft_opt_in={"customer": None})
    unlimited = Regimes(rows={STRICT: Regime(name=STRICT, cells={("email", None): lasting})})
    assert without_a_yes(PURPOSES, unlimited) == []


@given(
    since=TIMES,
    kind=st.sampled_from(["customer", "inquiry", "member", "client_user", "donor"]),
    ended=st.none() | TIMES,
    ongoing=st.booleans(),
    country=st.sampled_from(["CA", "DE", "AU", "GB", "US", None]),
    now=TIMES,
)
def test_facts_alone_say_what_the_decision_says(
    since: datetime, kind: str, ended: datetime | None, ongoing: bool, country: str | None, now: datetime
) -> None:
    facts = Facts(
        country=country,
        relationship=Relationship(kind=kind, since=since, ended_at=ended, ongoing=ongoing),
    )
    decisions = {
        (purpose.key, channel): may_send(purpose, channel, Dossier(facts=facts), regimes=REGIMES, now=now)
        for purpose in PURPOSES
        for channel in purpose.channels
    }
    over = over_by_facts(facts, without_a_yes(PURPOSES, REGIMES), REGIMES, now)
    assert {(end.purpose, end.channel): end.at for end in over} == {
        key: decision.since for key, decision in decisions.items() if decision.reason == "expired"
    }


def test_a_disclosure_is_never_covered_by_a_relationship() -> None:
    facts = Facts(country="CA", relationship=Relationship(kind="customer", since=GIVEN))
    sharing = [
        Purpose(key=kind, title="T", description="D", kind=kind, basis=Basis.LEGITIMATE_INTEREST)
        for kind in (Kind.DISCLOSURE, Kind.SALE_OR_SHARING, Kind.PROFILING, Kind.MARKETING)
    ]
    over = over_by_facts(facts, sharing, REGIMES, add_months(GIVEN, 24))
    assert [(one.purpose, one.at) for one in over] == [("marketing", add_months(GIVEN, 24))]


@pytest.mark.parametrize(
    ("standing", "new"),
    [
        (None, True),
        (yes(status=Status.EXPIRED, at=END - MOMENT), True),
        (yes(status=Status.EXPIRED, at=END), False),
        (yes(status=Status.EXPIRED, at=END + SECOND), False),
        (yes(), False),
        (yes(status=Status.RENEWED), False),
        (yes(status=Status.REQUESTED), False),
        (yes(status=Status.DEFERRED), True),
        (yes(status=Status.INVALIDATED), True),
        (yes(status=Status.INFORMED), True),
    ],
)
def test_an_end_is_new_until_it_is_recorded_where_nothing_else_stands(
    standing: Standing | None, new: bool
) -> None:
    assert is_new(RunOut("newsletter", "email", END), standing) is new


def test_it_is_looked_at_just_before_the_end_and_before_later_rules_while_we_knew_them() -> None:
    end = RunOut("offers", "email", END)
    later, earlier = END + 9 * SECOND, END - SECOND
    assert last_moments(end, GIVEN, []) == [END - MOMENT]
    assert last_moments(end, GIVEN, [earlier, later]) == [END - MOMENT, later - MOMENT]
    assert last_moments(end, END, [later]) == [later - MOMENT]
    assert last_moments(end, later, [later]) == []
    assert last_moments(end, None, [later]) == []
