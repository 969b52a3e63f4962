"""Both databases behind one small interface: a serial writer, a reader, and what makes them durable."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Protocol

import aiosqlite
import asyncpg

#: Any two processes that write the ledger wait for each other here; held until commit (DESIGN 4.1).
LEDGER_LOCK = 0x70726566

_BUSY_SECONDS = 10
_COMMAND_SECONDS = 15.0
_SQLITE_MOST_PARAMETERS = 900

_PARAMETER = re.compile(r"\$(\d+)")

Row = Sequence[Any]


class StorageUnavailable(Exception):
    """The database cannot be reached or cannot commit now. Nothing was acknowledged; try again."""


@dataclass(frozen=True, slots=True)
class Statement:
    """The same statement for both databases."""

    postgres: str
    sqlite: str


def insert(table: str, columns: dict[str, str], on_conflict: str = "") -> Statement:
    """A set-based INSERT; `columns` maps names to PostgreSQL types."""
    names = ", ".join(f'"{name}"' for name in columns)
    arrays = ", ".join(f"${i}::{kind}[]" for i, kind in enumerate(columns.values(), 1))
    marks = ", ".join("?" for _ in columns)
    return Statement(
        postgres=f'INSERT INTO "{table}" ({names}) SELECT * FROM unnest({arrays}) {on_conflict}',
        sqlite=f'INSERT INTO "{table}" ({names}) VALUES ({marks}) {on_conflict}',
    )


class Tx(Protocol):
    """A transaction, or a reader."""

    async def fetch(self, sql: str, *args: Any) -> Sequence[Row]:
        """Rows of a statement with `$1` parameters."""

    async def among(self, sql: str, kind: str, keys: Iterable[Any]) -> Sequence[Row]:
        """Rows of a statement whose `{keys}` stands for the given set; `kind` is its PostgreSQL type."""

    async def many(self, statement: Statement, rows: Sequence[Row]) -> None:
        """Run a statement for a set of rows."""

    async def together(self, work: Sequence[tuple[Statement, Sequence[Row]]]) -> None:
        """Run statements that do not depend on each other, in one round trip where there are any."""


@lru_cache(maxsize=256)
def _numbered(sql: str) -> str:
    return _PARAMETER.sub(r"?\1", sql)


def _counted_on(used: int, found: re.Match[str]) -> str:
    return f"${int(found[1]) + used}"


@lru_cache(maxsize=256)
def _as_one(statements: tuple[str, ...]) -> str:
    """Several statements as one (`WITH … AS (INSERT …), … INSERT …`), parameters counted on."""
    parts = []
    used = 0
    for sql in statements:
        parts.append(_PARAMETER.sub(partial(_counted_on, used), sql))
        used += max(int(number) for number in _PARAMETER.findall(sql))
    named = [f"part{i} AS ({part})" for i, part in enumerate(parts[:-1])]
    return f"WITH {', '.join(named)} {parts[-1]}" if named else parts[-1]


class _SqliteTx:
    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def fetch(self, sql: str, *args: Any) -> Sequence[Row]:
        rows = await self._connection.execute_fetchall(_numbered(sql), args)
        return list(rows)

    async def among(self, sql: str, kind: str, keys: Iterable[Any]) -> Sequence[Row]:
        wanted = list(keys)
        found: list[Row] = []
        for start in range(0, len(wanted), _SQLITE_MOST_PARAMETERS):
            part = wanted[start : start + _SQLITE_MOST_PARAMETERS]
            marks = ", ".join("?" for _ in part)
            found += await self._connection.execute_fetchall(sql.replace("{keys}", f"IN ({marks})"), part)
        return found

    async def many(self, statement: Statement, rows: Sequence[Row]) -> None:
        if rows:
            await self._connection.executemany(statement.sqlite, rows)

    async def together(self, work: Sequence[tuple[Statement, Sequence[Row]]]) -> None:
        for statement, rows in work:
            await self.many(statement, rows)


class _PostgresTx:
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
        wanted = [(statement, rows) for statement, rows in work if rows]
        if wanted:
            sql = _as_one(tuple(statement.postgres for statement, _ in wanted))
            columns = [list(column) for _, rows in wanted for column in zip(*rows, strict=True)]
            await self._connection.execute(sql, *columns)


class SqliteDatabase:
    """One file. One connection writes, under BEGIN IMMEDIATE; another reads, beside it (WAL)."""

    dialect = "sqlite"

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = asyncio.Lock()
        self._writer: aiosqlite.Connection | None = None
        self._reader: aiosqlite.Connection | None = None

    async def open(self) -> None:
        self._writer = await self._connect()
        self._reader = await self._connect()

    async def _connect(self) -> aiosqlite.Connection:
        connection = await aiosqlite.connect(self._path, isolation_level=None, cached_statements=256)
        await connection.execute("PRAGMA journal_mode=WAL")
        await connection.execute("PRAGMA synchronous=FULL")
        await connection.execute(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}")
        return connection

    async def close(self) -> None:
        for connection in (self._writer, self._reader):
            if connection is not None:
                await connection.close()
        self._writer = self._reader = None

    @asynccontextmanager
    async def ledger(self) -> AsyncIterator[Tx]:
        async with self.write() as tx:
            yield tx

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        async with self._lock:
            connection = self._writer
            if connection is None:
                raise StorageUnavailable("the database is closed")
            with _sqlite_errors():
                try:
                    await connection.execute("BEGIN IMMEDIATE")
                    yield _SqliteTx(connection)
                    await connection.execute("COMMIT")
                except BaseException:
                    # Shielded, and asked for even if nothing seems open: whoever was cancelled did not
                    # see how far the connection's own thread got, and the next BEGIN must find it free.
                    await asyncio.shield(_roll_back(connection))
                    raise

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        if self._reader is None:
            raise StorageUnavailable("the database is closed")
        with _sqlite_errors():
            yield _SqliteTx(self._reader)

    async def durability_problems(self) -> list[str]:
        async with self.write() as tx:
            mode = (await tx.fetch("PRAGMA journal_mode"))[0][0]
            synchronous = (await tx.fetch("PRAGMA synchronous"))[0][0]
        problems = []
        if str(mode).lower() != "wal":
            problems.append(f"SQLite's journal_mode is {mode}, not WAL: is the folder on a network disk?")
        if int(synchronous) < 2:
            problems.append("SQLite's synchronous is below FULL")
        return problems


async def _roll_back(connection: aiosqlite.Connection) -> None:
    with suppress(sqlite3.OperationalError):
        await connection.execute("ROLLBACK")


class _sqlite_errors:
    """Says "unavailable" of what a later try may get through; lets errors in the data pass."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, sqlite3.OperationalError | sqlite3.DatabaseError) and not isinstance(
            error, sqlite3.IntegrityError | sqlite3.DataError | sqlite3.ProgrammingError
        ):
            raise StorageUnavailable(f"SQLite: {error}") from error


