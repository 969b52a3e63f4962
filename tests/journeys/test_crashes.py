"""`kill -9` at random moments under load: what was acknowledged stays, what is retried counts once."""

import asyncio
import random
from collections.abc import Callable

import pytest

from email_hooks.signatures import new_secret
from tests.journeys.crowd import Crowd, check_nothing_is_lost_or_doubled
from tests.journeys.installation import Installation
from tests.journeys.receiver import Heard, Receiver

KILLS = [pytest.param(10, id="10-kills"), pytest.param(200, id="200-kills", marks=pytest.mark.torture)]
#: A web process lives so long under load, in seconds.
LONGEST_LIFE = 0.4


@pytest.mark.parametrize("kills", KILLS)
async def test_no_acknowledged_stop_is_lost_when_the_web_process_is_killed(
    installation: Installation, kills: int, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(kills)
    crowd = Crowd(installation)
    web = await installation.serve("--no-worker")

    async with crowd.clicking():
        for _ in range(kills):
            await crowd.one_more_is_acknowledged()
            await asyncio.sleep(chance.uniform(0, LONGEST_LIFE))
            await web.kill()
            web = await installation.serve("--no-worker")
        await crowd.one_more_is_acknowledged()

    assert set(crowd.replies) == {0, 200}
    unheard = await check_nothing_is_lost_or_doubled(installation, crowd)
    for name, value in (("kills", kills), ("stops", len(crowd.clicks)), ("committed, not heard", unheard)):
        record_property(name, value)
        print(f"{name}: {value}")


class HoldsTheFirst:
    """Answers after a moment, but never the first request of each life: somebody is always killed over it."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.holding = asyncio.Event()
        self.patient = True

    async def __call__(self, heard: Heard) -> int | None:
        if self.patient and not self.holding.is_set():
            self.holding.set()
            await asyncio.Event().wait()
        await asyncio.sleep(self._chance.uniform(0, 0.02))
        return 204 if self._chance.random() < 0.9 else None


@pytest.mark.parametrize(
    "kills", [pytest.param(3, id="3-kills"), pytest.param(50, id="50-kills", marks=pytest.mark.torture)]
)
async def test_a_killed_worker_loses_nothing_and_repeats_under_the_same_id(
    installation: Installation,
    receiver: Receiver,
    kills: int,
    record_property: Callable[[str, object], None],
) -> None:
    chance = random.Random(kills)
    await installation.add_webhook(receiver.url, new_secret(), events=["choice.recorded"])
    crowd = Crowd(installation)
    # SQLite has its worker in the web process, PostgreSQL one of its own.
    if not installation.embedded:
        await installation.serve("--no-worker")
    begin = installation.serve if installation.embedded else installation.work
    victim = await begin()

    for life in range(kills):
        receiver.behave = tool = HoldsTheFirst(chance)
        await crowd.click(iter([f"p{life}-{n}@example.com" for n in range(40)]))
        await asyncio.wait_for(tool.holding.wait(), 10)
        await asyncio.sleep(chance.uniform(0, 0.05))
        await victim.kill()
        await installation.let_leases_run_out()
        victim = await begin()
    tool.patient = False
    await installation.let_leases_run_out()

    async def ends() -> None:
        while await installation.rows("SELECT 1 FROM delivery WHERE state = 'pending' LIMIT 1"):
            await asyncio.sleep(0.2)
            await installation.let_leases_run_out()

    await asyncio.wait_for(ends(), 30)
    await check_nothing_is_lost_or_doubled(installation, crowd)
    deliveries = await installation.rows("SELECT id, state FROM delivery")
    assert len(deliveries) == len(crowd.clicks) == 40 * kills
    assert {state for _, state in deliveries} == {"confirmed"}
    assert receiver.bodies_by_id.keys() == {id_ for id_, _ in deliveries}
    assert all(len(bodies) == 1 for bodies in receiver.bodies_by_id.values())
    assert len(receiver.heard) >= len(deliveries) + kills
    record_property("repeated", len(receiver.heard) - len(deliveries))
    print(f"{kills} kills, {len(deliveries)} deliveries, {len(receiver.heard) - len(deliveries)} repeated")
