"""A site connected to stand-ins of a mailing provider: what applies their words, and what tells them ours."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from email_hooks.events import EventKind, HookEvent
from email_hooks.http import Http
from email_hooks.request import HookRequest
from email_hooks.stand_ins.api import InMemory, Said, StandIn
from email_hooks.stand_ins.postmark import PostmarkStandIn
from prefcenter.accounts import Account
from prefcenter.bootstrap import connections_of
from prefcenter.storage.connections import ConnectionStates
from prefcenter.storage.hook_events import HookEvents
from prefcenter.storage.levels import Levels
from prefcenter.storage.snapshots import Snapshots
from prefcenter.use_cases.keep_hooks import keep_hooks
from prefcenter.worker.asking_providers import AskingProviders
from prefcenter.worker.hook_events import Hearing
from prefcenter.worker.pusher import Pusher
from tests.web.site import ADA, Clock, Site, open_site, settings_for

NAMES = ("main", "other")
_CONNECTION = """
[connections.{name}]
provider = "postmark"
purposes = {{ newsletter = "stream:broadcast", events = "stream:outbound", "*" = "all" }}
ignore = ["stream:receipts"]
base_url = "https://api.example.com"
api_key = "env:TOKEN_{name}"
basic = ["env:LOGIN_{name}"]
"""
_BROKEN = """
[connections.broken]
provider = "postmark"
purposes = { newsletter = "stream:broadcast" }
api_key = "env:NOT_SET"
"""


@dataclass
class Hooked:
    site: Site
    stand_ins: dict[str, StandIn]
    hearing: Hearing
    pushers: dict[str, Pusher]
    number: int = 0

    async def tell(self, request: HookRequest, connection: str = "main", **headers: str) -> int:
        """One request as the provider makes it; returns our status."""
        given = dict(request.headers) | headers
        path = f"/hooks/{connection}"
        return (await self.site.client.post(path, content=request.body, headers=given)).status_code

    def say(
        self, kind: EventKind, address: str = ADA, scope: str = "stream:broadcast", **more: Any
    ) -> HookRequest:
        """A request with one event, under a new id where none is given."""
        self.number += 1
        said = {"event_id": f"event-{self.number}", "at": self.site.clock(), **more}
        (request,) = self.stand_ins["main"].tell([Said(kind=kind, address=address, scope=scope, **said)])
        return request

    async def told(
        self, kind: EventKind, address: str | None = ADA, connection: str = "main", **more: Any
    ) -> None:
        """An event is kept, as if a provider of any kind had told it, and applied."""
        self.number += 1
        event = HookEvent(
            provider="postmark",
            kind=kind,
            address=address,
            occurred_at=more.pop("at", self.site.clock()),
            event_id=more.pop("event_id", f"told-{self.number}"),
            scope=more.pop("scope", "stream:broadcast"),
        )._replace(**more)
        await keep_hooks(self.site.services, connection, [event], self.site.clock())
        await self.heard()

    async def heard(self) -> None:
        """Apply what is due."""
        while await self.hearing.start_due():
            await self.hearing.drain(60)
            await self.hearing.drain(60)

    async def pushed(self, connection: str) -> None:
        """Push what is due at a connection."""
        while await self.pushers[connection].turn():
            pass

    async def became(self) -> list[tuple[str, str | None]]:
        """The state of every event, and the reason, in the order in which they were received."""
        return await self.rows("SELECT state, reason FROM hook_event ORDER BY id")

    async def states(self) -> list[str]:
        return [state for state, _ in await self.became()]

    async def entries(self, address: str = ADA) -> list[tuple[Any, ...]]:
        """(action, source, purpose, effect, reason) of every entry on an address."""
        return await self.rows(
            "SELECT action, source, purpose, effect, reason FROM ledger WHERE wide = $1 ORDER BY seq",
            self.site.prints(address).wide,
        )

    async def rows(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        async with self.site.services.database.read() as tx:
            return [tuple(row) for row in await tx.fetch(sql, *args)]

    async def why_not(self, purpose: str = "newsletter", address: str = ADA) -> str:
        """The reason of the decision now; of an allowed one too."""
        return (await self.site.decision(purpose, address)).reason


@asynccontextmanager
async def hooked(
    database_url: str, folder: Path, clock: Clock, http: Http | None = None
) -> AsyncIterator[Hooked]:
    """`http`: what look-ups go to instead of the stand-in."""
    stand_ins: dict[str, StandIn] = {name: PostmarkStandIn(key=name, now=clock) for name in NAMES}
    secrets: dict[str, str] = {}
    for name, stand_in in stand_ins.items():
        config = stand_in.config("")
        secrets |= {f"TOKEN_{name}": config["api_key"], f"LOGIN_{name}": config["basic"][0]}
    settings = settings_for(database_url, folder, **secrets)
    with settings.config.open("a") as file:
        file.write("".join(_CONNECTION.format(name=name) for name in NAMES) + _BROKEN)

    def http_of(account: Account) -> Http:
        return http or InMemory(stand_ins[account.key])

    async with open_site(settings, clock) as site, AskingProviders(http_of) as asking:
        services = site.services
        queue = HookEvents(services.database, services.vault)
        states = ConnectionStates(services.database)
        await states.know(services.accounts.reaches(), clock())
        pushers = {name: _pusher(site, account, stand_ins[name], states) for name, account in _usable(site)}
        yield Hooked(site, stand_ins, Hearing(services, queue, asking, clock), pushers)


def _usable(site: Site) -> list[tuple[str, Account]]:
    return list(site.services.accounts.now.usable.items())


def _pusher(site: Site, account: Account, stand_in: StandIn, states: ConnectionStates) -> Pusher:
    services = site.services
    snapshots = Snapshots(
        services.database, services.vault, services.catalogs, connections_of(services.accounts)
    )
    levels = Levels(services.database, services.vault)
    return Pusher(account, InMemory(stand_in), levels, states, snapshots, site.clock, random.random, _at_once)


async def _at_once(_: float) -> None: ...
