"""A flood of stops is far above what is usual for a connection, and many; nothing else is."""

import pytest

from prefcenter.domain.flood import is_flood, usual_busy_hour


def test_a_connection_that_never_told_of_stops_floods_from_the_floor_on() -> None:
    assert not is_flood([], 99)
    assert is_flood([], 100)


def test_few_stops_are_no_flood_however_unusual() -> None:
    assert not is_flood([0] * 167, 99)
    assert not is_flood([1], 50)


@pytest.mark.parametrize(("last_hour", "flood"), [(200, False), (201, True)])
def test_a_flood_is_more_than_ten_times_a_usual_busy_hour(last_hour: int, flood: bool) -> None:
    assert is_flood([20] * 7 + [1] * 160, last_hour) is flood


def test_the_busy_hour_of_a_daily_mailing_is_usual_not_the_quiet_hours_between() -> None:
    week = [400, 390, 410, 400, 400, 380, 420, *[2] * 160]
    assert usual_busy_hour(week) == 400
    assert not is_flood(week, 450)
    assert is_flood(week, 4_001)


def test_one_flood_of_the_week_does_not_hide_the_next_for_long() -> None:
    assert usual_busy_hour([7_000, *[5] * 166]) == pytest.approx(1_004, abs=1)
    assert is_flood([700, *[5] * 166], 1_100)
