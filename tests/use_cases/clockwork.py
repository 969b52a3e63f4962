"""An installation whose time is moved by hand, people on it, and the clocks that look at them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from tortoise.backends.base.executor import EXECUTOR_CACHE

from prefcenter.bootstrap import open_services
from prefcenter.catalog import parse
from prefcenter.domain.addresses import Fingerprints, parse_email
from prefcenter.domain.choices import Action, Choice, Entry, Source
from prefcenter.domain.decide import Decision, may_send
from prefcenter.storage.reading import Person
from prefcenter.storage.units import ChoiceItem, FactsItem, Ref, Result, Unit
from prefcenter.storage.verify import verify
from prefcenter.use_cases.expire import Clocks, expire, last_clocks
from prefcenter.use_cases.services import Services
from tests.api.client import settings_of

ADA, BO = "ada@example.com", "bo@example.com"

CATALOG = """
[controller]
name = "Example Ltd"
postal_address = "1 Example Street, Example City"
email = "privacy@example.com"

[purposes.newsletter]
title = "Newsletter"
description = "Monthly."
basis = "consent"
double_opt_in = false
channels = ["email", "sms"]

[purposes.offers]
title = "Offers"
description = "Similar products."
basis = "legitimate_interest"
similar_to_purchase = true
soft_opt_in = { offered_since = 2015-01-01, wording = "You can say no here and in every email." }

[purposes.news]
title = "News"
description = "As the law where you live has it."
double_opt_in = false
"""


def override(row: str, rules: str) -> str:
    """The catalog with rules of one country that the operator made."""
    return f'{CATALOG}\n[regimes.{row}]\nreason = "Our lawyers ask for it."\n{rules}\n'


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@dataclass
class Clockwork:
    """Everything is said `at` a moment; nothing is known before 2018."""

    services: Services

    def prints(self, address: str) -> Fingerprints:
        return self.services.fingerprinter.of_email(parse_email(address))

    def ref(self, address: str, channel: str = "email") -> Ref:
        narrow, wide = self.prints(address)
        return Ref(wide=wide, narrow=narrow, address=address, channel=channel, create=True)

    async def apply(self, text: str, at: datetime) -> None:
        await self.services.catalogs.apply(parse(text), lambda: at)

    async def facts(self, at: datetime, address: str = ADA, **facts: Any) -> None:
        item = FactsItem(ref=self.ref(address), facts=facts)
        await self.services.journal.record(Unit(now=at, facts=(item,)))

    async def relationship(self, at: datetime, address: str = ADA, country: str = "CA", **facts: Any) -> None:
        """`facts`: those of the relationship; a customer since 2018, unless they say otherwise."""
        said = {"kind": "customer", "since": utc(2018, 2, 1), **facts}
        await self.facts(at, address, country=country, relationship=_said(said))

    async def say(
        self, at: datetime, action: Action = Action.GIVE, purpose: str = "newsletter", **more: Any
    ) -> Result:
        address, source = more.pop("address", ADA), more.pop("source", Source.FORM)
        undoes = more.pop("undoes", None)
        choice = Choice(action=action, source=source, purpose=purpose, **{"channel": "email", **more})
        ref = self.ref(address)
        if action in (Action.WITHDRAW, Action.OBJECT):
            ref = replace(ref, create=False)
        unit = Unit(now=at, choices=(ChoiceItem(ref=ref, choice=choice, undoes=undoes),))
        return (await self.services.journal.record(unit)).results[0]

    async def look(self, now: datetime) -> Clocks:
        """A whole walk of the clocks."""
        while await expire(self.services, now):
            pass
        done = await last_clocks(self.services)
        assert done is not None and not done.is_under_way
        return done

    async def recorded(self, now: datetime) -> list[tuple[str, datetime]]:
        """What a walk at this moment records: where, and when it ran out."""
        head = await self.services.reader.head()
        done = await self.look(now)
        entries = [e for e in await self.changes(head) if e.action is Action.EXPIRE]
        assert done.expired == len([e for e in entries if e.effect == "applied"])
        return [(f"{e.purpose} {e.channel}", e.occurred_at) for e in entries]

    async def changes(self, after: int = 0) -> list[Entry]:
        return await self.services.reader.changes(after, 100_000)

    async def person(self, address: str = ADA) -> Person:
        return (await self.services.reader.people_at([self.prints(address)]))[0]

    async def decide(
        self, now: datetime, purpose: str = "newsletter", address: str = ADA, channel: str = "email"
    ) -> Decision:
        catalogs = self.services.catalogs
        person = await self.person(address)
        return may_send(catalogs.find(purpose), channel, person, regimes=catalogs.regimes, now=now)

    async def rows(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        async with self.services.database.write() as tx:
            return [tuple(row) for row in await tx.fetch(sql, *args)]

    async def problems(self) -> list[str]:
        services = self.services
        return await verify(services.database, services.catalogs, services.vault)


def _said(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: said.isoformat() if isinstance(said, datetime) else said
        for name, said in facts.items()
        if said is not None
    }


@asynccontextmanager
async def wound_up(database_url: str, folder: Path, catalog: str = CATALOG) -> AsyncIterator[Clockwork]:
    EXECUTOR_CACHE.clear()
    async with open_services(settings_of(folder, database_url)) as services:
        works = Clockwork(services)
        await works.apply(catalog, utc(2018, 1, 1))
        yield works
        assert await works.problems() == []
