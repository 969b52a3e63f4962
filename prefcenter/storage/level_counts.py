"""How far stops have come on their way to the connections: of one person, and how many in all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from prefcenter.domain.deadlines import Progress, state_of
from prefcenter.storage.database import AnyDatabase, Row
from prefcenter.storage.fields import from_micros, to_micros
from prefcenter.storage.level_rows import CONFIRMED, FAILED

_AT = """
SELECT connection, scope, stopped, version, sent, confirmed, state, said_at, honour_by, law, ended_at,
    confirmed_by, last_error
FROM level WHERE wide {keys} ORDER BY connection, scope, id
"""
# What is confirmed is almost everything, and is not read: the index level_overdue leads to the others.
_OPEN = """
SELECT connection, stopped, state = 'failed', sent >= version, coalesce(honour_by < $1, FALSE), count(*),
    min(said_at)
FROM level WHERE state IN ('pending', 'failed') GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
"""
_CONFIRMED = (
    "SELECT connection, count(*) FROM level WHERE state = 'confirmed' AND stopped GROUP BY connection"
)

_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class LevelNow:
    """What a connection knows of an address on one of its scopes, or is still to be told.

    `confirmed_by`: answer, echo, reconciliation or heard. `honour_by`, `law`: of a stop.
    """

    connection: str
    scope: str
    stopped: bool
    state: Progress
    said_at: datetime
    honour_by: datetime | None
    law: str | None
    confirmed_at: datetime | None
    confirmed_by: str | None
    last_error: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenLevels:
    """So many levels of a connection that are not confirmed; the oldest was said then.

    `stopped`: stops, else resumes. `late`: past the deadline, also where they failed.
    """

    connection: str
    stopped: bool
    state: Progress
    late: bool
    number: int
    oldest: datetime


async def levels_at(database: AnyDatabase, wides: Iterable[bytes], now: datetime) -> list[LevelNow]:
    """Every level of some addresses, by connection and scope. Raises StorageUnavailable."""
    async with database.read() as tx:
        return [_level(row, now) for row in await tx.among(_AT, "bytea", set(wides))]


async def open_levels(database: AnyDatabase, now: datetime) -> list[OpenLevels]:
    """What no connection has confirmed yet. Raises StorageUnavailable."""
    async with database.read() as tx:
        return [_open(row, now) for row in await tx.fetch(_OPEN, to_micros(now))]


async def confirmed_stops(database: AnyDatabase) -> dict[str, int]:
    """How many stops each connection has; reads the whole index. Raises StorageUnavailable."""
    async with database.read() as tx:
        return {row[0]: row[1] for row in await tx.fetch(_CONFIRMED)}


def _level(row: Row, now: datetime) -> LevelNow:
    connection, scope, stopped, version, sent, confirmed, state, said, due, law, ended, by, error = row
    honour_by = None if due is None else from_micros(due)
    return LevelNow(
        connection=connection,
        scope=scope,
        stopped=bool(stopped),
        state=state_of(
            wanted=version,
            sent=sent,
            confirmed=confirmed,
            failed=state == FAILED,
            honour_by=honour_by,
            now=now,
        ),
        said_at=from_micros(said),
        honour_by=honour_by,
        law=law,
        confirmed_at=from_micros(ended) if state == CONFIRMED and ended is not None else None,
        confirmed_by=by if state == CONFIRMED else None,
        last_error=error,
    )


def _open(row: Row, now: datetime) -> OpenLevels:
    connection, stopped, failed, sent, late, number, oldest = row
    # The rule says what each group is, by a member of it.
    state = state_of(
        wanted=1,
        sent=int(sent),
        confirmed=0,
        failed=bool(failed),
        honour_by=now - _MOMENT if late else None,
        now=now,
    )
    return OpenLevels(
        connection=connection,
        stopped=bool(stopped),
        state=state,
        late=bool(late),
        number=number,
        oldest=from_micros(oldest),
    )
