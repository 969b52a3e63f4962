"""A journal on a fresh database, a small catalog, and short words for what people do."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, ClassVar

from prefcenter.domain.addresses import Fingerprinter, Fingerprints, parse_email
from prefcenter.domain.choices import Action, Choice, Source
from prefcenter.domain.decide import Decision, decide
from prefcenter.domain.purposes import Basis, Channel, Kind, Purpose, SoftOptInOffer
from prefcenter.domain.regimes import OPT_IN
from prefcenter.storage.database import AnyDatabase, database_for
from prefcenter.storage.journal import Journal
from prefcenter.storage.reading import Reader
from prefcenter.storage.units import ChoiceItem, Outcome, Ref, Result, Unit
from prefcenter.storage.vault import Vault

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FINGERPRINTER = Fingerprinter(b"pepper of the tests, longer than 32 bytes")
VAULT = Vault([b"a secret key of the tests, long enough"])

STOP = (Action.WITHDRAW, Source.ONE_CLICK)
YES = (Action.GIVE, Source.FORM)

_OFFER = SoftOptInOffer(offered_since=date(2026, 1, 1), wording="You can say no here and in every email.")
_PURPOSES = [
    Purpose(
        key="newsletter",
        title="Newsletter",
        description="Monthly.",
        basis=Basis.CONSENT,
        channels=(Channel.EMAIL, Channel.SMS),
    ),
    Purpose(key="digest", title="Digest", description="Weekly.", basis=Basis.CONSENT, double_opt_in=True),
    Purpose(
        key="offers",
        title="Offers",
        description="Similar products.",
        basis=Basis.LEGITIMATE_INTEREST,
        channels=(Channel.EMAIL, Channel.PHONE),
        similar_to_purchase=True,
        soft_opt_in=_OFFER,
    ),
    Purpose(key="sharing", title="Sharing", description="With partners.", kind=Kind.SALE_OR_SHARING),
    Purpose(key="account", title="Account", description="Invoices.", kind=Kind.SERVICE, basis=Basis.CONTRACT),
]


class Catalog:
    """A catalog that never changes."""

    purposes: ClassVar = {purpose.key: purpose for purpose in _PURPOSES}

    def find(self, key: str) -> Purpose | None:
        return self.purposes.get(key)

    def all(self) -> Iterable[Purpose]:
        return self.purposes.values()


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
        return decide(
            CATALOG.find(purpose),
            channel=channel,
            regime=OPT_IN,
            standing=person.standings.get((purpose, channel)),
            stops=person.stops,
            facts=person.facts,
            now=now,
        )

    async def rows(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        async with self.database.read() as tx:
            return [tuple(row) for row in await tx.fetch(sql, *args)]

    async def change(self, sql: str, *args: Any) -> None:
        """What somebody with the database's password could do."""
        async with self.database.write() as tx:
            await tx.fetch(sql, *args)


async def open_ledger(url: str) -> Ledger:
    database = database_for(url)
    await database.open()
    return Ledger(url, database, Journal(database, CATALOG, VAULT), Reader(database, VAULT))


async def close_ledger(ledger: Ledger) -> None:
    await ledger.journal.close()
    await ledger.database.close()
