"""A provider's list against ours: every difference is found, mended and told."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from email_hooks import PROVIDERS
from email_hooks.events import EventKind
from email_hooks.http import Ask, Reply, TryAgain
from email_hooks.stand_ins.api import InMemory
from email_hooks.stand_ins.listmonk import ListmonkStandIn
from prefcenter.domain.choices import Action
from prefcenter.domain.scopes import reach_of
from prefcenter.storage.reconciling import Run, runs
from prefcenter.use_cases.reconcile import reconcile
from prefcenter.worker.comparing import Comparing, Paced
from tests.hooked import Hooked
from tests.web.site import ADA

SCOPE = "stream:broadcast"
BO = "bo@example.com"
LEVEL = (
    "SELECT stopped, state, confirmed_by FROM level WHERE connection = 'main' AND scope = $1 AND wide = $2"
)


class Broken(InMemory):
    """Its list ends in the middle."""

    async def stream(self, ask: Ask) -> AsyncIterator[bytes]:
        whole = b"".join([chunk async for chunk in super().stream(ask)])
        yield whole[: len(whole) * 2 // 3]
        raise TryAgain("the answer stopped coming")


async def compared(hooks: Hooked, http: InMemory | None = None) -> Run:
    """One comparison of `main`, and what it took in is applied."""
    account = hooks.site.services.accounts.now.usable["main"]
    way = http or InMemory(hooks.stand_ins["main"])
    run = await reconcile(hooks.site.services, account, way, hooks.site.clock)
    await hooks.heard()
    return run


def found(run: Run) -> dict[str, int]:
    """The differences alone."""
    return {name: n for name, n in run.counts.items() if n and name not in ("seen", "same", "older")}


async def level(hooks: Hooked, address: str = ADA) -> tuple[bool, str, str | None]:
    [(stopped, state, by)] = await hooks.rows(LEVEL, SCOPE, hooks.site.prints(address).wide)
    return bool(stopped), state, by


def list_of(hooks: Hooked) -> dict[str, object]:
    return dict(hooks.stand_ins["main"].held[SCOPE])


async def stopped_there(hooks: Hooked, address: str = ADA) -> None:
    """A yes, then a no that the provider has for long."""
    await hooks.site.said(Action.GIVE, address=address)
    await hooks.site.said(Action.WITHDRAW, address=address)
    await hooks.pushed("main")
    hooks.site.clock.pass_by(hours=1)


async def test_a_stop_there_that_nobody_told_is_taken_in_once(hooks: Hooked) -> None:
    await hooks.site.said(Action.GIVE)
    hooks.site.clock.pass_by(hours=1)
    hooks.stand_ins["main"].hold(ADA, SCOPE, EventKind.UNSUBSCRIBED)
    run = await compared(hooks)
    assert found(run) == {"taken_in": 1}
    assert run.examples == {"taken_in": ["a•••@example.com"]}
    assert await hooks.why_not() == "withdrawn"
    assert await level(hooks) == (True, "confirmed", "heard")
    assert found(await compared(hooks)) == {}


@pytest.mark.parametrize(
    ("kind", "reason"), [(EventKind.COMPLAINED, "complained"), (EventKind.BOUNCED_HARD, "bounced")]
)
async def test_a_complaint_or_a_bounce_is_taken_in_as_such_also_beside_a_stop(
    hooks: Hooked, kind: EventKind, reason: str
) -> None:
    await stopped_there(hooks)
    hooks.stand_ins["main"].hold(ADA, SCOPE, kind)
    assert found(await compared(hooks)) == {"taken_in": 1}
    assert await hooks.why_not() == reason
    assert found(await compared(hooks)) == {}


async def test_a_lying_200_is_found_and_mended(hooks: Hooked) -> None:
    await stopped_there(hooks)
    assert hooks.stand_ins["main"].release(ADA, SCOPE)
    run = await compared(hooks)
    assert found(run) == {"pushed_again": 1}
    assert run.examples == {"pushed_again": ["a•••@example.com"]}
    await hooks.pushed("main")
    assert ADA in list_of(hooks)
    hooks.site.clock.pass_by(hours=1)
    assert found(await compared(hooks)) == {}


async def test_what_was_pushed_just_now_may_not_show_there_yet(hooks: Hooked) -> None:
    await stopped_there(hooks)
    hooks.site.clock.pass_by(hours=-1)
    hooks.stand_ins["main"].release(ADA, SCOPE)
    assert found(await compared(hooks)) == {}


async def test_a_stop_on_its_way_that_is_there_already_is_confirmed(hooks: Hooked) -> None:
    await hooks.site.said(Action.GIVE)
    await hooks.site.said(Action.WITHDRAW)
    hooks.stand_ins["main"].hold(ADA, SCOPE, EventKind.UNSUBSCRIBED)
    assert found(await compared(hooks)) == {"confirmed": 1}
    assert await level(hooks) == (True, "confirmed", "reconciliation")
    assert found(await compared(hooks)) == {}


async def test_a_newer_yes_is_not_undone_by_an_older_suppression(hooks: Hooked) -> None:
    hooks.stand_ins["main"].hold(ADA, SCOPE, EventKind.UNSUBSCRIBED)
    hooks.site.clock.pass_by(hours=1)
    await hooks.site.said(Action.GIVE)
    await compared(hooks)
    assert await hooks.why_not() == "consent"
    assert found(await compared(hooks)) == {}


async def test_a_resume_on_its_way_is_no_news(hooks: Hooked) -> None:
    await stopped_there(hooks)
    await hooks.site.said(Action.GIVE)
    assert found(await compared(hooks)) == {}
    assert await hooks.why_not() == "consent"


async def test_a_list_broken_midway_pushes_nothing_again_and_keeps_what_it_saw(hooks: Hooked) -> None:
    await stopped_there(hooks)
    stand_in = hooks.stand_ins["main"]
    stand_in.release(ADA, SCOPE)
    for number in range(30):
        stand_in.hold(f"someone{number}@example.com", SCOPE, EventKind.UNSUBSCRIBED)
    run = await compared(hooks, Broken(stand_in))
    assert run.state == "failed"
    assert "stopped coming" in (run.error or "")
    assert found(run).keys() <= {"taken_in"}
    assert await level(hooks) == (True, "confirmed", "answer")
    [kept] = await runs(hooks.site.services.database, "main")
    assert kept == run
    assert found(await compared(hooks)).keys() >= {"pushed_again"}


async def test_somebody_whose_address_is_gone_is_left_out_and_counted(hooks: Hooked) -> None:
    await stopped_there(hooks)
    hooks.stand_ins["main"].release(ADA, SCOPE)
    async with hooks.site.services.database.write() as tx:
        await tx.fetch("DELETE FROM contact_point WHERE wide = $1", hooks.site.prints(ADA).wide)
    assert found(await compared(hooks)) == {"left_out": 1}
    assert await level(hooks) == (True, "confirmed", "answer")


async def test_hours_without_webhooks_are_made_up_for(hooks: Hooked) -> None:
    people = [f"someone{number}@example.com" for number in range(20)]
    for address in people:
        await hooks.site.said(Action.GIVE, address=address)
    for address in people[:10]:
        hooks.site.clock.pass_by(minutes=12)
        hooks.stand_ins["main"].unsubscribe(address, SCOPE)
    hooks.stand_ins["main"].hooks.clear()
    assert found(await compared(hooks)) == {"taken_in": 10}
    reasons = [await hooks.why_not(address=address) for address in people]
    assert reasons == ["withdrawn"] * 10 + ["consent"] * 10


async def test_a_provider_that_tells_nothing_lives_on_it(hooks: Hooked) -> None:
    stand_in = ListmonkStandIn(now=hooks.site.clock)
    provider, scope = PROVIDERS["listmonk"], stand_in.scopes[0]
    config = stand_in.config("https://lists.example.com")
    account = replace(
        hooks.site.services.accounts.now.usable["main"],
        provider=provider,
        config=config,
        reach=reach_of("main", {"newsletter": scope}, has_all=True),
    )
    await hooks.site.said(Action.GIVE)
    hooks.site.clock.pass_by(hours=1)
    stand_in.know(ADA)
    stand_in.hold(ADA, scope, EventKind.UNSUBSCRIBED)
    run = await reconcile(hooks.site.services, account, InMemory(stand_in), hooks.site.clock)
    await hooks.heard()
    assert found(run) == {"taken_in": 1}, run
    assert await hooks.why_not() != "consent"


async def test_many_are_compared_and_the_second_time_finds_nothing(hooks: Hooked) -> None:
    for number in range(10_000):
        hooks.stand_ins["main"].hold(f"someone{number}@example.com", SCOPE, EventKind.UNSUBSCRIBED)
    assert found(await compared(hooks)) == {"taken_in": 10_000}
    run = await compared(hooks)
    assert found(run) == {}
    assert run.counts["same"] == 10_000


async def test_it_is_done_once_in_its_time_and_never_where_it_is_turned_off(hooks: Hooked) -> None:
    services = hooks.site.services
    done: list[str] = []

    async def compare(account: object) -> Run:
        done.append(getattr(account, "key", ""))
        return await compared(hooks)

    for _ in range(2):  # two processes
        await Comparing(services, hooks.site.clock, compare).look()
    assert sorted(done) == ["main", "other"]
    hooks.site.clock.pass_by(hours=1)
    usable = services.accounts.now.usable
    off = {name: replace(account, reconcile_minutes=0) for name, account in usable.items()}
    object.__setattr__(services.accounts.now, "usable", off)
    await Comparing(services, hooks.site.clock, compare).look()
    assert sorted(done) == ["main", "other"]


async def test_one_that_is_under_way_is_broken_off_when_the_worker_stops(hooks: Hooked) -> None:
    begun = asyncio.Event()

    async def compare(account: object) -> Run:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    comparing = Comparing(hooks.site.services, hooks.site.clock, compare)
    running = asyncio.create_task(comparing.run())
    await begun.wait()
    comparing.stop()
    await asyncio.wait_for(running, 10)


async def test_calls_are_held_to_the_rate(hooks: Hooked) -> None:
    waits: list[float] = []

    class Http:
        async def send(self, ask: Ask) -> Reply:
            return Reply(status=200)

        async def stream(self, ask: Ask) -> AsyncIterator[bytes]:
            yield b""

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    paced = Paced(Http(), 0.5, wait)
    for _ in range(3):
        await paced.send(Ask(method="GET", url="https://example.com"))
    assert [timedelta(seconds=round(one)) for one in waits] == [timedelta(seconds=2), timedelta(seconds=4)]
