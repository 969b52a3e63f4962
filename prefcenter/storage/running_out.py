"""What may have run out, read from one end to the other: a few hundred at a time, by id, by index.

Each call is one short read. Whoever goes on where a call ended sees everybody who was there all the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from prefcenter.domain.decide import Dossier
from prefcenter.domain.facts import NO_FACTS, Facts
from prefcenter.domain.standing import VALID, Standing, StandingKey
from prefcenter.storage import rows, statements
from prefcenter.storage.database import AnyDatabase, Row
from prefcenter.storage.fields import from_micros, to_micros
from prefcenter.storage.statements import STANDING_COLUMNS, STOP_COLUMNS

CHUNK = 200
#: Ids that one statement goes through at most, however few of them are of interest.
_SPAN = 1_000

_VALID = ", ".join(f"'{status.value}'" for status in sorted(VALID))
_STANDINGS_END = "SELECT max(id) FROM standing"


def _named(table: str, columns: str) -> str:
    return ", ".join(f"{table}.{name}" for name in columns.split(", "))


# A row for each stop at each address of the person.
_OLD_YESES = f"""
SELECT g.id, f.body, {_named("g", STANDING_COLUMNS)}, {_named("t", STOP_COLUMNS)}
FROM (SELECT id, {STANDING_COLUMNS} FROM standing
      WHERE id > $1 AND id <= $2 AND status IN ({_VALID}) AND "at" <= $3 ORDER BY id LIMIT $4) g
LEFT JOIN fact f ON f.subject_id = g.subject_id
LEFT JOIN contact_point c ON c.subject_id = g.subject_id
LEFT JOIN stop t ON t.wide = c.wide AND t.purpose IN ('*', g.purpose)
ORDER BY g.id
"""
_STANDING_AT = 2
_STOP_AT = _STANDING_AT + len(STANDING_COLUMNS.split(", "))

# The bodies of those alone who have a relationship; the ids of all, to go on by.
_RELATED = """
SELECT f.subject_id, s.created_at, CASE WHEN f.body LIKE '%"relationship":%' THEN f.body END
FROM (SELECT subject_id, body FROM fact WHERE subject_id > $1 ORDER BY subject_id LIMIT $2) f
LEFT JOIN subject s ON s.id = f.subject_id
ORDER BY f.subject_id
"""


class OldYes(NamedTuple):
    """A valid yes, with the person's facts and the stops that may cover it."""

    standing: Standing
    known: Dossier


class Related(NamedTuple):
    """Somebody with a relationship, and since when we know them."""

    subject: str
    facts: Facts
    known_since: datetime | None


async def old_yeses(
    database: AnyDatabase, after: int, given_before: datetime
) -> tuple[list[OldYes], int | None]:
    """The next of those given by then, and after which id to go on; None: these were the last.

    Leaves out whoever's facts make no sense: nothing may be sent to them either. Raises StorageUnavailable.
    """
    async with database.lookup() as tx:
        last = (await tx.fetch(_STANDINGS_END))[0][0] or 0
        end = min(after + _SPAN, last)
        found = await tx.fetch(_OLD_YESES, after, end, to_micros(given_before), CHUNK)
    by_id: dict[int, list[Row]] = {}
    for row in found:
        by_id.setdefault(row[0], []).append(row)
    if len(by_id) == CHUNK:
        end = max(by_id)
    made = (_old_yes(of_one) for of_one in by_id.values())
    return [one for one in made if one is not None], end if end < last else None


def _old_yes(of_one: Sequence[Row]) -> OldYes | None:
    body = of_one[0][1]
    facts = NO_FACTS if body is None else rows.facts_if_readable(body)
    if facts is rows.UNREADABLE:
        return None
    standing = rows.standing_from(of_one[0][_STANDING_AT:_STOP_AT])
    stops = [rows.stop_from(row[_STOP_AT:]) for row in of_one if row[_STOP_AT] is not None]
    return OldYes(standing, Dossier(standings={standing.key: standing}, stops=stops, facts=facts))


async def related(database: AnyDatabase, after: str) -> tuple[list[Related], str | None]:
    """The next people with a relationship, and after whom to go on; None: these were the last.

    Leaves out whoever's facts make no sense. Raises StorageUnavailable.
    """
    async with database.lookup() as tx:
        found = await tx.fetch(_RELATED, after, CHUNK)
    people = [
        Related(subject, rows.facts_if_readable(body), None if since is None else from_micros(since))
        for subject, since, body in found
        if body is not None
    ]
    readable = [one for one in people if one.facts is not rows.UNREADABLE]
    return readable, found[-1][0] if len(found) == CHUNK else None


async def standings_of(
    database: AnyDatabase, subjects: Iterable[str]
) -> dict[str, dict[StandingKey, Standing]]:
    """Where these people stand, by person. Raises StorageUnavailable."""
    standings: dict[str, dict[StandingKey, Standing]] = {}
    async with database.lookup() as tx:
        found = await tx.among(statements.STANDINGS, "text", set(subjects))
    for standing in map(rows.standing_from, found):
        standings.setdefault(standing.subject, {})[standing.key] = standing
    return standings
