"""Endpoints and deliveries put into a real database, and a look at what became of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from email_hooks.signatures import new_secret
from prefcenter.storage import statements
from prefcenter.storage.database import AnyDatabase, database_for
from prefcenter.storage.delivery_queue import DeliveryQueue
from prefcenter.storage.endpoints import ADD_WEBHOOK, ENABLED, new_webhook, webhook_row
from prefcenter.storage.fields import to_micros
from prefcenter.storage.outbox import delivery_row
from prefcenter.storage.vault import Vault

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
VAULT = Vault([b"a secret key of the tests, long enough"])
LOST_KEY = Vault([b"a key that nobody has configured any more"])
SECRET = new_secret()


@dataclass
class Clock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """A delivery as the database has it."""

    state: str
    attempts: int
    next_at: int
    status: int | None
    error: str | None
    has_body: bool


@dataclass
class Outbox:
    """A database with what waits in it to be delivered. `queue` is what one worker would use."""

    url: str
    database: AnyDatabase
    queue: DeliveryQueue

    async def endpoint(self, name: str = "shop", *, state: str = ENABLED, vault: Vault = VAULT) -> str:
        webhook = new_webhook(
            url=f"https://{name}.example/hooks", events=["choice.recorded"], description=name, now=START
        )
        webhook = replace(webhook, id=name, state=state)
        async with self.database.write() as tx:
            await tx.many(ADD_WEBHOOK, [webhook_row(webhook, SECRET, vault)])
        return name

    async def deliveries(
        self,
        endpoint: str,
        number: int = 1,
        *,
        suppressing: bool = True,
        at: datetime = START,
        vault: Vault = VAULT,
    ) -> list[str]:
        """Their ids, in order of birth."""
        rows = [
            delivery_row(
                vault,
                endpoint,
                n,
                "choice.recorded",
                f"body {n}".encode(),
                suppressing=suppressing,
                now=at + timedelta(microseconds=n),
            )
            for n in range(number)
        ]
        async with self.database.write() as tx:
            await tx.many(statements.ADD_DELIVERY, rows)
        return [row[0] for row in rows]

    async def rows(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        async with self.database.write() as tx:
            return [tuple(row) for row in await tx.fetch(sql, *args)]

    async def stored(self, delivery: str) -> Stored:
        [(state, attempts, next_at, status, error, body)] = await self.rows(
            "SELECT state, attempts, next_at, last_status, last_error, body FROM delivery WHERE id = $1",
            delivery,
        )
        return Stored(
            state=state,
            attempts=attempts,
            next_at=next_at,
            status=status,
            error=error,
            has_body=body is not None,
        )

    async def due_in(self, delivery: str, now: datetime) -> timedelta:
        """From `now`, to the microsecond."""
        return timedelta(microseconds=(await self.stored(delivery)).next_at - to_micros(now))

    async def states(self) -> set[str]:
        return {state for (state,) in await self.rows("SELECT DISTINCT state FROM delivery")}


@asynccontextmanager
async def open_outbox(url: str, **more: Any) -> AsyncIterator[Outbox]:
    """`more` is for the queue."""
    database = database_for(url)
    await database.open()
    try:
        yield Outbox(url, database, DeliveryQueue(database, VAULT, **more))
    finally:
        await database.close()
