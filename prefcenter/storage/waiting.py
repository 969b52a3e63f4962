"""How much waits or has failed, by a look into an index each: what has ended well is not counted."""

from __future__ import annotations

from dataclasses import dataclass

from prefcenter.storage.database import AnyDatabase

# What a provider told, and is not applied yet or was set aside.
_HOOK_EVENTS = """
SELECT connection, state, count(*) FROM hook_event WHERE state IN ('received', 'aside')
GROUP BY connection, state ORDER BY connection, state
"""
_OF_EACH = "(SELECT 'pending' AS state UNION ALL SELECT 'failed') AS s"
# Of endpoints that are there: nobody waits for what was to go to a deleted one.
_DELIVERIES = f"""
SELECT s.state, CAST(sum((
    SELECT count(*) FROM delivery d WHERE d.connection_id = c.id AND d.state = s.state)) AS bigint)
FROM connection c CROSS JOIN {_OF_EACH} GROUP BY s.state ORDER BY s.state
"""
_MAILS = f"SELECT s.state, (SELECT count(*) FROM mail m WHERE m.state = s.state) FROM {_OF_EACH}"

STATES = ("pending", "failed")


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """`hook_events`: by connection and state, received or aside. The others: pending and failed."""

    hook_events: dict[str, dict[str, int]]
    deliveries: dict[str, int]
    mails: dict[str, int]


async def waiting(database: AnyDatabase) -> Waiting:
    """Raises StorageUnavailable."""
    hook_events: dict[str, dict[str, int]] = {}
    none = dict.fromkeys(STATES, 0)
    async with database.read() as tx:
        for connection, state, number in await tx.fetch(_HOOK_EVENTS):
            hook_events.setdefault(connection, {})[state] = number
        deliveries = none | {row[0]: row[1] for row in await tx.fetch(_DELIVERIES)}
        mails = none | {row[0]: row[1] for row in await tx.fetch(_MAILS)}
    return Waiting(hook_events=hook_events, deliveries=deliveries, mails=mails)
