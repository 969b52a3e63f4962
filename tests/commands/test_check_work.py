"""`check` tells of work that did not come to its end: mails given up, imports that were interrupted."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from prefcenter.storage.database import AnyDatabase, database_for
from prefcenter.storage.duties import IMPORTS_KEPT, clean_up
from prefcenter.storage.imports import begin, finish
from prefcenter.storage.mail_queue import ADD_MAIL, FAILED, MailQueue, Priority, mail_row
from tests.commands.conftest import Console

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def prepare(console: Console, work: Callable[[AnyDatabase], Awaitable[object]]) -> None:
    async def run() -> None:
        database = database_for(console.environ["PREFCENTER_DATABASE_URL"])
        await database.open()
        await work(database)
        await database.close()

    asyncio.run(run())


def lines(console: Console, what: str) -> list[str]:
    return [line for line in console.run("check").out.splitlines() if f" {what} " in line]


def test_it_says_why_the_newest_mail_was_given_up(console: Console) -> None:
    async def given_up(database: AnyDatabase) -> None:
        queue = MailQueue(database)
        for minute, error in enumerate(("5.7.1 not today", "5.1.1 no such mailbox")):
            at = AT.replace(minute=minute)
            row = mail_row(kind="third_party", about=f"t{minute}", priority=Priority.THIRD_PARTY, now=at)
            async with database.write() as tx:
                await tx.many(ADD_MAIL, [row])
            [claimed] = await queue.claim(at, 1)
            await queue.finish(claimed, FAILED, error=error, now=at)

    assert lines(console, "mails") == []
    prepare(console, given_up)
    said = "2 failed in the last 90 days, the newest (third_party): 5.1.1 no such mailbox"
    assert lines(console, "mails") == [f"warning  mails      {said}"]


def test_it_names_an_import_that_was_interrupted_for_90_days(console: Console) -> None:
    async def interrupted(database: AnyDatabase) -> None:
        await begin(database, name="people.csv", digest="a" * 64, now=AT)
        done = await begin(database, name="other.csv", digest="b" * 64, now=AT)
        await finish(database, done, done.reached, AT)

    assert lines(console, "imports") == []
    prepare(console, interrupted)
    [line] = lines(console, "imports")
    assert "people.csv has not come to its end; last came on at 2026-11-20 09:30 UTC" in line
    prepare(console, lambda database: clean_up(database, AT + IMPORTS_KEPT))
    assert lines(console, "imports") == [line]
    prepare(console, lambda database: clean_up(database, AT + IMPORTS_KEPT * 2))
    assert lines(console, "imports") == []
