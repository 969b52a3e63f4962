"""The test databases keep their own promises."""

import sqlite3
from contextlib import closing

import asyncpg
import pytest

from tests.postgres import PostgresServer


async def tables(url: str) -> set[str]:
    """The names of the tables, asked without any of the project's own code."""
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file:
            return {name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()
    return {row["tablename"] for row in rows}


async def test_a_fresh_database_is_migrated(database_url: str) -> None:
    assert await tables(database_url)


async def test_an_empty_database_is_empty(empty_database_url: str) -> None:
    assert not await tables(empty_database_url)


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
async def test_postgres_is_as_durable_as_in_production(postgres_server: PostgresServer, setting: str) -> None:
    connection = await asyncpg.connect(postgres_server.url())
    assert await connection.fetchval("SELECT current_setting($1)", setting) == "on"
    await connection.close()


async def test_a_committed_row_outlives_a_crash_of_postgres(postgres_server: PostgresServer) -> None:
    url = await postgres_server.create("crash")
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE kept AS SELECT 1 AS row")
    postgres_server.crash()
    postgres_server.start()
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT row FROM kept") == 1
    await connection.close()
    await postgres_server.drop("crash")
