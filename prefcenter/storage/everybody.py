"""A list that is about as long as the tables, against all people at once, on PostgreSQL.

What decides on each person goes into a temporary table while the list is still being read. Then one join
finds out who of the list is alike. `sweep.py` and `candidates.py` look up the people of shorter lists.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import islice
from sys import byteorder
from typing import Any, NamedTuple

import asyncpg

from prefcenter.domain.turning import Turning
from prefcenter.storage.candidates import Matter
from prefcenter.storage.database import PostgresDatabase, StorageUnavailable
from prefcenter.storage.fields import to_micros
from prefcenter.storage.sweep import LONG, streamed


class Shape(NamedTuple):
    """All that decides on an address: whoever has the same gets the same answer.

    Times are the number of turning moments that they are not before (`domain.turning`). `has_seq`: there was
    ever a yes; `outlived`: it came after the stop. `elsewhere`: other addresses of theirs have stops.
    """

    facts_body: str | None
    known: int | None
    status: str | None
    proof: str | None
    version: int | None
    until: int | None
    declined: int | None
    noticed: int | None
    noticed_at: int | None
    given: int | None
    has_seq: bool | None
    elsewhere: bool | None
    cause: str | None
    purpose: str | None
    channel: str | None
    outlived: bool | None


_TABLES = """
CREATE TEMP TABLE everybody (
    wide bytea, body text, known int, status text, proof text, version int, until int, declined int,
    noticed int, noticed_at int, given int, seq bigint, elsewhere boolean
) ON COMMIT DROP;
CREATE TEMP TABLE asked (n int, wide bytea) ON COMMIT DROP;
-- Hashing is what this is for; a sort of millions is never better.
SET LOCAL enable_sort = off;
SET LOCAL jit = off;
-- A list may come slowly, by a pipe.
SET LOCAL idle_in_transaction_session_timeout = 0
"""

# $1 channel, $2 purpose, then the turning moments of each time. The addresses of a list are of email.
_GATHER = """
INSERT INTO everybody
SELECT c.wide, f.body, width_bucket(s.created_at, $6::bigint[]), g.status, g.proof, g.version,
    width_bucket(g.until, $3::bigint[]), g.declined, g.noticed, width_bucket(g.noticed_at, $4::bigint[]),
    width_bucket(g."at", $5::bigint[]), g.seq, u.id IS NOT NULL
FROM contact_point c
LEFT JOIN subject s ON {dated} AND s.id = c.subject_id
LEFT JOIN fact f ON f.subject_id = c.subject_id
LEFT JOIN standing g ON g.subject_id = c.subject_id AND g.purpose = $2 AND g.channel = $1
LEFT JOIN contact_point o ON o.subject_id = c.subject_id AND o.channel <> 'email'
LEFT JOIN stop u ON u.wide = o.wide AND u.purpose IN ('*', $2)
WHERE c.channel = 'email'
"""

# $1 purpose. The numbers of all that are alike, four bytes each, then the columns of `Shape`.
_ALIKE = """
SELECT string_agg(int4send(a.n), ''::bytea), e.body, e.known, e.status, e.proof, e.version, e.until,
    e.declined, e.noticed, e.noticed_at, e.given, e.seq IS NOT NULL, e.elsewhere,
    t.cause, t.purpose, t.channel, e.seq >= t.seq
FROM asked a
LEFT JOIN everybody e ON e.wide = a.wide
LEFT JOIN stop t ON t.wide = a.wide AND t.purpose IN ('*', $1)
WHERE e.wide IS NOT NULL OR t.id IS NOT NULL
GROUP BY 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17
"""

# PostgreSQL's binary COPY: a row is the number of its columns, then the length and the bytes of each.
_COPY_BEGINS = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_ENDS = b"\xff\xff"
_ROW = struct.Struct("!hiii16s")
_COPIED = 2_000


class Everybody:
    def __init__(self, connection: asyncpg.Connection[Any], matter: Matter, turning: Turning) -> None:
        self._connection = connection
        self._matter = matter
        self._turning = turning

    async def gather(self) -> None:
        """Find out about all people. To be awaited once, before anything is asked."""
        purpose, channel, dated = self._matter
        turning = self._turning
        moments = (turning.until, turning.noticed, turning.given, turning.known)
        await self._connection.execute(
            _GATHER.format(dated=dated), channel, purpose, *map(_micros, moments), timeout=LONG
        )

    async def alike(self, asked: Sequence[bytes]) -> AsyncIterator[Sequence[tuple[array[int], Shape]]]:
        """For what `packed` makes of a list: the numbers of those who are alike, and what they are.

        Nothing where nothing is known. Whose number comes twice has several people, spellings or stops.
        """
        connection = self._connection
        # What read the last list is done, and still open.
        await connection.execute("CLOSE ALL; TRUNCATE asked")
        await connection.copy_to_table("asked", source=_each(asked), format="binary", timeout=LONG)
        async for rows in streamed(connection, _ALIKE, self._matter.purpose):
            yield [(_numbers(numbers), Shape(*shape)) for numbers, *shape in rows]


@asynccontextmanager
async def everybody(database: PostgresDatabase, matter: Matter, turning: Turning) -> AsyncIterator[Everybody]:
    """In a transaction that nothing else may use meanwhile. Raises StorageUnavailable."""
    async with database.session() as connection:
        try:
            await connection.execute(_TABLES)
        except asyncpg.InsufficientPrivilegeError as error:
            why = "a long list takes temporary tables, and this role may make none; GRANT TEMP ON DATABASE"
            raise StorageUnavailable(f"PostgreSQL: {why}") from error
        yield Everybody(connection, matter, turning)


async def people_about(database: PostgresDatabase) -> int:
    """How many addresses there are, roughly; 0 where PostgreSQL has not counted them yet."""
    async with database.read() as tx:
        found = await tx.fetch("SELECT reltuples::bigint FROM pg_class WHERE oid = 'contact_point'::regclass")
        return max(0, int(found[0][0]))


def _micros(moments: Iterable[datetime]) -> list[int]:
    return [to_micros(moment) for moment in moments]


def packed(asked: Iterable[tuple[int, bytes]]) -> list[bytes]:
    """Pairs of a number and a wide fingerprint, as PostgreSQL takes them in."""
    left = iter(asked)
    parts = [_COPY_BEGINS]
    while some := list(islice(left, _COPIED)):
        parts.append(b"".join([_ROW.pack(2, 4, number, 16, wide) for number, wide in some]))
    return [*parts, _COPY_ENDS]


async def _each(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def _numbers(sent: bytes) -> array[int]:
    numbers = array("i")
    numbers.frombytes(sent)
    if byteorder == "little":
        numbers.byteswap()
    return numbers
