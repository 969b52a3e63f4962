"""Imports, as far as each has come: the position moves on in the transaction of the rows before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from prefcenter.storage.database import AnyDatabase, Row, Statement, insert
from prefcenter.storage.fields import to_micros
from prefcenter.storage.people import new_id

RUNNING, DONE = "running", "done"

_FIND = (
    "SELECT id, position, counts FROM import_run WHERE digest = $1 AND state = 'running' "
    "ORDER BY created_at DESC LIMIT 1"
)
_ADD = insert(
    "import_run",
    {
        "id": "text",
        "name": "text",
        "digest": "text",
        "position": "bigint",
        "counts": "text",
        "state": "text",
        "created_at": "bigint",
        "updated_at": "bigint",
    },
)
MOVE_ON = Statement(
    postgres="""
UPDATE import_run AS r SET position = v.position, counts = v.counts, state = v.state, updated_at = v.at
FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[])
    AS v(id, position, counts, state, at) WHERE r.id = v.id
""",
    sqlite="UPDATE import_run SET position = ?2, counts = ?3, state = ?4, updated_at = ?5 WHERE id = ?1",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportRun:
    """`position`: where to go on in the file; `counts`: rows so far, by what became of them."""

    id: str
    position: int
    counts: Mapping[str, int]


async def find_or_begin(database: AnyDatabase, *, name: str, digest: str, now: datetime) -> ImportRun:
    """The run of this file with these options that was interrupted, or else a new one."""
    async with database.write() as tx:
        found = await tx.fetch(_FIND, digest)
        if found:
            id_, position, counts = found[0]
            return ImportRun(id=id_, position=position, counts=msgspec.json.decode(counts))
        id_, at = new_id(), to_micros(now)
        await tx.many(_ADD, [(id_, name[:255], digest, 0, "{}", RUNNING, at, at)])
        return ImportRun(id=id_, position=0, counts={})


def moved_on(run: ImportRun, position: int, counts: Mapping[str, int], now: datetime, *, done: bool) -> Row:
    """Of `MOVE_ON`."""
    state = DONE if done else RUNNING
    return run.id, position, msgspec.json.encode(dict(counts)).decode(), state, to_micros(now)


async def finish(
    database: AnyDatabase, run: ImportRun, position: int, counts: Mapping[str, int], now: datetime
) -> None:
    async with database.write() as tx:
        await tx.many(MOVE_ON, [moved_on(run, position, counts, now, done=True)])
