"""`prefcenter reconcile`: what it says where nothing can be compared, and that it puts back what failed."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime

import pytest

from prefcenter.bootstrap import open_services
from prefcenter.storage.connections import PAUSED, RUNNING, ConnectionStates
from tests.api.client import CATALOG, settings_of
from tests.commands.conftest import Console

TABLE = """
[connections.news]
provider = "{provider}"
purposes = {{ newsletter = "{scope}" }}
api_key = "token"
base_url = "{url}"
private = true
{more}
"""


def connect(
    console: Console, provider: str = "postmark", scope: str = "stream:broadcast", more: str = ""
) -> None:
    """A catalog with one connection, to a port where nobody is."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    text = CATALOG + TABLE.format(provider=provider, scope=scope, url=url, more=more)
    (console.folder / "prefcenter.toml").write_text(text)
    console.ok("apply")


async def paused(console: Console, *, pause: bool) -> str:
    """Pause the connection; or say how it is."""
    settings = settings_of(console.folder, console.environ["PREFCENTER_DATABASE_URL"])
    async with open_services(settings) as services:
        states = ConnectionStates(services.database)
        if pause:
            now = datetime.now(UTC)
            await states.know(services.accounts.reaches(), now)
            await states.pause("news", "401", now, now)
        return (await states.all())["news"].state


def test_a_list_that_cannot_be_read_is_said_and_kept_and_its_exit_code_is_1(console: Console) -> None:
    connect(console)
    for before in (0, 1):
        ran = console.run("reconcile", "news")
        assert ran.code == 1
        assert "news: failed: stream:broadcast: " in ran.out
        assert ran.out.count("before: ") == before
    assert "token" not in ran.said


def test_a_pause_is_lifted_by_replay(console: Console) -> None:
    connect(console)
    assert asyncio.run(paused(console, pause=True)) == PAUSED
    assert "put back 0 pushes and 0 events" in console.run("reconcile", "--replay").out
    assert asyncio.run(paused(console, pause=False)) == RUNNING


def test_a_connection_that_lists_nothing_is_skipped_and_says_so(console: Console) -> None:
    connect(console, "resend", "topic:3")
    assert "lists nothing that is mapped; skipped" in console.ok("reconcile").out


def test_an_unknown_connection_and_none_at_all_are_said(console: Console) -> None:
    assert "declare one as [connections.NAME]" in console.refused("reconcile")
    connect(console)
    assert "did you mean" in console.refused("reconcile", "newss").lower()


@pytest.mark.parametrize("minutes", ["-1", "true", '"hourly"', "10081"])
def test_how_often_is_a_number_of_minutes(console: Console, minutes: str) -> None:
    connect(console, more=f"reconcile_minutes = {minutes}")
    said = " ".join(console.refused("reconcile").split())
    assert "reconcile_minutes: must be a whole number from 0 (never) to 10080" in said
