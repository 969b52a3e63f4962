"""The embedded database: one file, one connection that writes and one that reads."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import lru_cache
from typing import Any

import aiosqlite

from prefcenter.storage.sql import PARAMETER, Row, Statement, StorageUnavailable, Tx

_BUSY_SECONDS = 10
#: Pages kept in memory for the connection that writes: it touches a few at random for every choice.
_WRITER_CACHE_KIB = 48 * 1024
_MOST_PARAMETERS = 900


@lru_cache(maxsize=256)
def _numbered(sql: str) -> str:
    return PARAMETER.sub(r"?\1", sql)


class SqliteTx:
    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def fetch(self, sql: str, *args: Any) -> Sequence[Row]:
        rows = await self._connection.execute_fetchall(_numbered(sql), args)
        return list(rows)

    async def among(self, sql: str, kind: str, keys: Iterable[Any]) -> Sequence[Row]:
        wanted = list(keys)
        found: list[Row] = []
        for start in range(0, len(wanted), _MOST_PARAMETERS):
            part = wanted[start : start + _MOST_PARAMETERS]
            marks = ", ".join("?" for _ in part)
            found += await self._connection.execute_fetchall(sql.replace("{keys}", f"IN ({marks})"), part)
        return found

    async def many(self, statement: Statement, rows: Sequence[Row]) -> None:
        if rows:
            await self._connection.executemany(statement.sqlite, rows)

    async def together(self, work: Sequence[tuple[Statement, Sequence[Row]]]) -> None:
        for statement, rows in work:
            await self.many(statement, rows)


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
        await self._writer.execute(f"PRAGMA cache_size=-{_WRITER_CACHE_KIB}")
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
                    yield SqliteTx(connection)
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
            yield SqliteTx(self._reader)

    def lookup(self) -> AbstractAsyncContextManager[Tx]:
        """A reader like any other: SQLite always goes by index."""
        return self.read()

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
