"""Tasks: a third party to be told that a permission ended, until it confirms that it acted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from prefcenter.domain.choices import Entry
from prefcenter.domain.third_parties import ToBeTold
from prefcenter.storage.database import AnyDatabase, Row, insert
from prefcenter.storage.fields import from_micros, to_micros
from prefcenter.storage.people import new_id

#: Nobody was told yet; the mail was taken by the third party's server; the third party says that it acted.
OPEN, TOLD, CONFIRMED = "open", "told", "confirmed"

ADD_TASK = insert(
    "task",
    {
        "id": "text",
        "recipient": "text",
        "seq": "bigint",
        "subject_id": "text",
        "purpose": "text",
        "sealed": "bytea",
        "state": "text",
        "created_at": "bigint",
    },
)

# What third parties heard of some people, up to which entry.
NEWEST_TASKS = (
    "SELECT subject_id, recipient, purpose, max(seq) FROM task WHERE subject_id {keys} "
    "GROUP BY subject_id, recipient, purpose"
)

_COLUMNS = "id, recipient, seq, subject_id, purpose, sealed, state, created_at, told_at, confirmed_at"
_ONE = f"SELECT {_COLUMNS} FROM task WHERE id = $1"
_OF_SUBJECT = f"SELECT {_COLUMNS} FROM task WHERE subject_id = $1 ORDER BY seq, recipient, purpose"
# A page of one state, after the last row of the page before.
_PAGE = (
    f"SELECT {_COLUMNS} FROM task WHERE state = $1 AND (created_at > $2 OR (created_at = $2 AND id > $3)) "
    "ORDER BY created_at, id LIMIT 1000"
)
_TELL = "UPDATE task SET state = 'told', told_at = $1 WHERE id = $2 AND state = 'open'"
# The address has served.
_CONFIRM = (
    "UPDATE task SET state = 'confirmed', confirmed_at = $1, sealed = NULL "
    "WHERE id = $2 AND state <> 'confirmed' RETURNING id"
)


@dataclass(frozen=True, slots=True)
class Task:
    """`seq`: of the entry that ended the permission. `sealed`: the person's address; None: confirmed."""

    id: str
    recipient: str
    seq: int
    subject: str
    purpose: str
    sealed: bytes | None
    state: str
    created_at: datetime
    told_at: datetime | None
    confirmed_at: datetime | None


def new_task_row(entry: Entry, subject: str, told: ToBeTold, sealed: bytes) -> tuple[str, Row]:
    """The id of a new task, and its row for `ADD_TASK`."""
    id_ = new_id()
    at = to_micros(entry.recorded_at)
    return id_, (id_, told.recipient, entry.seq, subject, told.purpose, sealed, OPEN, at)


async def find_task(database: AnyDatabase, id_: str) -> Task | None:
    async with database.read() as tx:
        found = await tx.fetch(_ONE, id_)
    return _task(found[0]) if found else None


async def tasks_of_subject(database: AnyDatabase, subject: str) -> list[Task]:
    """In the order of what ended."""
    async with database.read() as tx:
        return [_task(row) for row in await tx.fetch(_OF_SUBJECT, subject)]


async def unconfirmed_tasks(database: AnyDatabase) -> AsyncIterator[Task]:
    """Those that nobody was told of, then those that wait for an answer; each the oldest first."""
    for state in (OPEN, TOLD):
        at, id_ = -1, ""
        while True:
            async with database.read() as tx:
                found = await tx.fetch(_PAGE, state, at, id_)
            for row in found:
                yield _task(row)
            if not found:
                break
            at, id_ = found[-1][7], found[-1][0]


async def mark_told(database: AnyDatabase, id_: str, now: datetime) -> None:
    """The third party's mail server took the mail; the first time counts."""
    async with database.write() as tx:
        await tx.fetch(_TELL, to_micros(now), id_)


async def mark_confirmed(database: AnyDatabase, id_: str, now: datetime) -> bool:
    """The third party acted; its address of the person is let go. False: it was confirmed before."""
    async with database.write() as tx:
        return bool(await tx.fetch(_CONFIRM, to_micros(now), id_))


def _task(row: Row) -> Task:
    return Task(
        row[0],
        row[1],
        row[2],
        row[3],
        row[4],
        None if row[5] is None else bytes(row[5]),
        row[6],
        from_micros(row[7]),
        None if row[8] is None else from_micros(row[8]),
        None if row[9] is None else from_micros(row[9]),
    )
