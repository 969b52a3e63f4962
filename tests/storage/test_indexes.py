"""Every index that the models name is there, on both databases."""

from tortoise import Tortoise

from prefcenter.storage.database import database_for
from prefcenter.storage.orm import orm

_INDEXES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index'",
    "postgres": "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()",
}


async def test_every_index_of_a_model_is_in_the_database(database_url: str) -> None:
    async with orm(database_url):
        models = [model for app in Tortoise.apps.values() for model in app.values()]
        wanted = {index.name for model in models for index in model._meta.indexes}
    database = database_for(database_url)
    await database.open()
    try:
        async with database.read() as tx:
            found = {row[0] for row in await tx.fetch(_INDEXES[database.dialect])}
    finally:
        await database.close()
    assert "mail_due" in wanted
    assert wanted <= found
