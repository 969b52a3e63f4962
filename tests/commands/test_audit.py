"""`audit`: every send that was not allowed at its moment is named, and no other."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from prefcenter.bootstrap import utc_now
from prefcenter.catalog import parse
from prefcenter.commands import auditing
from prefcenter.commands.database import opened
from prefcenter.domain.choices import Action, Source
from prefcenter.settings import Settings
from prefcenter.storage.catalogs import Catalogs
from prefcenter.use_cases.services import Services
from tests.api.client import CATALOG
from tests.commands.conftest import Console
from tests.commands.test_links import MEASURED, MOST_KILOBYTES
from tests.use_cases.histories import BEGIN, Put, Say, World, open_world

ADA, BO, CY = "ada@example.com", "bo@example.com", "cy@example.com"
DAY = timedelta(days=1)
ROWS = 40_000


def said(address: str, action: Action, purpose: str = "newsletter") -> Say:
    return Say(address=address, action=action, source=Source.FORM, where=(purpose, "email"))


async def a_week(folder: Path, url: str) -> World:
    """Ada and Bo say yes on the first day; Ada stops on the third; the digest ends on the fifth."""
    async with open_world(folder, url) as world:
        await world.do(Put(catalog="first"))
        for address in (ADA, BO):
            for purpose in ("newsletter", "digest"):
                await world.do(said(address, Action.GIVE, purpose))
        world.now = BEGIN + 2 * DAY
        await world.do(said(ADA, Action.WITHDRAW))
        world.now = BEGIN + 4 * DAY
        await world.do(Put(catalog="one retired"))
        return world


def lived(console: Console) -> Console:
    asyncio.run(a_week(console.folder, console.environ["PREFCENTER_DATABASE_URL"]))
    return console


def day(number: float) -> str:
    return (BEGIN + number * DAY).isoformat()


def sends(*rows: tuple[str, str, str], header: str = "email,purpose,sent_at") -> bytes:
    return "\n".join([header, *(",".join(row) for row in rows), ""]).encode()


def found(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def test_sends_after_a_stop_are_named_and_those_before_are_not(
    database_url: str, tmp_path: Path
) -> None:
    console = Console(tmp_path, database_url)
    world = await a_week(tmp_path, database_url)
    stop = world.stopped[0][0]
    given = sends(
        (ADA, "newsletter", day(1)),
        (BO, "newsletter", day(1)),
        ("Ada@Example.com", "newsletter", day(3)),
        (BO, "newsletter", day(3)),
        (CY, "newsletter", day(3)),
        (BO, "digest", day(3)),
        (BO, "digest", day(5)),
        (ADA, "newsletter", day(-1)),
        (ADA, "newsletter", (BEGIN + 2 * DAY - timedelta(microseconds=1)).isoformat()),
        (ADA, "newsletter", (BEGIN + 2 * DAY).isoformat()),
    )
    ran = await asyncio.to_thread(console.run, "audit", stdin=given)
    assert ran.code == 1
    rows = found(ran.out)
    assert [(row["line"], row["email"], row["reason"]) for row in rows] == [
        ("4", "Ada@Example.com", "withdrawn"),
        ("6", CY, "never_asked"),
        ("8", BO, "unknown_purpose"),
        ("9", ADA, "unknown_purpose"),
        ("11", ADA, "withdrawn"),
    ]
    assert (rows[0]["entry"], datetime.fromisoformat(rows[0]["since"])) == (stop, BEGIN + 2 * DAY)
    assert (rows[0]["purpose"], rows[0]["sent_at"], rows[0]["channel"]) == ("newsletter", day(3), "")
    assert ran.err == "10 sends, 2 after a stop, 3 otherwise not allowed, 0 bad rows\n"


def test_when_nothing_was_wrong_it_says_so(local_console: Console) -> None:
    lived(local_console)
    ran = local_console.ok("audit", stdin=sends((ADA, "newsletter", day(1)), (BO, "newsletter", day(6))))
    assert found(ran.out) == []
    assert ran.err == "2 sends, 0 after a stop, 0 otherwise not allowed, 0 bad rows\n"
    assert local_console.ok("audit", stdin=sends()).err.startswith("0 sends")


def test_what_is_applied_while_it_begins_counts_for_what_was_sent_after(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = utc_now()

    @asynccontextmanager
    async def and_applied_elsewhere(settings: Settings) -> AsyncIterator[Services]:
        async with opened(settings) as services:
            other = Catalogs(services.database, services.vault)
            await other.apply(parse(CATALOG.split("[purposes.newsletter]")[0]), lambda: moment)
            yield services

    monkeypatch.setattr(auditing, "opened", and_applied_elsewhere)
    ran = console.run("audit", stdin=sends((ADA, "newsletter", moment.isoformat())))
    assert [row["reason"] for row in found(ran.out)] == ["unknown_purpose"]


def test_a_channel_is_asked_about_where_there_is_one(local_console: Console) -> None:
    lived(local_console)
    given = sends(
        (BO, "newsletter", f"{day(1)},"),
        (BO, "newsletter", f"{day(1)},email"),
        (BO, "newsletter", f"{day(1)},sms"),
        (BO, "newsletter", f"{day(1)},fax"),
        header="Email, Purpose ,SENT_AT,Channel",
    )
    ran = local_console.run("audit", stdin=given)
    assert [(row["line"], row["channel"], row["reason"]) for row in found(ran.out)] == [
        ("4", "sms", "unknown_purpose")
    ]
    assert "line 5: channel: no such channel" in ran.err


def test_bad_rows_are_named_without_their_address_and_counted(local_console: Console) -> None:
    lived(local_console)
    tomorrow = (utc_now() + DAY).isoformat()
    given = sends(
        ("ada@", "newsletter", day(1)),
        (ADA, "", day(1)),
        (ADA, "newsletter", ""),
        (ADA, "newsletter", "2026-01-06T12:00:00"),
        (ADA, "newsletter", "yesterday"),
        (ADA, "newsletter", "0001-01-01T00:00:00+14:00"),
        (ADA, "newsletter", tomorrow),
        (ADA, "newsletter", f"{day(1)},more"),
        (ADA, "newsletter", day(1)),
    )
    ran = local_console.run("audit", stdin=given)
    assert ran.code == 1
    assert found(ran.out) == []
    named = ran.err.splitlines()
    words = ["email", "purpose", "sent_at", "zone", "zone", "zone", "future", "cells", "1 sends"]
    assert [word for word, line in zip(words, named, strict=True) if word not in line] == []
    assert [line.split(":")[0] for line in named[:-1]] == [f"line {number}" for number in range(2, 10)]
    assert named[-1].endswith("8 bad rows")
    assert "ada" not in ran.err


def test_it_writes_a_file_that_no_spreadsheet_runs(local_console: Console) -> None:
    lived(local_console)
    (local_console.folder / "sends.csv").write_bytes(sends(("=cmd@example.com", "newsletter", day(1))))
    ran = local_console.run("audit", "sends.csv", "out.csv")
    assert (ran.code, ran.out) == (1, "")
    assert [row["email"] for row in found((local_console.folder / "out.csv").read_text())] == [
        "'=cmd@example.com"
    ]


def test_what_cannot_be_read_or_written_is_named(local_console: Console) -> None:
    lived(local_console)
    folder = local_console.folder
    (folder / "sends.csv").write_bytes(sends((ADA, "newsletter", day(1))))
    (folder / "none.csv").write_text("email,purpose\nada@example.com,newsletter\n")
    for arguments, words in (
        (["missing.csv"], "missing.csv"),
        (["none.csv"], "needs a column 'sent_at'"),
        (["sends.csv", "missing/out.csv"], "missing/out.csv"),
        (["sends.csv", "sends.csv"], "another"),
    ):
        assert words in local_console.refused("audit", *arguments), arguments
    assert (folder / "sends.csv").read_bytes() == sends((ADA, "newsletter", day(1)))


def test_memory_stays_the_same_however_long_the_list(local_console: Console) -> None:
    lived(local_console)
    with (local_console.folder / "sends.csv").open("w") as file:
        file.write("email,purpose,sent_at\n")
        file.writelines(
            f"{ADA},newsletter,{day(1)}\np{n}@example.com,newsletter,{day(1)}\n" for n in range(ROWS)
        )
    process = local_console.start("audit", "sends.csv", "out.csv", python=MEASURED)
    _, err = process.communicate(timeout=300)
    report, kilobytes = err.decode().splitlines()
    assert report == f"{2 * ROWS} sends, 0 after a stop, {ROWS} otherwise not allowed, 0 bad rows"
    assert int(kilobytes) < MOST_KILOBYTES
