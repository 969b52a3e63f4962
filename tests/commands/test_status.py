"""`prefcenter status`: the day at a glance."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from prefcenter.bootstrap import utc_now
from prefcenter.storage.connections import ConnectionStates
from prefcenter.storage.fields import to_micros
from tests.api.client import CATALOG, Api, open_api, settings_of
from tests.commands.conftest import Console

CONNECTIONS = """
[connections.main]
provider = "postmark"
purposes = { newsletter = "stream:broadcast", "*" = "all" }
api_key = "env:TOKEN"
basic = ["env:LOGIN"]

[connections.broken]
provider = "postmark"
purposes = { newsletter = "stream:broadcast" }
api_key = "env:NOT_SET"
basic = ["env:LOGIN"]
"""
SECRETS = {"TOKEN": "a-token", "LOGIN": "a-login:and-its-password"}


def connected(console: Console) -> None:
    console.environ |= SECRETS
    (console.folder / "prefcenter.toml").write_text(CATALOG + CONNECTIONS)
    console.ok("apply")


def in_the_api(console: Console, *work: Any) -> None:
    """Do something in the running application, with the connections in force."""

    async def done() -> None:
        settings = settings_of(console.folder, console.environ["PREFCENTER_DATABASE_URL"])
        async with open_api(settings) as api:
            await ConnectionStates(api.services.database).know(api.services.accounts.reaches(), utc_now())
            for one in work:
                await one(api)

    asyncio.run(done())


async def two_stops(api: Api) -> None:
    for address in ("ada@example.com", "bob@example.com"):
        await api.choose(address)
        await api.choose(address, "withdraw")


async def trouble(api: Api) -> None:
    past = to_micros(utc_now() - timedelta(hours=3))
    async with api.services.database.write() as tx:
        await tx.fetch("UPDATE level SET honour_by = $1, said_at = $1 WHERE connection = 'main'", past)
        await tx.fetch(
            "UPDATE connection_state SET state = 'paused', reason = 'answered 401', since = $1 "
            "WHERE name = 'main'",
            past,
        )
        await tx.fetch(
            "INSERT INTO hook_event (connection, event_key, body_digest, state, received_at) "
            "VALUES ('main', 'k', $1, 'aside', $2)",
            b"d",
            past,
        )


def test_without_connections_it_says_so_and_that_nothing_is_wrong(console: Console) -> None:
    said = console.ok("status").out
    assert said.startswith("Wants your attention\n  nothing\n")
    assert "none in the catalog" in said
    assert "to webhooks  none" in said and "0 wait for you" in said


def test_stops_and_their_connections_are_shown_without_an_address(console: Console) -> None:
    connected(console)
    in_the_api(console, two_stops)
    said = console.ok("status").out
    assert "Stops of the last 24 hours\n  2 form\n" in said
    [row] = [line for line in said.splitlines() if "main" in line and "running" in line]
    cells = [cell.strip() for cell in row.strip("│┃ ").split("│")]
    assert cells[0] == "main" and cells[2] != "0" and cells[4] == cells[5] == "0"
    assert "env:NOT_SET" in said and "unusable" in said
    assert "@example.com" not in said and "a-token" not in said


def test_what_wants_attention_comes_first(console: Console) -> None:
    connected(console)
    in_the_api(console, two_stops, trouble)
    said = console.ok("status").out
    lines = said.splitlines()
    assert lines[0] == "Wants your attention"
    assert "past the deadline of the law" in lines[1]
    assert lines.index("Stops of the last 24 hours") > 4
    assert "paused since" in said and "answered 401" in said
    assert "1 of its events is set aside" in said
    assert "3 h" in said


def test_programs_get_the_same_as_json(console: Console) -> None:
    connected(console)
    in_the_api(console, two_stops, trouble)
    out = console.ok("status", "--json").out
    found = json.loads(out)
    assert found["stops"] == {"form": 2}
    assert found["attention"][0].startswith("main: ")
    views = {one["name"]: one for one in found["overview"]["connections"]}
    assert views["main"]["state"] == "paused" and views["main"]["events"] == {"aside": 1}
    assert views["main"]["overdue"] == sum(views["main"]["stops"].values()) > 0
    assert views["broken"]["state"] == "unusable"
    assert found["hook_events"][0]["number"] == 1
    assert "@example.com" not in out


def test_before_anything_is_in_force_it_answers_too(local_console: Console) -> None:
    assert "none in the catalog" in local_console.ok("status").out


def test_a_database_that_is_not_there_is_said_so(local_console: Console, tmp_path: Path) -> None:
    local_console.environ["PREFCENTER_DATABASE_URL"] = f"sqlite:///{tmp_path}/empty.db"
    assert "prefcenter migrate" in local_console.refused("status")
