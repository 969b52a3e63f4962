"""The clocks in the real worker: a tool hears of what ran out; `kill -9` neither loses nor doubles an end."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from email_hooks.signatures import new_secret
from prefcenter.bootstrap import open_services
from prefcenter.domain.addresses import parse_email
from prefcenter.domain.choices import Action, Choice, Source
from prefcenter.settings import Settings
from prefcenter.storage.units import ChoiceItem, FactsItem, Unit, ref_of
from tests.journeys.installation import Installation
from tests.journeys.processes import until
from tests.journeys.receiver import Receiver

PEOPLE = 1_500
ENDS = (
    "SELECT count(*), count(DISTINCT subject_id) FROM ledger WHERE action = 'expire' AND effect = 'applied'"
)


async def people_whose_yes_has_run_out(installation: Installation, number: int) -> None:
    """In a country where a yes lasts two years; they said it more than two years ago."""
    long_ago = datetime.now(UTC) - timedelta(days=800)
    settings = Settings.from_environ(installation.environ, folder=installation.folder)
    async with open_services(settings) as services:
        give = Choice(action=Action.GIVE, source=Source.FORM, purpose="newsletter", channel="email")
        for start in range(0, number, 500):
            parsed = [parse_email(f"p{n}@example.com") for n in range(start, min(start + 500, number))]
            refs = [ref_of(services.fingerprinter.of_email(one), one.narrow, create=True) for one in parsed]
            unit = Unit(
                now=long_ago,
                facts=tuple(FactsItem(ref=ref, facts={"country": "KR"}) for ref in refs),
                choices=tuple(ChoiceItem(ref=ref, choice=give) for ref in refs),
            )
            await services.journal.record(unit)


async def prepare(installation: Installation) -> None:
    if installation.embedded:
        await installation.run("migrate")
    await installation.run("apply")


async def test_a_tool_hears_that_a_yes_ran_out(installation: Installation, receiver: Receiver) -> None:
    await prepare(installation)
    await people_whose_yes_has_run_out(installation, 1)
    await installation.add_webhook(receiver.url, new_secret(), events=["choice.recorded", "standing.changed"])
    await installation.work()
    await receiver.has_heard(2)
    bodies = [json.loads(one.body) for one in receiver.heard]
    told = {body["type"]: body["data"] for body in bodies}
    assert (told["choice.recorded"]["action"], told["choice.recorded"]["source"]) == ("expire", "system")
    standing = told["standing.changed"]
    assert (standing["allowed"], standing["reason"]) == (False, "expired")
    checked = await installation.start("check")
    await checked.wait()
    assert "clocks     1 ran out; due: 0 for review, 0 for a reminder" in checked.output


async def test_a_worker_that_is_killed_in_the_middle_is_gone_on_with(installation: Installation) -> None:
    await prepare(installation)
    await people_whose_yes_has_run_out(installation, PEOPLE)
    for kill_at in (50, 250):
        worker = await installation.work()

        async def some_way(enough: int = kill_at) -> bool:
            return bool((await installation.rows(ENDS))[0][0] >= enough)

        await until(some_way, f"{kill_at} were recorded")
        await worker.kill()
        # As if the two minutes had passed after which somebody else takes it up.
        await installation.rows("UPDATE duty SET next_run = 0 WHERE name = 'clocks'")
    assert (await installation.rows(ENDS))[0][0] < PEOPLE

    await installation.work()

    async def all_of_them() -> bool:
        return await installation.rows(ENDS) == [(PEOPLE, PEOPLE)]

    await until(all_of_them, "everybody's end was recorded")
    assert "0 problems" in await installation.run("verify")