class PostgresDatabase:
    """A server. One connection per process writes the ledger; a small pool does the rest."""

    dialect = "postgres"

    def __init__(self, url: str, pool_size: int = 4) -> None:
        self._url = url
        self._pool_size = pool_size
        self._pool: asyncpg.Pool[Any] | None = None
        self._ledger: asyncpg.Connection[Any] | None = None
        self._lock = asyncio.Lock()

    async def open(self) -> None:
        with _postgres_errors():
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=0,
                max_size=self._pool_size,
                command_timeout=_COMMAND_SECONDS,
                server_settings={"application_name": "prefcenter"},
            )

    async def close(self) -> None:
        if self._ledger is not None:
            await self._ledger.close()
        if self._pool is not None:
            await self._pool.close()
        self._pool = self._ledger = None

    @asynccontextmanager
    async def ledger(self) -> AsyncIterator[Tx]:
        """A transaction that holds the ledger's lock from its start, so it reads what will stay true."""
        async with self._lock:
            with _postgres_errors():
                connection = await self._ledger_connection()
                try:
                    # The lock is a statement of its own: the next one's snapshot is taken once it is held.
                    await connection.execute(f"BEGIN; SELECT pg_advisory_xact_lock({LEDGER_LOCK})")
                    yield _PostgresTx(connection)
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
                yield _PostgresTx(connection)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        with _postgres_errors():
            if self._pool is None:
                raise StorageUnavailable("the database is closed")
            async with self._pool.acquire() as connection:
                yield _PostgresTx(connection)

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

AnyDatabase = SqliteDatabase | PostgresDatabase


async def check_writable(database: AnyDatabase) -> None:
    """Raises StorageUnavailable unless the ledger can be written now."""
    async with database.ledger() as tx:
        await tx.fetch("SELECT 1")


def database_for(url: str, pool_size: int = 4) -> AnyDatabase:
    """The database that PREFCENTER_DATABASE_URL names (`sqlite:///path` or `postgres://…`), not yet open."""
    if url.startswith("sqlite:///"):
        return SqliteDatabase(url.removeprefix("sqlite:///"))
    return PostgresDatabase(url.replace("postgres://", "postgresql://", 1), pool_size)
