"""What wants the operator's attention: a sentence each, the most urgent first, nothing where all is well."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from prefcenter.storage.mail_in import MailInCounts
from prefcenter.use_cases.attention import attention
from prefcenter.use_cases.overview import ConnectionView, Overview

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)

WELL = ConnectionView(
    name="main",
    state="running",
    reason=None,
    since=None,
    problems=(),
    breaker_open_until=None,
    snapshot="done",
    alarm=None,
    alarm_at=None,
    compares=True,
    reconciled_at=NOW - timedelta(hours=1),
    stops={"queued": 3},
    resumes={},
    overdue=0,
    oldest_stop=NOW - timedelta(minutes=1),
    events={"received": 4},
)

#: What may be wrong with a connection and a word of what is said, the most urgent first.
WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"overdue": 2}, "2 stops are past the deadline"),
    ({"state": "unusable", "problems": ("env:KEY: the variable is not set",)}, "env:KEY"),
    ({"state": "paused", "since": NOW, "reason": "answered 401"}, "since 2026-11-23 09:00 UTC: answered 401"),
    ({"stops": {"failed": 1}}, "1 stop is given up"),
    ({"alarm": "900 stops", "alarm_at": NOW}, "alarm since 2026-11-23 09:00 UTC: 900 stops"),
    ({"breaker_open_until": LATER, "reason": "no answer"}, "until 2026-11-23 09:05 UTC: no answer"),
    ({"oldest_stop": NOW - timedelta(hours=1, seconds=1)}, "is a worker up?"),
    ({"events": {"aside": 7}}, "7 of its events are set aside"),
    ({"problems": ("no stream 'broadcast'",)}, "no stream 'broadcast'"),
    ({"reconciled_at": NOW - timedelta(hours=6, seconds=1)}, "last compared"),
    ({"reconciled_at": None}, "never compared"),
)


def seen(*connections: ConnectionView, **more: Any) -> Overview:
    nothing = {"pending": 0, "failed": 0}
    fields: dict[str, Any] = {"deliveries": nothing, "mails": nothing, "mail_in": MailInCounts(0, None)}
    return Overview(at=NOW, connections=connections, **(fields | more))


def test_where_all_is_well_nothing_is_said() -> None:
    waits = {"pending": 5, "failed": 0}
    assert attention(seen(WELL, mails=waits, deliveries=waits), can_mail=True) == []
    assert attention(seen(), can_mail=False) == []


@pytest.mark.parametrize(("change", "said"), WRONG)
def test_each_trouble_of_a_connection_is_said_once(change: dict[str, Any], said: str) -> None:
    [sentence] = attention(seen(replace(WELL, **change)), can_mail=True)
    assert sentence.startswith("main: ") and said in sentence


def test_why_a_stop_waits_is_said_once() -> None:
    old = replace(WELL, oldest_stop=NOW - timedelta(days=1))
    for change in ({"state": "paused"}, {"breaker_open_until": LATER}, {"overdue": 1}):
        assert len(attention(seen(replace(old, **change)), can_mail=True)) == 1


def test_the_most_urgent_comes_first() -> None:
    wrong = [replace(WELL, name=f"c{number}", **change) for number, (change, _) in enumerate(WRONG)]
    sentences = attention(seen(*reversed(wrong)), can_mail=True)
    # The last two, of comparing, are alike.
    assert [one.partition(":")[0] for one in sentences[:-2]] == [f"c{number}" for number in range(9)]


def test_a_provider_without_lists_is_never_late() -> None:
    assert attention(seen(replace(WELL, compares=False, reconciled_at=None)), can_mail=True) == []


def test_queues_come_after_connections_each_with_what_to_do() -> None:
    wrong = {"pending": 4, "failed": 2}
    queues = seen(replace(WELL, overdue=1), deliveries=wrong, mails=wrong, mail_in=MailInCounts(3, NOW))
    said = attention(queues, can_mail=False)
    expected = ("past the deadline", "PREFCENTER_SMTP_URL", "receive --queue", "prefcenter check", "webhooks")
    assert all(word in one for one, word in zip(said, expected, strict=True))
    assert not any("PREFCENTER_SMTP_URL" in one for one in attention(queues, can_mail=True))
