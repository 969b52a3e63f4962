"""Whatever a provider answers, each push ends confirmed or failed loudly, and it holds whom we want held."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from email_hooks.http import Ask, Reply, TryAgain
from email_hooks.provider import Capabilities
from email_hooks.stand_ins.api import answer
from prefcenter.domain.breaker import FAILURES, OPEN_FIRST, PAUSED_TRY
from prefcenter.storage.connections import PAUSED, RUNNING, ConnectionNow
from prefcenter.worker.pusher import Pusher
from tests.leveled import SCOPE, Leveled, leveled

ADA, BO, CY = "ada@example.com", "bo@example.com", "cy@example.com"


@pytest.fixture
async def site(database_url: str) -> AsyncIterator[Leveled]:
    async with leveled(database_url) as opened:
        await opened.ready()
        yield opened


@pytest.fixture
def pusher(site: Leveled) -> Pusher:
    return site.pusher()


def answers(status: int, value: Any = None, **headers: str) -> Any:
    """Every push is answered so; the check of the set-up is not."""

    def fault(ask: Ask) -> Reply | None:
        given = {name.replace("_", "-"): text for name, text in headers.items()}
        return None if ask.method == "GET" else answer(status, value, **given)

    return fault


def hangs(ask: Ask) -> Reply | None:
    if ask.method == "GET":
        return None
    raise TryAgain("timeout: no answer")


async def now_at(site: Leveled) -> ConnectionNow:
    return (await site.states.all())["main"]


def pushes(site: Leveled) -> int:
    return sum(ask.method != "GET" for ask in site.http.asked)


async def drain(site: Leveled, pusher: Pusher, hours: int = 24 * 40) -> None:
    """Time passes until nothing waits any more."""
    for _ in range(hours):
        await site.pushed(pusher)
        if "pending" not in await site.states_of_levels():
            return
        site.clock.pass_by(hours=1)
    raise AssertionError("a push neither ends nor fails")


async def test_stops_and_resumes_arrive_in_batches_of_their_own_size(site: Leveled, pusher: Pusher) -> None:
    people = [f"someone{number}@example.com" for number in range(5)]
    await site.stops(*people)
    await site.pushed(pusher)
    assert (site.held(), pushes(site)) == (set(people), 1)
    await site.opens(*people)
    assert await pusher.turn() is False
    assert (site.held(), await site.states_of_levels()) == (set(), {"confirmed": 5})


async def test_resumes_are_claimed_as_many_as_the_provider_takes_in_its_calls(site: Leveled) -> None:
    calls: list[tuple[int, bool]] = []
    provider: Any = _Counting(site.accounts["main"].provider, calls)
    pusher = site.pusher(account=replace(site.accounts["main"], provider=provider))
    people = [f"someone{number}@example.com" for number in range(7)]
    await site.stops(*people)
    await site.pushed(pusher)
    await site.opens(*people)
    await site.pushed(pusher)
    assert calls == [(5, True), (2, True), (2, False), (2, False), (2, False), (1, False)]
    assert site.held() == set()


class _Counting:
    """A provider that takes five at a time, and two back."""

    def __init__(self, provider: Any, calls: list[tuple[int, bool]]) -> None:
        self._provider = provider
        self._calls = calls
        self.name = provider.name
        self.capabilities: Capabilities = replace(provider.capabilities, batch=5, batch_resumes=2, parallel=1)

    async def push(self, http: Any, config: Any, scope: str, addresses: Any, *, stop: bool) -> Any:
        self._calls.append((len(addresses), stop))
        return await self._provider.push(http, config, scope, addresses, stop=stop)

    async def problems(self, http: Any, config: Any) -> list[str]:
        return []


@pytest.mark.parametrize(
    "fault",
    [
        answers(500),
        answers(503, None, retry_after="0"),
        answers(408),
        hangs,
        answers(429),
        answers(429, None, retry_after="1"),
        answers(429, None, retry_after="999999999"),
        answers(401),
        answers(403),
    ],
)
async def test_after_trouble_everything_arrives(site: Leveled, pusher: Pusher, fault: Any) -> None:
    site.http.faults.append(fault)
    await site.stops(ADA, BO)
    for _ in range(4):
        await site.pushed(pusher)
        site.clock.pass_by(minutes=11)
    assert site.held() == set()
    assert await site.states_of_levels() == {"pending": 2}
    site.http.faults.clear()
    await drain(site, pusher)
    assert site.held() == {ADA, BO}
    assert await site.states_of_levels() == {"confirmed": 2}
    assert ((await now_at(site)).state, (await now_at(site)).failures) == (RUNNING, 0)


@pytest.mark.parametrize("status", [301, 302, 404, 405, 410])
async def test_what_a_provider_does_not_have_fails_loudly_at_once(
    site: Leveled, pusher: Pusher, status: int
) -> None:
    site.http.faults.append(answers(status, None, location="https://example.org/"))
    await site.stops(ADA, BO, CY)
    await site.pushed(pusher)
    assert await site.states_of_levels() == {"failed": 3}
    assert pushes(site) == 1, "no redirect is followed, and nobody is looked for"
    [(error, code)] = await site.rows("last_error, last_status", ADA)
    assert f"answered {status}" in error and code == status and ADA not in error


@pytest.mark.parametrize("status", [400, 409, 422])
async def test_a_refused_address_does_not_take_its_batch_along(
    site: Leveled, pusher: Pusher, status: int
) -> None:
    def refuses_bo(ask: Ask) -> Reply | None:
        return answer(status) if BO.encode() in ask.body else None

    site.http.faults.append(refuses_bo)
    people = [f"someone{number}@example.com" for number in range(30)]
    await site.stops(*people[:15], BO, *people[15:])
    await site.pushed(pusher)
    assert site.held() == set(people)
    assert await site.level(BO) == (True, "failed")
    assert await site.states_of_levels() == {"confirmed": 30, "failed": 1}
    assert pushes(site) <= 11


async def test_trouble_met_while_a_batch_is_taken_apart_is_not_lost(site: Leveled, pusher: Pusher) -> None:
    def refuses(ask: Ask) -> Reply | None:
        if ask.method == "GET":
            return None
        return answer(400 if len(json.loads(ask.body)["recipient_emails"]) > 1 else 401)

    site.http.faults.append(refuses)
    await site.stops(ADA, BO)
    await site.pushed(pusher)
    assert (await now_at(site)).state == PAUSED
    assert await site.states_of_levels() == {"pending": 2}


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"null", b'{"errors": [{"message": "no"}]}', b"\xff"])
async def test_a_200_with_an_error_inside_confirms_nothing(
    site: Leveled, pusher: Pusher, body: bytes
) -> None:
    site.http.faults.append(lambda ask: None if ask.method == "GET" else Reply(status=200, body=body))
    await site.stops(ADA)
    await drain(site, pusher)
    assert await site.states_of_levels() == {"failed": 1}


async def test_an_adapter_that_breaks_stops_neither_the_connection_nor_the_check(site: Leveled) -> None:
    def breaks(ask: Ask) -> Reply | None:
        raise ZeroDivisionError

    pusher = site.pusher()
    site.http.faults.append(breaks)
    await site.stops(ADA)
    await site.pushed(pusher)
    [(state, error)] = await site.rows("state, last_error", ADA)
    assert (state, error) == ("pending", "the adapter failed: ZeroDivisionError")
    assert "ZeroDivisionError" in (await now_at(site)).problems[0]
    site.http.faults.clear()
    await drain(site, pusher)
    assert site.held() == {ADA}


async def test_a_wrong_key_pauses_and_is_tried_again(site: Leveled, pusher: Pusher) -> None:
    site.http.faults.append(answers(401))
    await site.stops(ADA)
    await site.pushed(pusher)
    paused = await now_at(site)
    assert (paused.state, paused.since, paused.reason) == (PAUSED, site.clock(), "answered 401")
    site.clock.now += PAUSED_TRY - timedelta(seconds=1)
    await site.pushed(pusher)
    assert pushes(site) == 1
    site.clock.pass_by(seconds=1)
    await site.pushed(pusher)
    assert (pushes(site), (await now_at(site)).since) == (2, paused.since)
    assert await site.rows("attempts", ADA) == [(0,)], "it is no fault of the stop"
    site.http.faults.clear()
    site.clock.now += PAUSED_TRY
    await site.pushed(pusher)
    assert (site.held(), (await now_at(site)).state) == ({ADA}, RUNNING)


async def test_the_breaker_opens_lets_one_call_through_and_closes(site: Leveled, pusher: Pusher) -> None:
    site.http.faults.append(answers(500))
    people = [f"someone{number}@example.com" for number in range(FAILURES)]
    for number, one in enumerate(people, 1):
        await site.stops(one)
        await site.pushed(pusher)
        assert pushes(site) == number
    assert (await now_at(site)).open_until == site.clock() + OPEN_FIRST
    await site.stops(ADA)
    await site.pushed(pusher)
    assert pushes(site) == FAILURES, "it is open"
    site.clock.now += OPEN_FIRST
    await site.pushed(pusher)
    assert pushes(site) == FAILURES + 1, "half open"
    assert (await now_at(site)).open_until == site.clock() + 2 * OPEN_FIRST
    site.http.faults.clear()
    site.clock.now += 2 * OPEN_FIRST
    await site.pushed(pusher)
    assert site.held() == {*people, ADA}, "what waited for a later try is due at once"
    assert (await now_at(site)).failures == 0


async def test_what_alone_fails_is_not_tried_again_after_every_success(site: Leveled, pusher: Pusher) -> None:
    site.http.faults.append(lambda ask: answer(500) if BO.encode() in ask.body else None)
    await site.stops(BO)
    await site.pushed(pusher)
    for number in range(20):
        await site.stops(f"someone{number}@example.com")
        await site.pushed(pusher)
    assert await site.rows("attempts", BO) == [(1,)]


async def test_a_scope_that_does_not_answer_is_tried_alone(site: Leveled, pusher: Pusher) -> None:
    site.http.faults.append(hangs)
    await site.stops(ADA, purpose="*", channel="*")
    await pusher.turn()
    assert pushes(site) == 1
    site.http.faults.clear()
    await drain(site, pusher)
    assert [site.held(scope) for scope in (SCOPE, "group:11", "all")] == [{ADA}] * 3


async def test_a_resume_that_never_works_fails_by_its_schedule_and_a_stop_after_a_month(
    site: Leveled, pusher: Pusher
) -> None:
    await site.stops(ADA)
    await site.pushed(pusher)
    site.http.faults.append(answers(500))
    await site.opens(ADA)
    await site.stops(BO)
    began = site.clock()
    await drain(site, pusher)
    assert await site.states_of_levels() == {"failed": 2}
    assert timedelta(days=30) <= site.clock() - began <= timedelta(days=32)
    assert ADA in site.held()


async def test_a_call_is_not_begun_when_the_lease_ends_before_its_answer(
    site: Leveled, pusher: Pusher
) -> None:
    def slow(ask: Ask) -> Reply | None:
        site.clock.pass_by(seconds=19)
        return None if ask.method == "GET" or b"someone" in ask.body else answer(400)

    await pusher.turn()
    site.http.faults.append(slow)
    await site.stops(*(f"{number}@example.com" for number in range(64)))
    await pusher.turn()
    assert pushes(site) <= 3
    assert await site.states_of_levels() == {"pending": 64}


async def test_what_is_sealed_with_a_lost_key_passes_for_no_success(site: Leveled, pusher: Pusher) -> None:
    await site.stops(ADA)
    await site.ledger.change("UPDATE level SET sealed = $1", b"nonsense")
    await site.states.failed("main", 3, None, "answered 500")
    await site.pushed(pusher)
    assert ((await now_at(site)).failures, pushes(site)) == (3, 0)
    assert "PREFCENTER_SECRET_KEYS" in (await site.rows("last_error", ADA))[0][0]


async def test_nothing_is_pushed_by_who_does_not_hold_the_connection(site: Leveled) -> None:
    first, second = site.pusher(), site.pusher()
    await first.turn()
    await site.stops(ADA)
    assert await second.turn() is False
    assert pushes(site) == 0
    await first.let_go()
    await site.pushed(second)
    assert site.held() == {ADA}


async def test_a_resume_waits_for_the_snapshot(site: Leveled, pusher: Pusher) -> None:
    await site.stops(ADA)
    await site.pushed(pusher)
    await site.opens(ADA)
    await site.ledger.change("UPDATE connection_state SET snapshot = 'needed', after = 0")
    await pusher.turn()
    await site.pushed(pusher)
    assert site.held() == {ADA}
    await site.pushed(pusher)
    assert site.held() == set(), "with the next look"


async def test_calls_keep_to_the_providers_rate(site: Leveled) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    pusher = Pusher(
        site.accounts["main"],
        site.http,
        site.levels,
        site.states,
        site.snapshots(),
        site.clock,
        lambda: 0.0,
        sleep,
    )
    await asyncio.gather(*(pusher._wait_for_turn() for _ in range(11)))
    assert max(waits) == pytest.approx(2.0, abs=0.2), "five in a second"
