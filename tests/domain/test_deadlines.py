"""Until when a stop must be honoured, by each country's row, against a reckoning by hand."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from prefcenter.business_days import is_business_day
from prefcenter.catalog.regimes import shipped_periods, shipped_regimes
from prefcenter.domain.deadlines import Deadline, Progress, deadline, state_of

#: A Tuesday, at noon.
NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
ZONES = [timezone(timedelta(hours=hours)) for hours in range(-12, 15)]


def by(country: str | None, channel: str = "sms", said_at: datetime = NOW) -> Deadline:
    return deadline(shipped_periods(), country, channel, said_at, is_business_day)


def day(year: int, month: int, number: int) -> datetime:
    return datetime(year, month, number, tzinfo=UTC)


@pytest.mark.parametrize(
    ("country", "said_at", "last_day"),
    [
        # No holiday near: two weeks of five days, one week of five.
        ("US", NOW, day(2026, 3, 17)),
        ("US-CA", NOW, day(2026, 3, 17)),
        ("CA", NOW, day(2026, 3, 17)),
        ("SG", NOW, day(2026, 3, 17)),
        ("AU", NOW, day(2026, 3, 10)),
        ("NZ", NOW, day(2026, 3, 10)),
        # Thanksgiving (26 November) and Christmas Day in the United States.
        ("US", datetime(2026, 11, 20, 15, tzinfo=UTC), day(2026, 12, 7)),
        ("US", datetime(2026, 12, 18, 15, tzinfo=UTC), day(2027, 1, 5)),
        # 4 July 2026 is a Saturday: the Friday before is free.
        ("US", datetime(2026, 7, 2, 15, tzinfo=UTC), day(2026, 7, 17)),
        # Good Friday is a holiday of Canada, not of the United States.
        ("CA", datetime(2026, 4, 1, 15, tzinfo=UTC), day(2026, 4, 16)),
        ("US", datetime(2026, 4, 1, 15, tzinfo=UTC), day(2026, 4, 15)),
        # Chinese New Year: 17 and 18 February.
        ("SG", datetime(2026, 2, 13, 15, tzinfo=UTC), day(2026, 3, 3)),
        # Good Friday and Easter Monday.
        ("AU", datetime(2026, 4, 1, 15, tzinfo=UTC), day(2026, 4, 10)),
        ("NZ", datetime(2026, 4, 1, 15, tzinfo=UTC), day(2026, 4, 10)),
        # Anzac Day falls on a Saturday: New Zealand makes up for it on Monday, Australia as a whole does not.
        ("NZ", datetime(2026, 4, 24, 15, tzinfo=UTC), day(2026, 5, 4)),
        ("AU", datetime(2026, 4, 24, 15, tzinfo=UTC), day(2026, 5, 1)),
    ],
)
def test_business_days_leave_out_weekends_and_the_holidays_of_the_country(
    country: str, said_at: datetime, last_day: datetime
) -> None:
    assert by(country, said_at=said_at).honour_by == last_day


@pytest.mark.parametrize("hour", [0, 11, 12, 23])
def test_what_is_said_on_a_weekend_counts_from_it(hour: int) -> None:
    saturday, sunday = (datetime(2026, 3, number, hour, 30, tzinfo=UTC) for number in (7, 8))
    assert by("AU", said_at=sunday).honour_by == day(2026, 3, 13)
    # Before noon it is Friday somewhere; from there Monday is the first day all the same.
    assert by("AU", said_at=saturday).honour_by == day(2026, 3, 13)


def test_the_day_before_counts_where_it_is_still_that_day_somewhere() -> None:
    last = datetime(2026, 3, 3, 11, 59, 59, 999_999, tzinfo=UTC)
    assert by("NZ", said_at=last).honour_by == day(2026, 3, 9)
    assert by("NZ", said_at=last + timedelta(microseconds=1)).honour_by == day(2026, 3, 10)


#: By hand, of the days that the test below can reach.
FREE = {
    "US": {date(2026, 11, 11), date(2026, 11, 26), date(2026, 12, 25), date(2027, 1, 1), date(2027, 1, 18)},
    "CA": {date(2026, 12, 25), date(2027, 1, 1)},
    "NZ": {date(2026, 12, 25), date(2026, 12, 28), date(2027, 1, 1), date(2027, 1, 4)},
    "AU": {date(2026, 12, 25), date(2027, 1, 1)},
}


@pytest.mark.parametrize(("country", "number"), [("US", 10), ("CA", 10), ("AU", 5), ("NZ", 5)])
def test_no_deadline_is_later_than_the_law_has_it_by_any_clock_of_the_country(
    country: str, number: int
) -> None:
    for hours in range(0, 24 * 45, 5):
        said_at = datetime(2026, 11, 9, tzinfo=UTC) + timedelta(hours=hours)
        found = by(country, said_at=said_at).honour_by
        for zone in ZONES:
            local = said_at.astimezone(zone).date()
            following = [local + timedelta(days=n) for n in range(1, 40)]
            working = [one for one in following if one.weekday() < 5 and one not in FREE[country]]
            end = datetime.combine(working[number - 1], datetime.min.time(), zone) + timedelta(days=1)
            assert said_at < found < end, (said_at, zone)


@pytest.mark.parametrize("country", ["DE", "FR", "IS", "GB", "CH", "IL"])
def test_without_delay_is_a_day(country: str) -> None:
    assert by(country).honour_by == NOW + timedelta(hours=24)


@pytest.mark.parametrize("country", [None, "", "XX", "MX", "ZZ-1", "BR"])
def test_whoever_lives_nowhere_that_is_known_has_the_strictest_deadline(country: str | None) -> None:
    assert by(country) == (NOW + timedelta(hours=24), "STRICT: 24 hours")
    rows = shipped_regimes()
    assert all(by(country).honour_by <= by(name).honour_by for name in rows)


@pytest.mark.parametrize("row", [*shipped_regimes(), "US-NV"])
def test_every_row_gives_a_deadline_that_names_it(row: str) -> None:
    for channel in ("email", "sms", "push", "post", "phone", "*"):
        found = by(row, channel)
        assert NOW < found.honour_by <= NOW + timedelta(days=21)
        assert 0 < len(found.law) <= 64
        assert found.honour_by.tzinfo is UTC


@pytest.mark.parametrize("channel", ["email", "*"])
def test_the_mailbox_providers_have_mail_stopped_within_48_hours(channel: str) -> None:
    assert by("US", channel) == (NOW + timedelta(hours=48), "mailbox providers: 48 hours")
    assert by("US", "sms") == (day(2026, 3, 17), "US: 10 business days")


def test_the_earlier_deadline_counts() -> None:
    assert by("DE", "email") == (NOW + timedelta(hours=24), "DE: 24 hours")
    late = deadline({"STRICT": "24 hours", "SG": "3 days"}, "SG", "email", NOW, is_business_day)
    assert late == (NOW + timedelta(hours=48), "mailbox providers: 48 hours")
    assert deadline({"STRICT": "3 days"}, "SG", "sms", NOW, is_business_day) == (
        NOW + timedelta(days=3),
        "STRICT: 3 days",
    )


def test_a_country_without_a_list_of_holidays_has_its_weekends() -> None:
    assert not is_business_day("AQ", date(2026, 3, 7))
    assert is_business_day("AQ", date(2026, 3, 9))


def test_where_the_weekend_is_another_it_counts() -> None:
    friday, sunday = date(2026, 3, 6), date(2026, 3, 8)
    assert (is_business_day("IL", friday), is_business_day("IL", sunday)) == (False, True)


# --- how far it has come ------------------------------------------------------------------------------


def state(
    wanted: int = 7,
    sent: int = 0,
    confirmed: int = 0,
    *,
    failed: bool = False,
    now: datetime = NOW,
    honour_by: datetime | None = NOW,
) -> Progress:
    return state_of(
        wanted=wanted, sent=sent, confirmed=confirmed, failed=failed, honour_by=honour_by, now=now
    )


def test_a_stop_is_queued_then_sent_then_confirmed() -> None:
    assert state() is Progress.QUEUED
    assert state(sent=7) is Progress.SENT
    assert state(sent=7, confirmed=7) is Progress.CONFIRMED


def test_what_was_sent_or_confirmed_of_an_older_version_is_not_this_one() -> None:
    assert state(sent=6) is Progress.QUEUED
    assert state(sent=6, confirmed=6) is Progress.QUEUED
    assert state(sent=7, confirmed=6) is Progress.SENT


def test_it_is_overdue_after_its_deadline_and_not_at_it() -> None:
    late = NOW + timedelta(microseconds=1)
    for sent in (0, 7):
        assert state(sent=sent) is not Progress.OVERDUE
        assert state(sent=sent, now=late) is Progress.OVERDUE
        assert state(sent=sent, now=late, honour_by=None) is not Progress.OVERDUE
    assert state(sent=7, confirmed=7, now=late) is Progress.CONFIRMED


def test_what_nobody_tries_any_more_has_failed_unless_it_was_confirmed() -> None:
    late = NOW + timedelta(days=1)
    assert state(failed=True) is Progress.FAILED
    assert state(sent=7, failed=True, now=late) is Progress.FAILED
    assert state(sent=7, confirmed=7, failed=True) is Progress.CONFIRMED
