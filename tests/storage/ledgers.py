"""A journal on a fresh database, a small catalog, and short words for what people do."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from prefcenter.domain.addresses import Fingerprinter, Fingerprints, parse_email
from prefcenter.domain.choices import Action, Choice, Entry, Source
from prefcenter.domain.decide import Decision, may_send
from prefcenter.storage.database import AnyDatabase, database_for
from prefcenter.storage.journal import Journal
from prefcenter.storage.reading import Reader
from prefcenter.storage.units import ChoiceItem, Outcome, Ref, Result, Unit
from prefcenter.storage.vault import Vault
from tests.domain.world import Catalog

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FINGERPRINTER = Fingerprinter(b"pepper of the tests, longer than 32 bytes")
VAULT = Vault([b"a secret key of the tests, long enough"])

STOP = (Action.WITHDRAW, Source.ONE_CLICK)
YES = (Action.GIVE, Source.FORM)

#: For tests in which it does not change.
CATALOG = Catalog()


def fingerprints(address: str) -> Fingerprints:
    return FINGERPRINTER.of_email(parse_email(address))


def known_as(address: str, **more: Any) -> Ref:
    """A reference by address, as the API makes it: creates whoever is missing."""
    narrow, wide = fingerprints(address)
    return Ref(**{"wide": wide, "narrow": narrow, "address": address, "create": True, **more})


def by_link(address: str) -> Ref:
    """A reference as a signed stop link makes it."""
    return Ref(wide=fingerprints(address).wide)


def item(
    action: Action, source: Source, ref: Ref, purpose: str = "newsletter", channel: str = "email", **more: Any
) -> ChoiceItem:
    undoes, evidence = more.pop("undoes", None), more.pop("evidence", {})
    choice = Choice(action=action, source=source, purpose=purpose, channel=channel, **more)
    return ChoiceItem(ref=ref, choice=choice, evidence=evidence, undoes=undoes)


def unit(*items: ChoiceItem, now: datetime = NOW, **more: Any) -> Unit:
    return Unit(now=now, choices=items, **more)


def unit_of_void(*entries: Entry, now: datetime = NOW, **evidence: str) -> Unit:
    """An operator voids these."""
    items = [
        ChoiceItem(
            ref=Ref(wide=entry.wide),
            index=number,
            choice=Choice(Action.VOID, Source.OPERATOR, entry.purpose, entry.channel),
            undoes=entry.entry,
            evidence=evidence,
        )
        for number, entry in enumerate(entries)
    ]
    return Unit(now=now, choices=tuple(items), alone=True)


def stop_of(address: str) -> Unit:
    return unit(item(*STOP, by_link(address)))


@dataclass
class Ledger:
    """A journal with its database and reader, and the catalog it decides by."""

    url: str
    database: AnyDatabase
    journal: Journal
    reader: Reader

    async def record(self, *items: ChoiceItem, now: datetime = NOW, **more: Any) -> Outcome:
        return await self.journal.record(unit(*items, now=now, **more))

    async def one(self, action: Action, source: Source, ref: Ref, *where: str, **more: Any) -> Result:
        now = more.pop("now", NOW)
        return (await self.record(item(action, source, ref, *where, **more), now=now)).results[0]

    async def decision(
        self, address: str, purpose: str = "newsletter", channel: str = "email", now: datetime = NOW
    ) -> Decision:
        person = (await self.reader.people_at([fingerprints(address)]))[0]
        return may_send(CATALOG.find(purpose), channel, person, regimes=CATALOG.regimes, now=now)

    async def rows(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        async with self.database.read() as tx:
            return [tuple(row) for row in await tx.fetch(sql, *args)]

    async def change(self, sql: str, *args: Any) -> None:
        """What somebody with the database's password could do."""
        async with self.database.write() as tx:
            await tx.fetch(sql, *args)


async def open_ledger(url: str, catalog: Catalog = CATALOG) -> Ledger:
    database = database_for(url)
    await database.open()
    return Ledger(url, database, Journal(database, catalog, VAULT), Reader(database, VAULT))


async def close_ledger(ledger: Ledger) -> None:
    await ledger.journal.close()
    await ledger.database.close()
