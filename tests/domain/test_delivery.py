"""The schedule of deliveries: always forward, never for ever, and stops for thirty days."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcenter.domain.delivery import (
    DAY,
    JITTER,
    STEPS,
    STOPS_LIVE,
    Answer,
    Confirmed,
    DisableEndpoint,
    FailedLoudly,
    RetryAt,
    after_attempt,
    retry_after_seconds,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DOWN = Answer(error="no connection")

fractions = st.floats(0, 1)
seconds_asked = st.none() | st.floats()
failures = st.builds(
    Answer,
    status=st.none() | st.integers(100, 599).filter(lambda s: not 200 <= s <= 299 and s != 410),
    error=st.text(),
    retry_after=seconds_asked,
)


def step(outcome, attempts=1, first_at=NOW, now=NOW, is_stop=False, jitter=0.0):
    return after_attempt(outcome, attempts, first_at, now, is_stop, jitter)


def live_on(outcome, is_stop, jitter):
    """Every attempt's time until the end, and the end."""
    first = now = NOW
    times = [now]
    while isinstance(next_step := step(outcome, len(times), first, now, is_stop, jitter), RetryAt):
        now = next_step.when
        times.append(now)
    return times, next_step


def test_the_schedule_is_that_of_standard_webhooks():
    assert sum(STEPS, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)
    times, end = live_on(DOWN, is_stop=False, jitter=0.0)
    assert [b - a for a, b in pairwise(times)] == list(STEPS[1:])
    assert end == FailedLoudly(reason="given up after 10 attempts; the last one: no connection")


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_confirms(status):
    assert step(Answer(status=status, retry_after=60), attempts=99) == Confirmed()


@pytest.mark.parametrize(
    "status", [101, 301, 302, 307, 308, 400, 401, 403, 404, 408, 425, 429, 500, 502, 503, 504]
)
def test_every_other_answer_is_tried_again(status):
    assert isinstance(step(Answer(status=status)), RetryAt)


def test_a_redirect_is_a_failure_that_says_so():
    assert step(Answer(status=302)) == RetryAt(
        when=NOW + STEPS[1], reason="answered 302 (redirects are not followed)"
    )


@pytest.mark.parametrize("is_stop", [True, False])
def test_gone_disables_the_endpoint_at_any_time(is_stop):
    for attempts in (1, 10, 40):
        assert step(Answer(status=410), attempts, is_stop=is_stop) == DisableEndpoint(reason="answered 410")


def test_a_stop_goes_on_daily_for_thirty_days_and_then_fails_loudly():
    times, end = live_on(DOWN, is_stop=True, jitter=0.0)
    assert STOPS_LIVE <= times[-1] - times[0] < STOPS_LIVE + DAY
    assert {b - a for a, b in pairwise(times[9:])} == {DAY}
    assert isinstance(end, FailedLoudly)


@given(failures, st.booleans(), fractions)
def test_every_delivery_ends(outcome, is_stop, jitter):
    times, end = live_on(outcome, is_stop, jitter)
    assert isinstance(end, FailedLoudly)
    assert times == sorted(set(times))
    assert len(times) <= len(STEPS) + 31


@given(
    failures,
    fractions,
    st.integers(1, 10_000),
    st.timedeltas(timedelta(0), STOPS_LIVE - timedelta(microseconds=1)),
)
def test_a_stop_is_never_given_up_within_thirty_days(outcome, jitter, attempts, age):
    assert isinstance(step(outcome, attempts, NOW - age, NOW, True, jitter), RetryAt)


@given(failures, fractions, st.integers(1, 9))
def test_a_retry_is_never_earlier_than_the_schedule_nor_later_than_a_day_and_its_jitter(
    outcome, jitter, attempts
):
    next_step = step(outcome, attempts, jitter=jitter)
    assert isinstance(next_step, RetryAt)
    wait = next_step.when - NOW
    assert timedelta(0) < STEPS[attempts] <= wait <= max(STEPS[attempts], DAY) * (1 + JITTER)


@given(fractions)
def test_jitter_only_adds_and_adds_little(jitter):
    next_step = step(DOWN, 3, jitter=jitter)
    assert isinstance(next_step, RetryAt)
    assert STEPS[3] <= next_step.when - NOW <= STEPS[3] * (1 + JITTER)


def test_the_receiver_is_left_alone_as_long_as_it_asks():
    assert step(Answer(status=429, retry_after=3600)) == RetryAt(
        when=NOW + timedelta(hours=1), reason="answered 429"
    )


@pytest.mark.parametrize("asked", [0, -5, 1, float("-inf")])
def test_asking_for_less_than_the_schedule_changes_nothing(asked):
    assert step(Answer(status=503, retry_after=asked)) == step(Answer(status=503))


@pytest.mark.parametrize("asked", [86401, 1e300, float("inf"), float("nan")])
def test_an_absurd_wait_is_cut_to_a_day(asked):
    next_step = step(Answer(status=503, retry_after=asked))
    assert isinstance(next_step, RetryAt)
    assert next_step.when == NOW + DAY


def test_attempts_count_the_one_just_made():
    with pytest.raises(ValueError, match="attempts"):
        step(DOWN, 0)


def test_an_answer_without_status_or_words_still_has_a_reason():
    assert Answer().reason == "no answer"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 120 ", 120),
        ("0", 0),
        ("86400", 86400),
        ("86401", 86400),
        ("9" * 5000, 86400),
        (format_datetime(NOW + timedelta(minutes=10), usegmt=True), 600),
        (format_datetime(NOW - timedelta(days=10), usegmt=True), 0),
        ("Sunday, 22-Nov-26 12:00:00 GMT", 86400),
        ("Fri, 20 Nov 2026 12:00:30 -0000", 30),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400),
    ],
)
def test_retry_after_is_read_in_seconds_and_as_a_date(value, seconds):
    assert retry_after_seconds(value, NOW) == seconds


@pytest.mark.parametrize(
    "value",
    ["", "soon", "1e3", "1.5", "-1", "+1", "١٢", "12 s", "nan", "Fri, 99 Nov 2026 12:00:00 GMT", "\x00"],
)
def test_a_retry_after_that_cannot_be_read_is_ignored(value):
    assert retry_after_seconds(value, NOW) is None


DATES = st.from_regex(
    r"[A-Z][a-z]{2}, [0-9]{1,9} [A-Z][a-z]{2} [0-9]{1,12} [0-9]{1,3}:[0-9]{1,3}(:[0-9]{1,20})? .{0,8}"
)


@given(st.text() | DATES | st.datetimes().map(format_datetime))
def test_whatever_a_retry_after_says_it_is_nothing_or_within_a_day(value):
    seconds = retry_after_seconds(value, NOW)
    assert seconds is None or 0 <= seconds <= 86400
