"""What a long list is joined with."""

from __future__ import annotations

import asyncpg
import pytest

from prefcenter.bootstrap import utc_now
from prefcenter.domain.turning import Turning
from prefcenter.storage.candidates import Matter
from prefcenter.storage.database import PostgresDatabase, StorageUnavailable
from prefcenter.storage.everybody import everybody, packed, people_about
from prefcenter.storage.orm import migrate
from tests.postgres import PostgresServer

MATTER = Matter("newsletter", "email", dated=False)


@pytest.fixture
async def url(postgres_server: PostgresServer) -> str:
    await postgres_server.create("everybody")
    await migrate(postgres_server.url("everybody"))
    return postgres_server.url("everybody")


def turning() -> Turning:
    return Turning(given=(), until=(utc_now(),), noticed=(utc_now(),), known=())


async def test_a_role_that_may_make_no_temporary_tables_is_told_what_it_needs(
    postgres_server: PostgresServer, url: str
) -> None:
    server = await asyncpg.connect(postgres_server.url())
    await server.execute("REVOKE TEMP ON DATABASE everybody FROM PUBLIC; CREATE ROLE narrow LOGIN")
    database = PostgresDatabase(url.replace("postgres@", "narrow@"))
    await database.open()
    try:
        with pytest.raises(StorageUnavailable, match="GRANT TEMP"):
            async with everybody(database, MATTER, turning()):
                pass
    finally:
        await database.close()
        await postgres_server.drop("everybody")
        await server.execute("DROP ROLE narrow")
        await server.close()


async def test_where_there_is_nobody_nobody_is_alike(postgres_server: PostgresServer, url: str) -> None:
    database = PostgresDatabase(url)
    await database.open()
    try:
        assert await people_about(database) == 0
        async with everybody(database, MATTER, turning()) as people:
            await people.gather()
            for asked in ([], [(0, b"of sixteen bytes"), (7, b"of as many bytes")]):
                assert [part async for part in people.alike(packed(asked))] == []
    finally:
        await database.close()
        await postgres_server.drop("everybody")
