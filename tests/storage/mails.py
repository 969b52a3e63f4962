"""Mails put into a real database, and a look at what became of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from prefcenter.storage.database import AnyDatabase, database_for
from prefcenter.storage.fields import from_micros
from prefcenter.storage.mail_queue import ADD_MAIL, LEASE, MailQueue, Priority, mail_row
from tests.storage.queues import START


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredMail:
    """A mail as the database has it."""

    state: str
    attempts: int
    next_at: datetime
    error: str | None
    digest: bytes | None
    ended_at: datetime | None


@dataclass
class MailBench:
    """A database with the mails that wait in it."""

    database: AnyDatabase
    queue: MailQueue

    async def mail(
        self,
        about: str = "a",
        *,
        kind: str = "test",
        priority: Priority = Priority.NOTICE,
        at: datetime = START,
        next_at: datetime | None = None,
    ) -> str:
        row = mail_row(kind=kind, about=about, priority=priority, now=at, next_at=next_at)
        async with self.database.write() as tx:
            await tx.many(ADD_MAIL, [row])
        return str(row[0])

    async def stored(self, mail: str) -> StoredMail:
        sql = "SELECT state, attempts, next_at, last_error, digest, ended_at FROM mail WHERE id = $1"
        async with self.database.read() as tx:
            [row] = await tx.fetch(sql, mail)
        return StoredMail(
            state=row[0],
            attempts=row[1],
            next_at=from_micros(row[2]),
            error=row[3],
            digest=None if row[4] is None else bytes(row[4]),
            ended_at=None if row[5] is None else from_micros(row[5]),
        )


@asynccontextmanager
async def open_mails(url: str, lease: timedelta = LEASE) -> AsyncIterator[MailBench]:
    database = database_for(url)
    await database.open()
    try:
        yield MailBench(database, MailQueue(database, lease))
    finally:
        await database.close()
