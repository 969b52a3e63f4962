"""`at`: a past moment is answered as it was answered then, whatever came later."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prefcenter.storage.verify import verify
from prefcenter.use_cases.decide_past import decide_past
from prefcenter.use_cases.decide_recipients import (
    Answered,
    Question,
    Recipient,
    decide_addresses,
    decide_recipients,
)
from tests.use_cases.histories import SPELLINGS, WHERE, Put, Step, World, open_world, random_history


@dataclass
class Snapshot:
    """What was answered live at a moment."""

    at: datetime
    recipients: list[Recipient]
    answers: dict[tuple[str, str], list[Answered]]


async def snapshot(world: World, at: datetime) -> Snapshot:
    async with world.services.database.read() as tx:
        ids = [row[0] for row in await tx.fetch("SELECT id FROM subject")]
    addresses = [Recipient(email=one) for one in SPELLINGS]
    people = [Recipient(id=one) for one in ids]
    answers = {}
    for where in WHERE:
        asked = question(where)
        if where[1] == "email":
            _, at_addresses = await decide_addresses(world.services, asked, SPELLINGS, at)
        else:
            at_addresses = await decide_recipients(world.services, asked, addresses, at)
        answers[where] = [*at_addresses, *await decide_recipients(world.services, asked, people, at)]
    return Snapshot(at, [*addresses, *people], answers)


def question(where: tuple[str, str]) -> Question:
    return Question(purpose=where[0], channel=where[1])


async def agree(world: World, taken: Snapshot) -> None:
    for where, answers in taken.answers.items():
        found = decide_past(world.services, question(where), taken.recipients, taken.at, now=world.now)
        decisions = [answered.decision for answered in answers]
        assert [one.decision async for one in found] == decisions, (where, taken.at)


async def live(world: World, history: list[tuple[Step, timedelta]]) -> None:
    await world.clear()
    taken = [await snapshot(world, world.now - timedelta(days=1))]
    await world.do(Put(catalog="first"))
    for step, tick in history:
        await world.do(step)
        taken.append(await snapshot(world, world.now))
        taken.append(await snapshot(world, world.now + tick / 2))
        world.now += tick
    for one in taken:
        await agree(world, one)
    assert await verify(world.services.database, world.services.catalogs, world.services.vault) == []


def any_history(folder: Path, url: str, examples: int, longest: int) -> None:
    with asyncio.Runner() as runner:
        opened = open_world(folder, url)
        world = runner.run(opened.__aenter__())

        @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.integers(0, 2**32))
        def lived(seed: int) -> None:
            runner.run(live(world, random_history(random.Random(seed), longest)))

        try:
            lived()
        finally:
            runner.run(opened.__aexit__(None, None, None))


def test_a_past_moment_is_answered_as_it_was_then(tmp_path: Path, database_url: str) -> None:
    any_history(tmp_path, database_url, examples=8, longest=25)


@pytest.mark.torture
def test_very_many_past_moments_are_answered_as_they_were(tmp_path: Path, database_url: str) -> None:
    any_history(tmp_path, database_url, examples=100, longest=40)
