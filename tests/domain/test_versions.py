"""Versions of a purpose: when a new one is made, since when it counts, and what a notice holds back."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from prefcenter.domain.catalog_changes import changed_rules, compare, notice_in_force_at, versioned
from prefcenter.domain.purposes import Channel, Purpose
from prefcenter.domain.regimes import STRICT, Cell, Mode, Regime, Regimes

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
NEWS = Purpose(key="news", title="News", description="Monthly.", recipients=("a",))


def applied(
    wanted: Purpose, held: Purpose | None, *, now: datetime = NOW, in_force_at: datetime | None = None
) -> Purpose:
    before = {} if held is None else {held.key: held}
    changes = compare(before, {wanted.key: wanted})
    return versioned({wanted.key: wanted}, before, changes, in_force_at=in_force_at, now=now)[wanted.key]


def test_of_the_first_catalog_nobodys_data_is_older() -> None:
    made = versioned({"news": NEWS}, None, compare(None, {"news": NEWS}), in_force_at=NOW + DAY, now=NOW)
    assert made["news"] == NEWS
    assert (NEWS.version, NEWS.since, NEWS.in_force_at) == (1, None, None)


def test_what_comes_later_is_new_since_then_and_waits_for_its_notice() -> None:
    made = applied(NEWS, None, in_force_at=NOW + 30 * DAY)
    assert (made.version, made.since, made.in_force_at) == (1, NOW, NOW + 30 * DAY)


@pytest.mark.parametrize(
    "wider", [{"recipients": ("a", "b")}, {"channels": (Channel.EMAIL, Channel.SMS)}, {"data": ("email",)}]
)
def test_asking_for_more_makes_a_version_that_remembers_the_ones_before(wider: dict[str, Any]) -> None:
    second = applied(replace(NEWS, **wider), NEWS, in_force_at=NOW + 30 * DAY)
    assert (second.version, second.since, second.in_force_at) == (2, NOW, NOW + 30 * DAY)
    assert [(one.version, one.recipients, one.channels, one.data, one.since) for one in second.earlier] == [
        (1, NEWS.recipients, NEWS.channels, NEWS.data, None)
    ]
    third = applied(replace(NEWS, data=("email", "name")), second, now=NOW + DAY)
    assert [one.version for one in (*third.earlier, third.terms)] == [1, 2, 3]
    assert third.since == NOW + DAY


@pytest.mark.parametrize(
    "same", [{"title": "Tips"}, {"recipients": ()}, {"double_opt_in": True}, {"require_proof": "confirmed"}]
)
def test_words_and_asking_for_less_make_no_version(same: dict[str, Any]) -> None:
    held = replace(applied(replace(NEWS, data=("email",)), NEWS, in_force_at=NOW + DAY), data=("email",))
    made = applied(
        replace(held, version=1, since=None, in_force_at=None, earlier=(), **same), held, now=NOW + DAY
    )
    assert (made.version, made.since, made.in_force_at) == (2, NOW, NOW + DAY)
    assert made.earlier == held.earlier


def test_taking_a_purpose_out_and_in_again_forgets_no_version() -> None:
    held = replace(applied(replace(NEWS, data=("email",)), NEWS), retired=True)
    made = applied(replace(NEWS, data=("email", "name")), held, now=NOW + DAY)
    assert (made.version, [one.version for one in made.earlier]) == (3, [1, 2])


def test_a_change_before_a_version_began_lets_nothing_begin_sooner() -> None:
    waiting = applied(NEWS, None, in_force_at=NOW + 30 * DAY)
    wider = replace(NEWS, recipients=("a", "b"))
    assert applied(wider, waiting, now=NOW + DAY).in_force_at == NOW + 30 * DAY
    later = applied(wider, waiting, now=NOW + DAY, in_force_at=NOW + 31 * DAY)
    assert later.in_force_at == NOW + 31 * DAY


# --- which version was there, and what it said --------------------------------------------------------------

SECOND_AT, THIRD_AT = NOW, NOW + 10 * DAY
THREE = applied(
    replace(NEWS, recipients=("a", "b", "c")),
    applied(replace(NEWS, recipients=("a", "b")), NEWS),
    now=THIRD_AT,
)


@pytest.mark.parametrize(
    ("moment", "version"),
    [
        (datetime(1900, 1, 1, tzinfo=UTC), 1),
        (SECOND_AT - timedelta(microseconds=1), 1),
        (SECOND_AT, 2),
        (THIRD_AT - timedelta(microseconds=1), 2),
        (THIRD_AT, 3),
        (THIRD_AT + 1000 * DAY, 3),
    ],
)
def test_whoever_agreed_at_a_moment_agreed_to_what_there_was(moment: datetime, version: int) -> None:
    assert THREE.version_at(moment) == version


def test_before_a_purpose_was_there_its_first_version_is_meant() -> None:
    late = applied(replace(NEWS, data=("email",)), applied(NEWS, None), now=NOW + DAY)
    assert late.version_at(NOW - DAY) == 1
    assert applied(NEWS, None).version_at(NOW - DAY) == 1


@pytest.mark.parametrize(("version", "recipients"), [(0, "a"), (1, "a"), (2, "ab"), (3, "abc"), (9, "abc")])
def test_the_terms_of_a_version(version: int, recipients: str) -> None:
    assert THREE.terms_of(version).recipients == tuple(recipients)


# --- notices --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("published", "substantial", "replaces_one", "in_force_at"),
    [
        (date(2026, 11, 1), True, False, NOW),  # the first
        (date(2026, 11, 1), False, True, NOW),  # minor, or asked for by law
        (date(2026, 11, 1), True, True, datetime(2026, 12, 23, 12, 0, tzinfo=UTC)),  # from its apply
        (date(2026, 11, 23), True, True, datetime(2026, 12, 23, 12, 0, tzinfo=UTC)),
        (date(2026, 11, 24), True, True, datetime(2026, 12, 24, 0, 0, tzinfo=UTC)),  # from its date
        (date(2028, 1, 30), True, True, datetime(2028, 2, 29, 0, 0, tzinfo=UTC)),  # a leap year
        (date(2027, 1, 30), True, True, datetime(2027, 3, 1, 0, 0, tzinfo=UTC)),
    ],
)
def test_a_substantial_notice_is_in_force_30_days_after_its_date_and_its_apply(
    published: date, substantial: bool, replaces_one: bool, in_force_at: datetime
) -> None:
    found = notice_in_force_at(published, substantial=substantial, replaces_one=replaces_one, now=NOW)
    assert found == in_force_at


# --- rules ----------------------------------------------------------------------------------------------


def regimes(**rows: Regime) -> Regimes:
    return Regimes(rows={STRICT: Regime(name=STRICT), **rows})


def test_each_changed_rule_is_told_with_what_it_was_and_is() -> None:
    before = regimes(FR=Regime(name="FR", expires=36, cells={("email", None): Cell()}), US=Regime(name="US"))
    lax = {("email", None): Cell(mode=Mode.OPT_OUT), ("sms", "corporate"): Cell()}
    after = regimes(FR=Regime(name="FR", double_opt_in=False, cells=lax), GB=Regime(name="GB"))
    assert changed_rules(before, before) == ()
    assert [(change.purpose, change.detail) for change in changed_rules(before, after)] == [
        (
            "",
            "rules of FR: changed: email, sms corporate; double_opt_in on to off; expires 36 to not set",
        ),
        ("", "rules of GB: has rules of its own now"),
        ("", "rules of US: has no rules of its own any more"),
    ]
