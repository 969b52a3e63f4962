"""`prefcenter tasks`: what third parties have not confirmed yet, and taking one as done."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest

from prefcenter.bootstrap import open_services
from prefcenter.domain.third_parties import OVERDUE_AFTER
from prefcenter.storage.fields import to_micros
from prefcenter.use_cases.third_parties import still_open
from tests.api.client import CATALOG, open_api, settings_of
from tests.commands.conftest import Console


async def withdrawn(console: Console, *emails: str) -> list[str]:
    """People who took back what they had allowed the partner; the ids of the tasks."""
    settings = settings_of(console.folder, console.environ["PREFCENTER_DATABASE_URL"])
    async with open_api(settings) as api:
        for email in emails:
            await api.choose(email, purpose="partner-offers")
            await api.choose(email, "withdraw", "partner-offers")
        return [task.id async for task, _ in still_open(api.services)]


async def age(console: Console, days: timedelta) -> None:
    settings = settings_of(console.folder, console.environ["PREFCENTER_DATABASE_URL"])
    async with open_services(settings) as services, services.database.write() as tx:
        await tx.fetch("UPDATE task SET created_at = $1", to_micros(datetime.now(UTC) - days))


def test_open_tasks_are_listed_and_confirmed_by_their_id(console: Console) -> None:
    assert "No task is open" in console.ok("tasks").out
    ids = asyncio.run(withdrawn(console, "ada@example.com", "bo@example.com"))
    listed = console.ok("tasks").out
    assert all(id_ in listed for id_ in ids)
    [line] = [line for line in listed.splitlines() if ids[0] in line]
    assert re.search(r"Partner Inc .* partner-offers .* 20\d\d-\d\d-\d\d .* not yet .* 0 ", line)
    assert "example.com" not in listed
    assert "ada@example.com" in console.ok("tasks", "--addresses").out
    assert "2 open, 0 for more than 30 days" in listed

    assert "acted on 'partner-offers'" in console.ok("tasks", "--confirm", ids[0]).out
    assert "Confirmed already" in console.ok("tasks", "--confirm", ids[0].upper()).out
    assert ids[0] not in console.ok("tasks").out
    assert ids[1] in console.ok("tasks").out


def test_what_is_open_for_a_month_is_marked(console: Console) -> None:
    asyncio.run(withdrawn(console, "ada@example.com"))
    asyncio.run(age(console, OVERDUE_AFTER - timedelta(minutes=1)))
    assert "overdue" not in console.ok("tasks").out
    asyncio.run(age(console, OVERDUE_AFTER + timedelta(minutes=1)))
    listed = console.ok("tasks").out
    assert "30 overdue" in listed
    assert "1 open, 1 for more than 30 days" in listed


@pytest.mark.parametrize("id_", ["x", "0" * 32, "ada@example.com"])
def test_a_task_that_is_not_there_cannot_be_confirmed(local_console: Console, id_: str) -> None:
    assert "`prefcenter tasks` shows them" in local_console.refused("tasks", "--confirm", id_)


@pytest.mark.parametrize(
    ("was", "would_be", "said"),
    [
        ('email = "privacy@partner.example"', "", "nobody could be told of a change"),
        ('email = "privacy@partner.example"', 'connection = "main"', "declare it as [connections.main]"),
        ("[recipients.partner-inc]", "[recipients.partner]", "declare it as [recipients.partner-inc]"),
    ],
)
def test_a_third_party_that_nobody_can_tell_is_refused(
    local_console: Console, was: str, would_be: str, said: str
) -> None:
    broken = CATALOG.replace(was, would_be)
    assert broken != CATALOG
    (local_console.folder / "prefcenter.toml").write_text(broken)
    assert said in local_console.refused("apply")
    checked = local_console.run("check")
    assert checked.code == 1
    assert said in checked.out
    assert "catalog" in [line.split()[1] for line in checked.out.splitlines() if "problem" in line]
