"""What was recorded since a moment: found by the ledger's own order, as it has no index over times."""

from __future__ import annotations

from datetime import datetime

from prefcenter.domain.choices import STOPS, Effect
from prefcenter.storage import statements
from prefcenter.storage.database import AnyDatabase, Tx
from prefcenter.storage.fields import to_micros

_RECORDED_AT = "SELECT recorded_at FROM ledger WHERE seq = $1"
_ACTIONS = ", ".join(f"'{action.value}'" for action in sorted(STOPS))
_BY_SOURCE = f"""
SELECT source, count(*) FROM ledger WHERE seq > $1 AND action IN ({_ACTIONS})
AND effect = '{Effect.APPLIED.value}' GROUP BY source ORDER BY count(*) DESC, source
"""


async def stops_since(database: AnyDatabase, since: datetime) -> dict[str, int]:
    """How many stops each source brought, the most first, of those that had an effect.

    Raises StorageUnavailable.
    """
    async with database.read() as tx:
        last = await _last_before(tx, since)
        return {row[0]: row[1] for row in await tx.fetch(_BY_SOURCE, last)}


async def _last_before(tx: Tx, since: datetime) -> int:
    """The last entry recorded before a moment; 0: there is none. `seq` has no gap and begins with 1."""
    at = to_micros(since)
    head = await tx.fetch(statements.HEAD)
    low, high = 0, head[0][0] if head else 0
    while low < high:
        middle = (low + high + 1) // 2
        if (await tx.fetch(_RECORDED_AT, middle))[0][0] < at:
            low = middle
        else:
            high = middle - 1
    return low
