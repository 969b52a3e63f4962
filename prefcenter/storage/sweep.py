"""A long list against the people: one join reads every table once, instead of looking each address up.

For lists of many thousands, on PostgreSQL. `candidates.py` is for all others.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import asyncpg

from prefcenter.domain.addresses import Fingerprints
from prefcenter.storage.candidates import Candidate, Matter, candidate_of, on_postgres
from prefcenter.storage.database import PostgresDatabase, Row

#: Of one statement: a join of a large list takes its time.
_SECONDS = 900.0
#: Rows taken at a time: about what a socket holds, so that PostgreSQL goes on while we work on them.
_FETCHED = 1_500

_MICROS_A_DAY = 86_400_000_000
#: Days are counted from 1900, the first year that anything is said to be of: division rounds to zero.
DAYS_BEFORE_1970 = 25_567

# `n`, the time of the yes, then all that the answer hangs on, as domain values or compared already.
_ROWS = """
SELECT a.n, g."at", a.narrow = c.narrow, f.body, {since},
    g.status, g.proof, g.version, g.until, g.declined, g.noticed, g.noticed_at, g.seq IS NOT NULL,
    (g."at" + {before}) / {day}, t.cause, t.purpose, t.channel, g.seq >= t.seq
FROM asked a
LEFT JOIN contact_point c ON c.wide = a.wide AND c.channel = 'email'
{subject}
LEFT JOIN fact f ON f.subject_id = c.subject_id
LEFT JOIN standing g ON g.subject_id = c.subject_id AND g.purpose = $2 AND g.channel = $1
LEFT JOIN contact_point o ON o.subject_id = c.subject_id AND o.channel <> 'email'
LEFT JOIN stop t ON t.wide = ANY (ARRAY[a.wide, o.wide]) AND t.purpose IN ('*', $2)
WHERE c.id IS NOT NULL OR t.id IS NOT NULL
"""

#: Where the part of a row begins that decides: what comes before is its number, and the time of the yes.
SHAPE = 2


def join_sql(*, dated: bool) -> str:
    """The join; $1 channel, $2 purpose. The list is in the temporary table `asked (n, narrow, wide)`."""
    return _ROWS.format(
        since="s.created_at" if dated else "NULL::bigint",
        subject="LEFT JOIN subject s ON s.id = c.subject_id" if dated else "",
        day=_MICROS_A_DAY,
        before=DAYS_BEFORE_1970 * _MICROS_A_DAY,
    )


async def sweep(
    database: PostgresDatabase, asked: Iterable[tuple[int, bytes, bytes]], matter: Matter
) -> AsyncIterator[Sequence[Row]]:
    """Rows of `_ROWS` for (number, narrow, wide) of a list, in any order; none where nothing is known.

    Several rows have one number where it takes a closer look. Raises StorageUnavailable.
    """
    async with database.session() as connection:
        await connection.execute("CREATE TEMP TABLE asked (n int, narrow bytea, wide bytea) ON COMMIT DROP")
        await connection.copy_records_to_table(
            "asked", records=asked, columns=["n", "narrow", "wide"], timeout=_SECONDS
        )
        await connection.execute("ANALYZE asked")
        purpose, channel, dated = matter
        async for rows in _streamed(connection, join_sql(dated=dated), channel, purpose):
            yield rows


async def candidates_of_many(
    database: PostgresDatabase, addresses: Sequence[Fingerprints], matter: Matter
) -> AsyncIterator[list[tuple[int, Candidate]]]:
    """(place, candidate) for a long list in any order, none where nothing is known of an address.

    A place that comes twice takes a closer look. Raises StorageUnavailable.
    """
    wides = [address.wide for address in addresses]
    purpose, channel, dated = matter
    async with database.session() as connection:
        sql = on_postgres(dated=dated)
        async for rows in _streamed(connection, sql, channel, purpose, wides):
            yield [(row[0] - 1, candidate_of([row], addresses[row[0] - 1])) for row in rows]


async def _streamed(
    connection: asyncpg.Connection[Any], sql: str, *args: Any
) -> AsyncIterator[Sequence[Row]]:
    """The rows of a statement a few at a time; the next are on their way while these are worked on."""
    # The whole result is wanted, not its beginning.
    await connection.execute("SET LOCAL cursor_tuple_fraction = 1")
    cursor = await connection.cursor(sql, *args, timeout=_SECONDS)
    coming = asyncio.ensure_future(cursor.fetch(_FETCHED, timeout=_SECONDS))
    try:
        while rows := await coming:
            coming = asyncio.ensure_future(cursor.fetch(_FETCHED, timeout=_SECONDS))
            # Lets the request leave before we work on what has come.
            await asyncio.sleep(0)
            yield rows
    finally:
        if not coming.done():
            await asyncio.wait([coming])
