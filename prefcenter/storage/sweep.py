"""A long list against the people: one join reads every table once, instead of looking each address up.

For lists of many thousands, on PostgreSQL. `candidates.py` is for all others.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg

from prefcenter.domain.addresses import Fingerprints
from prefcenter.storage.candidates import Candidate, Matter, candidate_of, on_postgres
from prefcenter.storage.database import PostgresDatabase, Row

#: Seconds of one statement: a join of a large list takes its time.
LONG = 900.0
#: Rows taken at a time: about what a socket holds, so that PostgreSQL goes on while we work on them.
_FETCHED = 1_500


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
        async for rows in streamed(connection, sql, channel, purpose, wides):
            yield [(row[0] - 1, candidate_of([row], addresses[row[0] - 1], matter)) for row in rows]


async def streamed(connection: asyncpg.Connection[Any], sql: str, *args: Any) -> AsyncIterator[Sequence[Row]]:
    """The rows of a statement a few at a time; the next are on their way while these are worked on."""
    # The whole result is wanted, not its beginning.
    await connection.execute("SET LOCAL cursor_tuple_fraction = 1")
    cursor = await connection.cursor(sql, *args, timeout=LONG)
    coming = asyncio.ensure_future(cursor.fetch(_FETCHED, timeout=LONG))
    try:
        while rows := await coming:
            coming = asyncio.ensure_future(cursor.fetch(_FETCHED, timeout=LONG))
            # Lets the request leave before we work on what has come.
            await asyncio.sleep(0)
            yield rows
    finally:
        if not coming.done():
            await asyncio.wait([coming])
