"""Choices here, opt-outs and complaints there, late, twice and out of order, and providers that fail.

As everything has drained, what is decided here and what is held there is what a small oracle says.
"""

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from email_hooks.events import EventKind
from email_hooks.http import Ask, Reply, TryAgain
from email_hooks.request import HookRequest
from email_hooks.stand_ins.api import InMemory, StandIn, answer
from prefcenter.domain.choices import Action
from tests.hooked import NAMES, Hooked, hooked
from tests.leveled import Faulty
from tests.web.site import Clock

SCOPES = {"newsletter": "stream:broadcast", "events": "stream:outbound"}
#: A machine's clock may be wrong by so much (docs/rules.md).
SLACK = timedelta(minutes=5)
#: (events, people) of one run.
SIZES = [(1_500, 200), pytest.param(100_000, 10_000, marks=pytest.mark.torture)]


@dataclass
class Oracle:
    """The last word on each (address, purpose): a yes and when it was said, or a stop."""

    yes_at: dict[tuple[str, str], datetime] = field(default_factory=dict)
    stopped: set[tuple[str, str]] = field(default_factory=set)
    complained: set[str] = field(default_factory=set)

    def says_yes(self, who: str, purpose: str, at: datetime) -> None:
        self.yes_at[who, purpose] = at
        self.stopped.discard((who, purpose))

    def says_no(self, who: str, purpose: str) -> None:
        self.yes_at.pop((who, purpose), None)
        self.stopped.add((who, purpose))

    def hears_no(self, who: str, purpose: str, at: datetime, now: datetime) -> None:
        """A provider's report, as it arrives: it is older than a yes that was said since."""
        yes = self.yes_at.get((who, purpose))
        if yes is None or at >= now or at + SLACK >= yes:
            self.says_no(who, purpose)

    def hears_complaint(self, who: str) -> None:
        self.complained.add(who)
        for purpose in SCOPES:
            self.says_no(who, purpose)


@dataclass
class Waiting:
    """A report on its way: when it arrives, and what the oracle must make of it then."""

    due: datetime
    connection: str
    request: HookRequest
    news: tuple[str, str, datetime] | None = None


