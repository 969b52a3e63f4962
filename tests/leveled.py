"""A ledger whose choices reach stand-ins, and what pushes to them, on a clock that stands still."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from email_hooks import PROVIDERS
from email_hooks.http import Ask, Http, Reply
from email_hooks.stand_ins.api import InMemory, StandIn
from email_hooks.stand_ins.registry import STAND_INS
from prefcenter.accounts import Account
from prefcenter.domain.choices import Action, Source
from prefcenter.domain.deadlines import Deadline
from prefcenter.domain.scopes import reach_of
from prefcenter.storage.connections import ConnectionStates
from prefcenter.storage.database import database_for
from prefcenter.storage.journal import Journal
from prefcenter.storage.level_rows import Connections
from prefcenter.storage.levels import Levels
from prefcenter.storage.reading import Reader
from prefcenter.storage.snapshots import Snapshots
from prefcenter.worker.pusher import Pusher
from tests.storage.ledgers import CATALOG, STOP, VAULT, YES, Ledger, fingerprints, item, known_as, unit
from tests.storage.queues import Clock

SCOPE = "group:10"
MAPPED = {"newsletter": SCOPE, "offers": "group:11", "*": "all"}


@dataclass
class Faulty:
    """The way to a stand-in, with faults: each of `faults` is asked in turn and answers, raises or passes
    (None) the request on."""

    http: Http
    faults: list[Callable[[Ask], Reply | None]] = field(default_factory=list)
    asked: list[Ask] = field(default_factory=list)

    async def send(self, ask: Ask) -> Reply:
        self.asked.append(ask)
        for fault in self.faults:
            reply = fault(ask)
            if reply is not None:
                return reply
        return await self.http.send(ask)

    def stream(self, ask: Ask) -> AsyncIterator[bytes]:
        return self.http.stream(ask)


@dataclass
class Leveled:
    """`stand_in` and `http`: the connection "main", which is all that most tests have."""

    ledger: Ledger
    clock: Clock
    connections: Connections
    accounts: dict[str, Account]
    stand_ins: dict[str, StandIn]
    https: dict[str, Faulty]
    levels: Levels
    states: ConnectionStates

    @property
    def stand_in(self) -> StandIn:
        return self.stand_ins["main"]

    @property
    def http(self) -> Faulty:
        return self.https["main"]

    def snapshots(self) -> Snapshots:
        return Snapshots(self.ledger.database, VAULT, CATALOG, self.connections)

    def pusher(self, name: str = "main", account: Account | None = None) -> Pusher:
        return Pusher(
            account or self.accounts[name],
            self.https[name],
            self.levels,
            self.states,
            self.snapshots(),
            self.clock,
            lambda: 0.0,
            _at_once,
        )

    async def ready(self) -> None:
        """Every snapshot is done."""
        for name in self.accounts:
            while await self.snapshots().turn(name, self.clock()):
                pass

    async def stops(self, *addresses: str, purpose: str = "newsletter", **more: Any) -> None:
        await self._say(STOP, addresses, purpose, more)

    async def opens(self, *addresses: str, purpose: str = "newsletter", **more: Any) -> None:
        await self._say(YES, addresses, purpose, more)

    async def _say(
        self, what: tuple[Action, Source], addresses: tuple[str, ...], purpose: str, more: dict[str, Any]
    ) -> None:
        told = more.pop("told", True)
        said = [item(*what, known_as(one), purpose, **more) for one in addresses]
        await self.ledger.journal.record(unit(*said, now=self.clock(), told=told))

    async def level(self, address: str, scope: str = SCOPE, name: str = "main") -> tuple[bool, str] | None:
        """(stopped, state); None: nobody spoke of it."""
        found = await self.rows("stopped, state", address, scope, name)
        return (bool(found[0][0]), str(found[0][1])) if found else None

    async def rows(
        self, columns: str, address: str, scope: str = SCOPE, name: str = "main"
    ) -> list[tuple[Any, ...]]:
        return await self.ledger.rows(
            f"SELECT {columns} FROM level WHERE wide = $1 AND scope = $2 AND connection = $3",
            fingerprints(address).wide,
            scope,
            name,
        )

    async def states_of_levels(self) -> dict[str, int]:
        found = await self.ledger.rows("SELECT state, count(*) FROM level GROUP BY state")
        return {str(state): int(number) for state, number in found}

    def held(self, scope: str = SCOPE, name: str = "main") -> set[str]:
        return set(self.stand_ins[name].held[scope])

    async def pushed(self, pusher: Pusher) -> None:
        """Push all that is due now."""
        while await pusher.turn():
            pass


def account_of(name: str, provider: str, stand_in: StandIn, mapped: dict[str, str]) -> Account:
    reach = reach_of(name, mapped, has_all="all" in PROVIDERS[provider].capabilities.stops)
    config = stand_in.config("https://api.example.com")
    return Account(key=name, provider=PROVIDERS[provider], config=config, reach=reach, private=False)


@asynccontextmanager
async def leveled(
    url: str, mapped: dict[str, str] = MAPPED, *, names: tuple[str, ...] = ("main",)
) -> AsyncIterator[Leveled]:
    clock = Clock()
    stand_ins: dict[str, StandIn] = {
        name: STAND_INS["sendgrid"](now=clock, key=name, echo=False) for name in names
    }
    accounts = {name: account_of(name, "sendgrid", one, mapped) for name, one in stand_ins.items()}
    reaches = tuple(one.reach for one in accounts.values())
    connections = Connections(reaches=lambda: reaches, deadline=lambda _, at: _within_days(at))
    database = database_for(url)
    await database.open()
    journal = Journal(database, CATALOG, VAULT, connections=connections)
    states = ConnectionStates(database)
    await states.know(reaches, clock())
    https = {name: Faulty(InMemory(one)) for name, one in stand_ins.items()}
    ledger = Ledger(url, database, journal, Reader(database, VAULT))
    try:
        levels = Levels(database, VAULT)
        yield Leveled(ledger, clock, connections, accounts, stand_ins, https, levels, states)
    finally:
        await journal.close()
        await database.close()


def _within_days(at: datetime) -> Deadline:
    return Deadline(at + timedelta(days=2), "of the tests")


async def _at_once(_: float) -> None: ...
