"""How many people hold what: a few sums over the tables, for whoever plans a change."""

from __future__ import annotations

from dataclasses import dataclass

from prefcenter.domain.standing import VALID
from prefcenter.storage.database import AnyDatabase

_YESES = ", ".join(f"'{status.value}'" for status in sorted(VALID))
# To tell a million people apart takes seconds of sorting; where each has one row it is not needed.
_BY_CHANNEL = f"""
SELECT purpose, version, channel, count(*) FROM standing
WHERE status IN ({_YESES}) GROUP BY purpose, version, channel ORDER BY purpose, version
"""
_ON_ANY_CHANNEL = f"""
SELECT count(DISTINCT subject_id) FROM standing WHERE status IN ({_YESES}) AND purpose = $1 AND version = $2
"""
# Who can be asked by mail at all: a live yes on that channel to something else carries the question.
_REACHABLE = f"status IN ({_YESES}) AND channel = $1 AND purpose <> $2"
_BY_PURPOSE = f"SELECT purpose, count(*) FROM standing WHERE {_REACHABLE} GROUP BY purpose"
_BY_ANY_PURPOSE = f"SELECT count(DISTINCT subject_id) FROM standing WHERE {_REACHABLE}"
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
        for purpose, version, _, number in await tx.fetch(_BY_CHANNEL):
            versions = yeses.setdefault(purpose, {})
            if version in versions:
                number = (await tx.fetch(_ON_ANY_CHANNEL, purpose, version))[0][0]
            versions[version] = number
        stops = {row[0]: row[1] for row in await tx.fetch(_STOPPED)}
        people = (await tx.fetch(_PEOPLE))[0][0]
    return Holders(people, yeses, stops)


async def reachable(database: AnyDatabase, purpose: str, channel: str = "email") -> int:
    """At most so many people may be asked about a purpose by mail; `ask --dry-run` counts them exactly."""
    async with database.read() as tx:
        purposes = await tx.fetch(_BY_PURPOSE, channel, purpose)
        if len(purposes) > 1:
            return int((await tx.fetch(_BY_ANY_PURPOSE, channel, purpose))[0][0])
        return sum(number for _, number in purposes)
