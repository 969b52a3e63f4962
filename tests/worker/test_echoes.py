"""Our own words coming back are no news: no loop between connections, in any order."""

import asyncio
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from email_hooks.events import EventKind
from prefcenter.domain.choices import Action
from tests.hooked import NAMES, Hooked, hooked
from tests.web.site import ADA, Clock

SCOPE = "stream:broadcast"
LEVELS = (
    "SELECT connection, stopped, state, confirmed_by FROM level WHERE scope = $1 AND wide = $2 "
    "AND connection <> 'broken' ORDER BY 1"
)
#: Nobody can push to one without its secrets.
OPEN = "SELECT id FROM level WHERE state <> 'confirmed' AND connection <> 'broken'"


async def deliver(hooks: Hooked, connection: str, which: int = 0) -> None:
    """One of the reports that wait there, in any order; twice, as providers do."""
    waiting = hooks.stand_ins[connection].hooks
    if waiting:
        request = waiting[which % len(waiting)]
        del waiting[which % len(waiting)]
        assert await hooks.tell(request, connection) == 200
        assert await hooks.tell(request, connection) == 200


async def settle(hooks: Hooked) -> int:
    """Everything is pushed, reported and applied until nothing moves; returns how many rounds it took."""
    for rounds in range(10):
        for name in NAMES:
            await hooks.pushed(name)
        if not any(hooks.stand_ins[name].hooks for name in NAMES):
            return rounds
        for name in NAMES:
            while hooks.stand_ins[name].hooks:
                await deliver(hooks, name)
        await hooks.heard()
    raise AssertionError("two connections that echo everything never come to rest")


def held(hooks: Hooked, address: str) -> list[bool]:
    return [address in hooks.stand_ins[name].held[SCOPE] for name in NAMES]


async def test_what_we_push_comes_back_as_an_echo_and_confirms_the_level(hooks: Hooked) -> None:
    await settle(hooks)
    await hooks.site.said(Action.GIVE)
    await hooks.site.said(Action.WITHDRAW)
    head = await hooks.site.head()
    await settle(hooks)
    assert await hooks.site.head() == head
    assert held(hooks, ADA) == [True, True]
    assert await hooks.states() == ["echo", "echo"]


async def test_an_echo_is_one_whatever_its_timestamp(hooks: Hooked) -> None:
    await settle(hooks)
    await hooks.site.said(Action.WITHDRAW)
    await settle(hooks)
    head = await hooks.site.head()
    for days in (-30, 0, 30):
        at = hooks.site.clock.now.replace(year=2026 + days // 30)
        await hooks.told(EventKind.GROUP_UNSUBSCRIBED, scope=SCOPE, at=at)
    assert await hooks.site.head() == head
    assert set(await hooks.states()) == {"echo"}


async def test_an_echo_that_is_faster_than_the_answer_confirms_it(hooks: Hooked) -> None:
    await settle(hooks)
    await hooks.site.said(Action.WITHDRAW)
    wide = hooks.site.prints(ADA).wide
    async with hooks.site.services.database.write() as tx:
        await tx.fetch(
            "UPDATE level SET sent = version, sent_at = next_at, stop_sent = TRUE WHERE connection = 'main'"
        )
    await hooks.told(EventKind.GROUP_UNSUBSCRIBED, scope=SCOPE)
    levels = await hooks.rows(LEVELS, SCOPE, wide)
    assert [(name, state, by) for name, _, state, by in levels] == [
        ("main", "confirmed", "echo"),
        ("other", "pending", None),
    ]


async def test_after_a_confirmed_resume_the_same_report_is_a_new_stop(hooks: Hooked) -> None:
    await settle(hooks)
    site = hooks.site
    await site.said(Action.GIVE)
    await site.said(Action.WITHDRAW)
    await settle(hooks)
    site.clock.pass_by(hours=1)
    await site.said(Action.GIVE)
    await settle(hooks)
    assert held(hooks, ADA) == [False, False]
    assert await hooks.why_not() == "consent"
    site.clock.pass_by(hours=1)
    hooks.stand_ins["main"].unsubscribe(ADA, SCOPE)
    await settle(hooks)
    assert await hooks.why_not() == "withdrawn"
    assert held(hooks, ADA) == [True, True]


async def test_a_stop_is_not_pushed_back_to_where_it_came_from(hooks: Hooked) -> None:
    await settle(hooks)
    await hooks.site.said(Action.GIVE)
    hooks.site.clock.pass_by(hours=1)
    hooks.stand_ins["main"].unsubscribe(ADA, SCOPE)
    await settle(hooks)
    levels = await hooks.rows(LEVELS, SCOPE, hooks.site.prints(ADA).wide)
    assert [(name, bool(stopped), state) for name, stopped, state, _ in levels] == [
        ("main", True, "confirmed"),
        ("other", True, "confirmed"),
    ]
    assert levels[0][-1] == "heard"
    pushes = [ask for ask in hooks.stand_ins["main"].calls if ask.url.endswith("/suppressions")]
    assert pushes == []


MOVES = (
    "stop here",
    "tick",
    "apply",
    *(f"{verb} {name}" for verb in ("stop", "push", "deliver") for name in NAMES),
)


async def _move(hooks: Hooked, move: str, address: str, which: int) -> None:
    verb, _, name = move.partition(" ")
    if move == "stop here":
        await hooks.site.said(Action.WITHDRAW, address=address)
    elif verb == "tick":
        hooks.site.clock.pass_by(minutes=which)
    elif verb == "apply":
        await hooks.heard()
    elif verb == "stop":
        hooks.stand_ins[name].unsubscribe(address, SCOPE)
    elif verb == "push":
        await hooks.pushed(name)
    else:
        await deliver(hooks, name, which)


def test_two_connections_that_echo_everything_come_to_rest_stopped(database_url: str, tmp_path: Path) -> None:
    numbers = count(1)
    moves = st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 9)), max_size=25)

    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        hooks = runner.run(stack.enter_async_context(hooked(database_url, tmp_path, Clock())))

        async def play(first: str, script: list[tuple[str, int]]) -> None:
            address = f"someone{next(numbers)}@example.com"
            await hooks.site.said(Action.GIVE, address=address)
            hooks.site.clock.pass_by(minutes=10)
            for move, which in [(first, 0), *script]:
                await _move(hooks, move, address, which)
            await hooks.heard()
            assert await settle(hooks) <= 3
            assert held(hooks, address) == [True, True]
            assert await hooks.why_not(address=address) == "withdrawn"
            assert await hooks.rows(OPEN) == []
            # One word of a person for each time they said it, none for what came back.
            said = 1 + sum(move.startswith("stop") for move, _ in [(first, 0), *script])
            assert 2 <= len(await hooks.entries(address)) <= said

        @given(st.sampled_from([move for move in MOVES if move.startswith("stop")]), moves)
        def check(first: str, script: list[tuple[str, int]]) -> None:
            runner.run(play(first, script))

        try:
            check()
        finally:
            runner.run(stack.aclose())
