"""Connections are pushed to side by side: one that hangs is nobody else's trouble."""

import asyncio
from collections.abc import Awaitable, Callable

from prefcenter.accounts import Account, Accounts
from prefcenter.domain.scopes import Reach
from prefcenter.worker import pushes
from prefcenter.worker.pushes import Pushes
from tests.journeys.processes import until
from tests.leveled import leveled

ADA, BO = "ada@example.com", "bo@example.com"


async def test_a_hanging_connection_does_not_slow_another(database_url: str, monkeypatch) -> None:
    async with leveled(database_url, names=("main", "other")) as site:
        hangs, let_go = asyncio.Event(), asyncio.Event()

        class Way:
            """To the stand-in of an account: the first one's push does not come back."""

            def __init__(self, **_: object) -> None:
                self.account: Account | None = None

            async def __aenter__(self):
                return self

            async def __aexit__(self, *_: object) -> None: ...

            async def send(self, ask):
                key = ask.headers["authorization"].removeprefix("Bearer SG.key")
                if key == "main" and ask.method != "GET":
                    hangs.set()
                    await let_go.wait()
                return await site.https[key].send(ask)

        class Known:
            now = Accounts(usable=site.accounts, problems={"broken": ("env:KEY: the variable is not set",)})

            def reaches(self) -> tuple[Reach, ...]:
                return tuple(one.reach for one in site.accounts.values())

        def told(address: str) -> Callable[[], Awaitable[bool]]:
            async def is_held() -> bool:
                return address in site.held(name="other")

            return is_held

        monkeypatch.setattr(pushes, "ProviderHttp", Way)
        known: object = Known()
        all_of_them = Pushes(
            known,  # type: ignore[arg-type]  # what it asks of the accounts, without a file behind it
            site.levels,
            site.states,
            site.snapshots(),
            site.clock,
            lambda: 0.0,
        )
        running = asyncio.create_task(all_of_them.run())
        await site.stops(ADA)
        all_of_them.wake()
        await asyncio.wait_for(hangs.wait(), 30)
        await until(told(ADA), "the other one told")
        await site.stops(BO)
        all_of_them.wake()
        await until(told(BO), "the other one told again")
        assert site.held() == set()
        all_of_them.stop()
        assert not running.done(), "what is in flight is let end"
        let_go.set()
        await asyncio.wait_for(running, 30)
        assert ADA in site.held()
