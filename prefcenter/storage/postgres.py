"""PostgreSQL: one connection per process writes the ledger, a small pool does the rest."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from typing import Any

import asyncpg

from prefcenter.storage.sql import PARAMETER, Row, Statement, StorageUnavailable, Tx

#: Any two processes that write the ledger wait for each other here; held until commit (docs/decisions/0003).
LEDGER_LOCK = 0x70726566

_COMMAND_SECONDS = 15.0
_MOST_LOOKUPS = 3
#: So many new rows are copied into their table: a round trip more, and half the work.
_WORTH_COPYING = 64


def _counted_on(used: int, found: re.Match[str]) -> str:
    return f"${int(found[1]) + used}"


@lru_cache(maxsize=256)
def _as_one(statements: tuple[str, ...]) -> str:
    """Several statements as one (`WITH … AS (INSERT …), … INSERT …`), parameters counted on."""
    parts = []
    used = 0
    for sql in statements:
        parts.append(PARAMETER.sub(partial(_counted_on, used), sql))
        used += max(int(number) for number in PARAMETER.findall(sql))
    named = [f"part{i} AS ({part})" for i, part in enumerate(parts[:-1])]
    return f"WITH {', '.join(named)} {parts[-1]}" if named else parts[-1]


async def _leave_as_it_is(_: object) -> None: ...


class PostgresTx:
    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self._connection = connection

    async def fetch(self, sql: str, *args: Any) -> Sequence[Row]:
        rows: Sequence[Row] = await self._connection.fetch(sql, *args)
        return rows

    async def among(self, sql: str, kind: str, keys: Iterable[Any]) -> Sequence[Row]:
        wanted = list(keys)
        if not wanted:
            return []
        text = sql.replace("{keys}", f"= ANY($1::{kind}[])")
        rows: Sequence[Row] = await self._connection.fetch(text, wanted)
        return rows

    async def many(self, statement: Statement, rows: Sequence[Row]) -> None:
        if rows:
            await self._connection.execute(statement.postgres, *map(list, zip(*rows, strict=True)))

    async def together(self, work: Sequence[tuple[Statement, Sequence[Row]]]) -> None:
        wanted = []
        for statement, rows in work:
            if statement.adds is not None and len(rows) >= _WORTH_COPYING:
                table, names = statement.adds
                await self._connection.copy_records_to_table(table, records=rows, columns=names)
            elif rows:
                wanted.append((statement, rows))
        if wanted:
            sql = _as_one(tuple(statement.postgres for statement, _ in wanted))
            columns = [list(column) for _, rows in wanted for column in zip(*rows, strict=True)]
            await self._connection.execute(sql, *columns)


class PostgresDatabase:
    """A server. One connection per process writes the ledger; a small pool does the rest."""

    dialect = "postgres"

    def __init__(self, url: str, pool_size: int = 4) -> None:
        self._url = url
        self._pool_size = pool_size
        self._pool: asyncpg.Pool[Any] | None = None
        self._lookups: asyncpg.Pool[Any] | None = None
        self._ledger: asyncpg.Connection[Any] | None = None
        self._lock = asyncio.Lock()

    async def open(self) -> None:
        with _postgres_errors():
            # All that is looked up here is found by index, for one address or thousands: one plan for good.
            self._lookups = await asyncpg.create_pool(
                self._url,
                min_size=0,
                max_size=_MOST_LOOKUPS,
                command_timeout=_COMMAND_SECONDS,
                # Nothing is ever changed on them, so there is nothing to be put back after each.
                reset=_leave_as_it_is,
                server_settings={
                    "application_name": "prefcenter lookups",
                    "plan_cache_mode": "force_generic_plan",
                    "enable_seqscan": "off",
                    "enable_hashjoin": "off",
                    "enable_mergejoin": "off",
                },
            )
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=0,
                max_size=self._pool_size,
                command_timeout=_COMMAND_SECONDS,
                # A plan made while a table was empty must not outlive that: each is made for its values.
                # Whoever reads a whole table takes one core: opt-outs go on beside it.
                server_settings={
                    "application_name": "prefcenter",
                    "plan_cache_mode": "force_custom_plan",
                    "max_parallel_workers_per_gather": "0",
                },
            )

    async def close(self) -> None:
        if self._ledger is not None:
            await self._ledger.close()
        for pool in (self._pool, self._lookups):
            if pool is not None:
                await pool.close()
        self._pool = self._lookups = self._ledger = None

    @asynccontextmanager
    async def ledger(self) -> AsyncIterator[Tx]:
        """A transaction that holds the ledger's lock from its start, so it reads what will stay true."""
        async with self._lock:
            with _postgres_errors():
                connection = await self._ledger_connection()
                try:
                    # The lock is a statement of its own: the next one's snapshot is taken once it is held.
                    await connection.execute(f"BEGIN; SELECT pg_advisory_xact_lock({LEDGER_LOCK})")
                    yield PostgresTx(connection)
                    if await connection.execute("COMMIT") != "COMMIT":
                        raise StorageUnavailable("PostgreSQL: rolled back at COMMIT")
                except BaseException:
                    await self._roll_back(connection)
                    raise

    async def _ledger_connection(self) -> asyncpg.Connection[Any]:
        if self._pool is None:
            raise StorageUnavailable("the database is closed")
        if self._ledger is None or self._ledger.is_closed():
            self._ledger = await asyncpg.connect(
                self._url,
                command_timeout=_COMMAND_SECONDS,
                # All it does is look up by index. A plan made while a table was small must not stay
                # a sequential scan once it is not.
                server_settings={"application_name": "prefcenter journal", "enable_seqscan": "off"},
            )
        return self._ledger

    async def _roll_back(self, connection: asyncpg.Connection[Any]) -> None:
        try:
            await connection.execute("ROLLBACK")
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            connection.terminate()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        with _postgres_errors():
            if self._pool is None:
                raise StorageUnavailable("the database is closed")
            async with self._pool.acquire() as connection, connection.transaction():
                yield PostgresTx(connection)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        with _postgres_errors():
            if self._pool is None:
                raise StorageUnavailable("the database is closed")
            async with self._pool.acquire() as connection:
                yield PostgresTx(connection)

    @asynccontextmanager
    async def lookup(self) -> AsyncIterator[Tx]:
        """For statements that find everything by index, whatever the sets they are given."""
        with _postgres_errors():
            if self._lookups is None:
                raise StorageUnavailable("the database is closed")
            async with self._lookups.acquire() as connection:
                yield PostgresTx(connection)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[asyncpg.Connection[Any]]:
        """A transaction of the driver's own, for what has no counterpart elsewhere (COPY, cursors)."""
        with _postgres_errors():
            if self._pool is None:
                raise StorageUnavailable("the database is closed")
            async with self._pool.acquire() as connection, connection.transaction():
                yield connection

    async def durability_problems(self) -> list[str]:
        problems = []
        async with self.read() as tx:
            for setting in ("fsync", "full_page_writes", "synchronous_commit"):
                value = (await tx.fetch(f"SHOW {setting}"))[0][0]
                if value == "off":
                    problems.append(
                        f"PostgreSQL runs with {setting}=off: a crash would lose acknowledged stops"
                    )
        return problems


class _postgres_errors:
    """Says "unavailable" of a lost, refused or overloaded server; lets errors in the data pass."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, POSTGRES_UNAVAILABLE):
            raise StorageUnavailable(f"PostgreSQL: {type(error).__name__}") from error


POSTGRES_UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    # A connection that broke while it was idle says so only when it is used again.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.PostgresSystemError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InternalServerError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.TransactionRollbackError,
    asyncpg.CannotConnectNowError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
)
