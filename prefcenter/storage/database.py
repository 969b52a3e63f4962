"""Both databases behind one small interface."""

from __future__ import annotations

from prefcenter.storage.postgres import PostgresDatabase
from prefcenter.storage.sql import Row, Statement, StorageUnavailable, Tx, insert
from prefcenter.storage.sqlite import SqliteDatabase

__all__ = [
    "AnyDatabase",
    "PostgresDatabase",
    "Row",
    "SqliteDatabase",
    "Statement",
    "StorageUnavailable",
    "Tx",
    "check_writable",
    "database_for",
    "insert",
]

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
