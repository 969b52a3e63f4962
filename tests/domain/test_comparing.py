"""What one difference between a provider's list and ours means."""

from datetime import UTC, datetime, timedelta

import pytest

from email_hooks.events import EventKind
from prefcenter.domain.choices import Cause
from prefcenter.domain.comparing import Difference, Held, Listed, difference, settled_by

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LEFT, BOUNCED = EventKind.UNSUBSCRIBED, EventKind.BOUNCED_HARD
OPEN = Held(False, True, NOW - 2 * HOUR, NOW - 2 * HOUR, 7)
STOPPED = OPEN._replace(stopped=True)
ON_ITS_WAY = OPEN._replace(confirmed=False, ended_at=None)


@pytest.mark.parametrize(
    ("listed", "held", "causes", "expected"),
    [
        (Listed(LEFT, NOW), None, (), Difference.TAKEN_IN),
        (Listed(LEFT, NOW), STOPPED, (), Difference.SAME),
        (Listed(LEFT, NOW), ON_ITS_WAY._replace(stopped=True), (), Difference.CONFIRMED),
        (Listed(LEFT, NOW - HOUR), OPEN, (), Difference.TAKEN_IN),
        (Listed(LEFT, NOW - 3 * HOUR), OPEN, (), Difference.OLDER),
        (Listed(LEFT, None), OPEN, (), Difference.TAKEN_IN),
        (Listed(LEFT, None), OPEN._replace(ended_at=NOW), (), Difference.OLDER),
        (Listed(LEFT, NOW), ON_ITS_WAY, (), Difference.OLDER),
        (Listed(BOUNCED, NOW), STOPPED, (), Difference.TAKEN_IN),
        (Listed(BOUNCED, NOW), None, (Cause.BOUNCED,), Difference.SAME),
        (Listed(EventKind.COMPLAINED, NOW), STOPPED, (Cause.COMPLAINED,), Difference.SAME),
    ],
)
def test_each_difference_means_one_thing(
    listed: Listed, held: Held | None, causes: tuple[Cause, ...], expected: Difference
) -> None:
    assert difference(listed, held, causes, settled_by(NOW, 60)) is expected
