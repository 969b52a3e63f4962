"""A person's record says how far each stop has come at each connection, and until when the law wants it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tortoise.backends.base.executor import EXECUTOR_CACHE

from email_hooks.events import EventKind
from prefcenter.domain.choices import Action
from prefcenter.storage.keys import create_key
from tests.hooked import Hooked, hooked
from tests.web.site import ADA, START, Clock

SCOPE = "stream:broadcast"


@pytest.fixture
async def hooks(database_url: str, tmp_path: Path) -> AsyncIterator[Hooked]:
    # Tortoise remembers statements per process, whatever the database.
    EXECUTOR_CACHE.clear()
    async with hooked(database_url, tmp_path, Clock()) as opened:
        yield opened


async def record(hooks: Hooked, address: str = ADA) -> Any:
    key = await create_key(f"key-{hooks.site.clock().timestamp()}-{hooks.number}", ["subjects:read"], START)
    hooks.number += 1
    client = hooks.site.client
    headers = {"Authorization": f"Bearer {key}"}
    found = await client.post("/v1/subjects/lookup", json={"email": address}, headers=headers)
    assert found.status_code == 200, found.text
    if (subject := found.json()["subject"]) is not None:
        by_id = await client.get(f"/v1/subjects/{subject['id']}", headers=headers)
        assert by_id.json() == found.json()
    return found.json()


async def level(hooks: Hooked, connection: str = "main", scope: str = SCOPE) -> Any:
    levels = (await record(hooks))["levels"]
    [found] = [one for one in levels if (one["connection"], one["scope"]) == (connection, scope)]
    return found


async def test_whoever_said_nothing_has_no_levels(hooks: Hooked) -> None:
    assert (await record(hooks))["levels"] == []


async def test_a_stop_is_queued_with_its_deadline_then_confirmed_by_the_answer(hooks: Hooked) -> None:
    await hooks.pushed("main")
    await hooks.site.said(Action.GIVE)
    await hooks.site.said(Action.WITHDRAW)
    queued = await level(hooks)
    assert queued == {
        "connection": "main",
        "scope": SCOPE,
        "stopped": True,
        "state": "queued",
        "said_at": "2026-11-23T09:00:00Z",
        "honour_by": queued["honour_by"],
        "law": queued["law"],
    }
    assert queued["honour_by"] > queued["said_at"] and queued["law"]
    hooks.site.clock.pass_by(seconds=2)
    await hooks.pushed("main")
    confirmed = await level(hooks)
    assert (confirmed["state"], confirmed["confirmed_by"]) == ("confirmed", "answer")
    assert confirmed["confirmed_at"] == "2026-11-23T09:00:02Z"
    assert confirmed["honour_by"] == queued["honour_by"]
    assert (await level(hooks, "other"))["state"] == "queued"


async def test_what_is_not_confirmed_by_its_deadline_is_overdue(hooks: Hooked) -> None:
    await hooks.site.said(Action.GIVE)
    await hooks.site.said(Action.WITHDRAW)
    hooks.site.clock.pass_by(days=40)
    late = await level(hooks)
    assert late["state"] == "overdue" and "confirmed_at" not in late


async def test_a_stop_that_was_given_up_says_why(hooks: Hooked) -> None:
    await hooks.site.said(Action.GIVE)
    await hooks.site.said(Action.WITHDRAW)
    async with hooks.site.services.database.write() as tx:
        await tx.fetch("UPDATE level SET state = 'failed', last_error = 'answered 404', ended_at = 1")
    failed = await level(hooks)
    assert (failed["state"], failed["last_error"]) == ("failed", "answered 404")
    assert "confirmed_at" not in failed


async def test_a_stop_that_came_from_there_is_known_there(hooks: Hooked) -> None:
    await hooks.site.said(Action.GIVE)
    await hooks.told(EventKind.GROUP_UNSUBSCRIBED)
    heard = await level(hooks)
    assert (heard["state"], heard["confirmed_by"], heard["stopped"]) == ("confirmed", "heard", True)


async def test_the_end_of_a_stop_has_no_deadline(hooks: Hooked) -> None:
    await hooks.site.said(Action.WITHDRAW)
    hooks.site.clock.pass_by(seconds=1)
    await hooks.site.said(Action.GIVE)
    opened = await level(hooks)
    assert opened["stopped"] is False and "honour_by" not in opened and "law" not in opened
    hooks.site.clock.pass_by(days=40)
    assert (await level(hooks))["state"] == "queued"


async def test_an_address_that_nobody_is_known_by_has_levels_too(hooks: Hooked) -> None:
    await hooks.told(EventKind.GROUP_UNSUBSCRIBED, "bob@example.com")
    found = await record(hooks, "bob@example.com")
    assert found["subject"] is None
    assert ("main", SCOPE, "heard") in {
        (one["connection"], one["scope"], one.get("confirmed_by")) for one in found["levels"]
    }
