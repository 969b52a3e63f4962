"""Imports, as far as each has come: the positions move on in the transaction of the rows before them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from prefcenter.storage.database import AnyDatabase, Row, Statement, insert
from prefcenter.storage.fields import from_micros, to_micros
from prefcenter.storage.people import new_id

RUNNING, DONE = "running", "done"

_FIND = (
    "SELECT id, position, rejects, counts FROM import_run WHERE digest = $1 AND state = 'running' "
    "ORDER BY created_at DESC LIMIT 1"
)
_ADD = insert(
    "import_run",
    {
        "id": "text",
        "name": "text",
        "digest": "text",
        "position": "bigint",
        "rejects": "bigint",
        "counts": "text",
        "state": "text",
        "created_at": "bigint",
        "updated_at": "bigint",
    },
)
_NEWEST = "SELECT id, name, created_at FROM import_run ORDER BY created_at DESC, id LIMIT $1"
_UNFINISHED = "SELECT name, updated_at FROM import_run WHERE state = 'running' ORDER BY updated_at DESC, id"
#: Where in the ledger a chunk is: an operator may have to void it.
ADD_CHUNK = insert("import_chunk", {"import_id": "text", "first_seq": "bigint", "last_seq": "bigint"})
MOVE_ON = Statement(
    postgres="""
UPDATE import_run AS r
SET position = v.position, rejects = v.rejects, counts = v.counts, state = v.state, updated_at = v.at
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[])
    AS v(id, position, rejects, counts, state, at) WHERE r.id = v.id
""",
    sqlite="""
UPDATE import_run SET position = ?2, rejects = ?3, counts = ?4, state = ?5, updated_at = ?6 WHERE id = ?1
""",
)


class Reached(NamedTuple):
    """How far an import has come: `position` in its file, `rejects` in bytes of its file of bad rows, and
    `counts`: rows so far, by what became of them."""

    position: int = 0
    rejects: int = 0
    counts: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportRun:
    id: str
    reached: Reached


async def find_interrupted(database: AnyDatabase, digest: str) -> ImportRun | None:
    """The run of this file with these options that did not come to its end."""
    async with database.read() as tx:
        found = await tx.fetch(_FIND, digest)
    if not found:
        return None
    id_, position, rejects, counts = found[0]
    return ImportRun(id=id_, reached=Reached(position, rejects, msgspec.json.decode(counts)))


async def unfinished(database: AnyDatabase) -> Sequence[tuple[str, datetime]]:
    """The files of imports that have not come to their end, and when each last came on."""
    async with database.read() as tx:
        return [(name, from_micros(at)) for name, at in await tx.fetch(_UNFINISHED)]


async def begin(
    database: AnyDatabase, *, name: str, digest: str, rejects: int = 0, now: datetime
) -> ImportRun:
    run = ImportRun(id=new_id(), reached=Reached(rejects=rejects))
    at = to_micros(now)
    async with database.write() as tx:
        await tx.many(_ADD, [(run.id, name[:255], digest, 0, rejects, "{}", RUNNING, at, at)])
    return run


def moved_on(run: ImportRun, reached: Reached, now: datetime, *, done: bool) -> Row:
    """Of `MOVE_ON`."""
    state = DONE if done else RUNNING
    counts = msgspec.json.encode(dict(reached.counts)).decode()
    return run.id, reached.position, reached.rejects, counts, state, to_micros(now)


def chunk_row(run: ImportRun, before: int, head: int) -> Row:
    """Of `ADD_CHUNK`: everything after `before`, up to `head`."""
    return run.id, before + 1, head


async def newest_imports(database: AnyDatabase, number: int) -> Sequence[tuple[str, str, datetime]]:
    """Id, name of the file and begin of the newest ones."""
    async with database.read() as tx:
        found = await tx.fetch(_NEWEST, number)
    return [(id_, name, from_micros(at)) for id_, name, at in found]


async def finish(database: AnyDatabase, run: ImportRun, reached: Reached, now: datetime) -> None:
    async with database.write() as tx:
        await tx.many(MOVE_ON, [moved_on(run, reached, now, done=True)])
