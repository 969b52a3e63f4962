"""Services that take mail in, and mails that carry what they signed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from prefcenter.bootstrap import apply_if_empty, open_services
from prefcenter.domain.choices import Action, Cause, Choice, Entry, Proof, Source
from prefcenter.domain.standing import Stop
from prefcenter.storage.units import ChoiceItem, Unit, ref_of
from prefcenter.use_cases.mint_links import minter
from prefcenter.use_cases.receive_mail import Became, receive_mail
from prefcenter.use_cases.services import Services
from tests.api.client import settings_of

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
ADA, BO = "ada@example.com", "bo@example.com"
UNSUBSCRIBE = "stop@example.com"


@dataclass
class PostOffice:
    """Takes mail in, and looks what came of it."""

    services: Services

    async def take(self, raw: bytes, *, sender: str | None = None, now: datetime = NOW) -> tuple[Became, str]:
        received = await receive_mail(self.services, raw, sender=sender, now=now)
        return received.became, received.why

    def headers(self, address: str, purpose: str = "newsletter", campaign: str = "nov") -> dict[str, str]:
        """Of a mail of a mailing tool's, sent with links of ours."""
        made = minter(self.services, purpose, campaign, now=NOW)(address)
        return {"From": "news@example.com", "To": address, "Message-ID": "<m@example.com>", **made.headers}

    def token(self, address: str, purpose: str = "newsletter") -> str:
        made = minter(self.services, purpose, "nov", now=NOW)(address)
        return made.unsubscribe_url.rpartition("/")[2]

    async def gives(self, address: str, purpose: str = "newsletter", *, now: datetime = NOW) -> None:
        fingerprints = self.services.fingerprinter.of_text(address)
        choice = Choice(
            action=Action.GIVE,
            source=Source.CONFIRMATION,
            purpose=purpose,
            channel="email",
            proof=Proof.CONFIRMED,
            shown_seq=await self.services.reader.head(),
        )
        item = ChoiceItem(ref=ref_of(fingerprints, address, create=True), choice=choice)
        await self.services.journal.record(Unit(now=now, choices=(item,)))

    async def stops(self, address: str) -> list[tuple[Cause, str, Source]]:
        found: list[Stop] = await self.services.reader.stops_at(
            self.services.fingerprinter.of_text(address).wide
        )
        return sorted((stop.cause, stop.purpose, stop.source) for stop in found)

    async def head(self) -> int:
        return await self.services.reader.head()

    async def evidence(self) -> dict[str, str]:
        """Of the newest entry."""
        async with self.services.database.read() as tx:
            [(entry,)] = await tx.fetch("SELECT entry FROM ledger ORDER BY seq DESC LIMIT 1")
        found = (await self.services.reader.items([entry]))[entry]
        assert isinstance(found.entry, Entry) and found.evidence is not None
        return found.evidence


@asynccontextmanager
async def open_post_office(database_url: str, folder: Path, **variables: str) -> AsyncIterator[PostOffice]:
    variables = {"UNSUBSCRIBE_ADDRESS": UNSUBSCRIBE, **variables}
    async with open_services(settings_of(folder, database_url, **variables)) as services:
        await apply_if_empty(services, NOW)
        yield PostOffice(services)