class Chaos:
    def __init__(self, hooks: Hooked, source: random.Random, people: int) -> None:
        self.hooks, self.source, self.clock = hooks, source, hooks.site.clock
        self.people = [f"someone{number}@example.com" for number in range(people)]
        self.oracle = Oracle()
        self.waiting: list[Waiting] = []
        self.faulty = True
        for name in NAMES:
            hooks.pushers[name]._http = Faulty(InMemory(hooks.stand_ins[name]), [self._fault_of(name)])

    def _fault_of(self, name: str):
        def fault(ask: Ask) -> Reply | None:
            if not self.faulty or ask.method == "GET":
                return None
            kind = self.source.choice(["500", "429", "401", "hangs", "lost", *["fine"] * 12])
            if kind == "lost":
                # Done, and the answer does not arrive.
                self.hooks.stand_ins[name].handle(ask)
            if kind in ("lost", "hangs"):
                raise TryAgain("timeout: no answer")
            return None if kind == "fine" else answer(int(kind), None)

        return fault

    async def step(self) -> None:
        self.clock.pass_by(minutes=self.source.choice([6, 7, 60, 60, 600]))
        who = self.source.choice(self.people)
        purpose = self.source.choice(sorted(SCOPES))
        doing = self.source.choice(["yes", "yes", "no", "leaves", "leaves", "complains", "push", "push"])
        if doing == "yes" and who not in self.oracle.complained:
            await self.hooks.site.said(Action.GIVE, purpose, who)
            self.oracle.says_yes(who, purpose, self.clock())
        elif doing == "no":
            await self.hooks.site.said(Action.WITHDRAW, purpose, who)
            self.oracle.says_no(who, purpose)
        elif doing in ("leaves", "complains"):
            await self._acts_there(who, purpose, complains=doing == "complains")
        else:
            await self.push()
        await self.deliver()

    async def _acts_there(self, who: str, purpose: str, *, complains: bool) -> None:
        """Only somebody who gets mail there can; their reports may be late, but for a complaint."""
        name = self.source.choice(NAMES)
        there, scope = self.hooks.stand_ins[name], SCOPES[purpose]
        if (who, purpose) not in self.oracle.yes_at or who in there.held[scope]:
            return
        self._carry(name, there)
        (there.complain if complains else there.unsubscribe)(who, scope)
        news = None if complains else (who, purpose, self.clock())
        self._carry(name, there, news)
        if complains:
            self.oracle.hears_complaint(who)
            await self.deliver(late=True)

    def _carry(self, name: str, there: StandIn, news: tuple[str, str, datetime] | None = None) -> None:
        while there.hooks:
            request = there.hooks.popleft()
            late = timedelta(hours=self.source.choice([0, 0, 1, 30, 80])) if news else timedelta(0)
            self.waiting.append(Waiting(self.clock() + late, name, request, news))

    async def push(self) -> None:
        for name in NAMES:
            if self.source.random() < 0.1:
                await self.hooks.pushers[name].let_go()
            await self.hooks.pushed(name)
            self._carry(name, self.hooks.stand_ins[name])

    async def deliver(self, *, late: bool = False) -> None:
        due = [one for one in self.waiting if late or one.due <= self.clock()]
        self.source.shuffle(due)
        self.waiting = [one for one in self.waiting if one not in due]
        for one in due:
            for _ in range(self.source.choice([1, 1, 2])):
                assert await self.hooks.tell(one.request, one.connection) == 200
            await self.hooks.heard()
            if one.news is not None:
                who, purpose, at = one.news
                self.oracle.hears_no(who, purpose, at, self.clock())

    async def drain(self) -> None:
        self.faulty = False
        for _ in range(60):
            self.clock.pass_by(hours=12)
            await self.push()
            await self.deliver(late=True)
            waits = await self.hooks.rows(
                "SELECT count(*) FROM level WHERE state = 'pending' AND connection <> 'broken'"
            )
            if waits == [(0,)] and not self.waiting:
                return
        raise AssertionError("it never comes to rest")


@pytest.mark.parametrize("seed", range(1))
@pytest.mark.parametrize(("events", "people"), SIZES)
async def test_in_the_end_here_and_there_are_what_people_said(
    database_url: str, tmp_path: Path, seed: int, events: int, people: int
) -> None:
    async with hooked(database_url, tmp_path, Clock()) as hooks:
        chaos = Chaos(hooks, random.Random(seed), people)
        for _ in range(events):
            await chaos.step()
        await chaos.drain()
        wrong = defaultdict(list)
        rows = await hooks.rows("SELECT connection, scope, wide FROM level WHERE state = 'failed'")
        failed = {(name, scope, bytes(wide)) for name, scope, wide in rows}
        for who in chaos.people:
            for purpose, scope in SCOPES.items():
                stopped = (who, purpose) in chaos.oracle.stopped
                allowed = (await hooks.site.decision(purpose, who)).allowed
                if allowed != ((who, purpose) in chaos.oracle.yes_at):
                    wrong["here"].append((who, purpose, allowed))
                for name in NAMES:
                    held = who in hooks.stand_ins[name].held[scope]
                    # What somebody stopped there themselves this provider lets nobody take back: said loudly.
                    if held != stopped and (
                        stopped or (name, scope, hooks.site.prints(who).wide) not in failed
                    ):
                        wrong[name].append((who, purpose, stopped))
        assert wrong == {}
        gave = (
            "SELECT count(*) FROM ledger WHERE action = 'give' AND source = 'provider' AND effect = 'applied'"
        )
        assert await hooks.rows(gave) == [(0,)], "no yes arises from a provider"
        assert await hooks.rows("SELECT count(*) FROM level WHERE state = 'failed' AND stopped") == [(0,)]
        assert set(await hooks.states()) <= {"applied", "echo", "quarantined"}
        kinds = {
            one.kind
            for there in hooks.stand_ins.values()
            for held in there.held.values()
            for one in held.values()
        }
        assert {EventKind.UNSUBSCRIBED, EventKind.COMPLAINED} <= kinds
