"""`ask` as somebody types it, and as somebody kills it."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from prefcenter.bootstrap import open_services, utc_now
from prefcenter.domain.addresses import parse_email
from prefcenter.domain.choices import Action, Choice, Source
from prefcenter.settings import Settings
from prefcenter.storage.units import ChoiceItem, Unit, ref_of
from prefcenter.use_cases.services import Services
from tests.commands.conftest import Console
from tests.commands.killing import killed

PEOPLE = [f"person{number}@example.com" for number in range(35)]

#: The command with chunks of ten, which stops for good at the second one: there it is killed.
PATCHES = """
from prefcenter.storage import campaigns
from prefcenter.use_cases import ask_people

ask_people.CHUNK = 10
def after_the_commit(kept=campaigns.Campaigns.keep):
    async def keep(*arguments):
        await kept(*arguments)
        stop()
    campaigns.Campaigns.keep = keep

def before_the_commit():
    for tx in (SqliteTx, PostgresTx):
        async def many(self, statement, rows, written=tx.many):
            await written(self, statement, rows)
            if statement is campaigns.ADD_MAIL:
                stop()
        tx.many = many
"""


@pytest.fixture
def asking(console: Console) -> Console:
    """35 people get the newsletter, which goes to a partner from now on, if they say yes."""
    in_a_service(console, agree)
    change(console, "newsletter", 'recipients = ["partner-inc"]')
    return console


def in_a_service(console: Console, work: Any) -> Any:
    async def run() -> Any:
        settings = Settings.from_environ(console.environ, folder=console.folder)
        async with open_services(settings) as services:
            return await work(services)

    return asyncio.run(run())


async def agree(services: Services) -> None:
    choice = Choice(action=Action.GIVE, source=Source.FORM, purpose="newsletter", channel="email")
    items = []
    for address in PEOPLE:
        prints = services.fingerprinter.of_email(parse_email(address))
        items.append(ChoiceItem(ref=ref_of(prints, address, create=True), choice=choice))
    await services.journal.record(Unit(now=utc_now(), choices=tuple(items)))


def change(console: Console, purpose: str, line: str) -> None:
    path = console.folder / "prefcenter.toml"
    head = f"[purposes.{purpose}]\n"
    path.write_text(path.read_text().replace(head, f"{head}{line}\n"))
    console.ok("apply")


def rows(console: Console, sql: str) -> list[tuple[Any, ...]]:
    async def read(services: Services) -> list[tuple[Any, ...]]:
        async with services.database.read() as tx:
            return [tuple(row) for row in await tx.fetch(sql)]

    found: list[tuple[Any, ...]] = in_a_service(console, read)
    return found


def test_it_says_whom_it_asks_and_whom_not_and_why(asking: Console) -> None:
    assert "not asked" not in asking.ok("ask", "newsletter", "--dry-run").out
    asking.ok("stop", PEOPLE[0], "--reason", "asked by telephone")
    said = asking.ok("ask", "newsletter", "--dry-run").out
    assert "'newsletter', version 2, asking: would mail 34" in said
    assert "stopped          1 stopped it, or all marketing" in said
    assert rows(asking, "SELECT count(*) FROM asked") == [(0,)]
    said = asking.ok("ask", "newsletter").out
    assert "asked    0 (34 to be mailed, 600 a minute at most)" in said
    assert "not asked: 1" in said
    assert "PREFCENTER_SMTP_URL is not set" in said


def test_the_pace_is_kept_until_another_one_is_said(asking: Console) -> None:
    assert "120 a minute" in asking.ok("ask", "newsletter", "--per-minute", "120").out
    assert "120 a minute" in asking.ok("ask", "newsletter").out
    assert "60 a minute" in asking.ok("ask", "newsletter", "--per-minute", "60").out
    [(first, last)] = rows(asking, "SELECT min(next_at), max(next_at) FROM mail")
    assert last - first == 34 * 500_000


def test_a_dry_run_and_the_real_one_tell_of_its_campaigns_in_one_order(console: Console) -> None:
    in_a_service(console, agree)
    change(console, "offers", 'recipients = ["partner-inc"]')

    def titles(*options: str) -> list[str]:
        said = console.ok("ask", "offers", *options).out
        return re.findall(r"'offers', version 2, ([^:]+):", said)

    assert titles("--dry-run") == titles() == ["giving notice", "asking"]


def test_it_says_nothing_of_confirmations_where_only_questions_wait(asking: Console) -> None:
    asking.ok("ask", "newsletter")
    checked = asking.run("check").out
    assert "35 wait to be sent; set PREFCENTER_SMTP_URL\n" in checked


@pytest.mark.parametrize("where", ["before_the_commit", "after_the_commit"])
def test_killed_it_goes_on_where_it_was_and_asks_nobody_twice(asking: Console, where: str) -> None:
    killed(asking, "ask", "newsletter", patches=PATCHES, where=where)
    [(queued,)] = rows(asking, "SELECT count(*) FROM asked")
    assert queued == (10 if where == "before_the_commit" else 20)
    assert rows(asking, "SELECT count(*) FROM mail") == [(queued,)], "a chunk is kept whole, or not at all"

    assert "(35 to be mailed" in asking.ok("ask", "newsletter").out
    assert rows(asking, "SELECT count(DISTINCT subject_id), count(*) FROM asked") == [(35, 35)]
    assert rows(asking, "SELECT count(DISTINCT about), count(*) FROM mail") == [(35, 35)]
    assert "(35 to be mailed" in asking.ok("ask", "newsletter").out
    assert rows(asking, "SELECT count(*) FROM mail") == [(35,)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "no such purpose in the catalog; it has: newsletter, offers"),
        (["account"], "'account' is sent on the basis 'contract': nobody chooses it"),
        (["newsletter", "--per-minute", "0"], "--per-minute: from 1 to 60000"),
        (["newsletter", "--dry-run", "--remind"], "only one of them"),
        (["newsletter", "--remind"], "nobody was asked about version 1 of 'newsletter' yet; ask first"),
    ],
)
def test_what_cannot_be_asked_is_a_clear_error(console: Console, arguments: list[str], message: str) -> None:
    assert message in console.refused("ask", *arguments)
