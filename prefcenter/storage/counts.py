"""How many people hold what: a few sums over the tables, for whoever plans a change."""

from __future__ import annotations

from dataclasses import dataclass

from prefcenter.domain.standing import VALID
from prefcenter.storage.database import AnyDatabase

_YESES = ", ".join(f"'{status.value}'" for status in sorted(VALID))
_HOLDERS = f"""
SELECT purpose, version, count(DISTINCT subject_id) FROM standing
WHERE status IN ({_YESES}) GROUP BY purpose, version ORDER BY purpose, version
"""
# Who can be asked by mail at all: a live yes on that channel to something else carries the question.
_REACHABLE = f"""
SELECT count(DISTINCT subject_id) FROM standing WHERE status IN ({_YESES}) AND channel = $1 AND purpose <> $2
"""
_STOPPED = "SELECT purpose, count(DISTINCT wide) FROM stop GROUP BY purpose"
_PEOPLE = "SELECT count(*) FROM subject"


@dataclass(frozen=True, slots=True)
class Holders:
    """`yeses`: people by purpose and version of their yes. `stops`: addresses by purpose (`*`: all)."""

    people: int
    yeses: dict[str, dict[int, int]]
    stops: dict[str, int]


async def holders(database: AnyDatabase) -> Holders:
    yeses: dict[str, dict[int, int]] = {}
    async with database.read() as tx:
        for purpose, version, number in await tx.fetch(_HOLDERS):
            yeses.setdefault(purpose, {})[version] = number
        stops = {row[0]: row[1] for row in await tx.fetch(_STOPPED)}
        people = (await tx.fetch(_PEOPLE))[0][0]
    return Holders(people, yeses, stops)


async def reachable(database: AnyDatabase, purpose: str, channel: str = "email") -> int:
    """At most so many people may be asked about a purpose by mail; `ask --dry-run` counts them exactly."""
    async with database.read() as tx:
        return int((await tx.fetch(_REACHABLE, channel, purpose))[0][0])
