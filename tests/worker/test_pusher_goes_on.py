"""Slow calls, refusals and pauses: what is well goes out all the same, and trouble ends with a success."""

from collections.abc import AsyncIterator, Callable

import pytest

from email_hooks.http import Ask, Reply
from email_hooks.stand_ins.api import answer
from prefcenter.domain.breaker import PAUSED_TRY
from prefcenter.storage.connections import PAUSED, RUNNING, ConnectionNow
from prefcenter.worker.pusher import Pusher
from tests.leveled import Leveled, leveled

ADA, BO = "ada@example.com", "bo@example.com"


@pytest.fixture
async def site(database_url: str) -> AsyncIterator[Leveled]:
    async with leveled(database_url) as opened:
        await opened.ready()
        yield opened


@pytest.fixture
def pusher(site: Leveled) -> Pusher:
    return site.pusher()


def refuses(status: int) -> Callable[[Ask], Reply | None]:
    """Every push is answered so; the check of the set-up is not."""
    return lambda ask: None if ask.method == "GET" else answer(status)


async def now_at(site: Leveled) -> ConnectionNow:
    return (await site.states.all())["main"]


async def test_where_calls_are_slow_a_refused_address_does_not_hold_the_others_up_for_ever(
    site: Leveled, pusher: Pusher
) -> None:
    people = [f"someone{number}@example.com" for number in range(64)]
    await site.stops(*people, "refused@example.com")

    def slow(ask: Ask) -> Reply | None:
        if ask.method == "GET":
            return None
        site.clock.pass_by(seconds=12)
        return answer(400) if b"refused@example.com" in ask.body else None

    site.http.faults.append(slow)
    for _ in range(40):
        await site.pushed(pusher)
        site.clock.pass_by(minutes=1)
    assert set(people) <= site.held()
    assert await site.states_of_levels() == {"confirmed": 64, "failed": 1}


async def test_a_pause_ends_with_a_success_and_not_with_a_turn_that_did_nothing(
    site: Leveled, pusher: Pusher
) -> None:
    await site.stops(ADA)
    site.http.faults.append(refuses(401))
    await site.pushed(pusher)
    assert (await now_at(site)).state == PAUSED
    site.clock.pass_by(minutes=PAUSED_TRY.total_seconds() // 60 + 1)
    site.http.faults[:] = [refuses(404)]
    await site.pushed(pusher)
    assert (await now_at(site)).state == PAUSED
    site.http.faults.clear()
    await site.stops(BO)
    site.clock.pass_by(minutes=PAUSED_TRY.total_seconds() // 60 + 1)
    await site.pushed(pusher)
    assert (await now_at(site)).state == RUNNING
