"""A provider that does not work is left alone: soon, longer each time, and never for ever."""

from datetime import UTC, datetime, timedelta

import pytest

from prefcenter.domain.breaker import FAILURES, OPEN_FIRST, OPEN_LONGEST, SHORTEST_WAIT, open_until

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def wait(failures: int, status: int | None = None, retry_after: float | None = None) -> timedelta | None:
    until = open_until(failures, status, retry_after, NOW)
    return None if until is None else until - NOW


@pytest.mark.parametrize("failures", range(1, FAILURES))
@pytest.mark.parametrize("status", [None, 500, 503])
def test_a_few_failures_stop_nothing(failures: int, status: int | None) -> None:
    assert wait(failures, status) is None


def test_it_opens_at_the_fifth_failure_and_for_twice_as_long_after_each_try() -> None:
    found = [wait(failures, 500) for failures in range(FAILURES, FAILURES + 6)]
    seconds = [None if one is None else one.total_seconds() for one in found]
    assert seconds == [30, 60, 120, 240, 300, 300]


@pytest.mark.parametrize("failures", [FAILURES + 10, 1_000, 10**9])
def test_it_is_never_open_for_longer_than_the_longest(failures: int) -> None:
    assert wait(failures, None) == OPEN_LONGEST


@pytest.mark.parametrize("status", [429, 500, 503])
def test_the_providers_own_wish_counts_from_the_first_failure_on(status: int) -> None:
    assert wait(1, status, 600) == timedelta(minutes=10)
    assert wait(1, status, 86_400) == timedelta(days=1)


def test_too_many_requests_opens_it_at_once_without_a_wish() -> None:
    assert wait(1, 429) == OPEN_FIRST


@pytest.mark.parametrize("absurd", [86_401.0, 999_999_999.0, -1.0, float("inf"), float("nan")])
def test_an_absurd_wish_counts_for_nothing(absurd: float) -> None:
    assert wait(1, 429, absurd) == OPEN_FIRST
    assert wait(1, 503, absurd) is None


@pytest.mark.parametrize("status", [429, 503])
def test_a_wish_to_be_asked_again_at_once_keeps_no_sick_provider_busy(status: int) -> None:
    assert wait(1, status, 0) == SHORTEST_WAIT
    assert wait(FAILURES, status, 0) == OPEN_FIRST
