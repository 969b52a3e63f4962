"""When a provider that does not work is left alone, and for how long."""

from __future__ import annotations

from datetime import datetime, timedelta

from prefcenter.domain.delivery import LONGEST_RETRY_AFTER

#: So many calls in a row without success open the breaker.
FAILURES = 5
#: For so long at first, twice as long after each try that fails, up to the longest.
OPEN_FIRST = timedelta(seconds=30)
OPEN_LONGEST = timedelta(minutes=5)
#: However soon a provider wants to be asked again.
SHORTEST_WAIT = timedelta(seconds=1)
#: A connection that may not do this, or is not configured, is tried again this often.
PAUSED_TRY = timedelta(minutes=10)


def open_until(
    failures: int, status: int | None, retry_after: float | None, now: datetime
) -> datetime | None:
    """Until when nothing is tried after `failures` calls in a row came to nothing; None: go on at once.

    The provider's own wish counts (`retry_after` in seconds), if it is no longer than a day; one that goes on
    failing is left alone at least as long as any other.
    """
    wish = None
    if retry_after is not None and 0 <= retry_after <= LONGEST_RETRY_AFTER.total_seconds():
        wish = now + max(timedelta(seconds=retry_after), SHORTEST_WAIT)
    if failures < FAILURES and (wish is not None or status != 429):
        return wish
    doublings = min(max(failures - FAILURES, 0), 10)
    own = now + min(OPEN_FIRST * (1 << doublings), OPEN_LONGEST)
    return own if wish is None else max(own, wish)
