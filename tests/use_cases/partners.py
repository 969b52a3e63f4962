"""An installation whose purposes have third parties, with a mailbox that their mail goes to."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tortoise.backends.base.executor import EXECUTOR_CACHE

from prefcenter.bootstrap import open_services, templates_of
from prefcenter.catalog import parse
from prefcenter.domain.addresses import Fingerprints, parse_email
from prefcenter.domain.choices import Action, Choice, Source
from prefcenter.domain.purposes import ANY
from prefcenter.links import StopLink
from prefcenter.mail.mailbox import Mailbox, ReceivedMail, run_mailbox
from prefcenter.mail.smtp import SmtpSender
from prefcenter.settings import Settings
from prefcenter.storage.mail_queue import MailQueue
from prefcenter.storage.postgres import PostgresTx
from prefcenter.storage.sqlite import SqliteTx
from prefcenter.storage.units import ChoiceItem, FactsItem, Ref, Result, Unit, ref_of
from prefcenter.use_cases.composers import COMPOSERS
from prefcenter.use_cases.composing import Composer
from prefcenter.use_cases.services import Services
from prefcenter.use_cases.stop_mail import stop_by_link
from prefcenter.worker.mails import Mails
from tests.api.client import settings_of

ADA, BO = "Ada@example.com", "bo@example.com"
START = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)

HEAD = """
[controller]
name = "Example Ltd"
postal_address = "1 Example Street, Example City"
email = "privacy@example.com"

[connections.main]
provider = "postmark"

[recipients.partner-inc]
name = "Partner Inc"
email = "privacy@partner.example"

[recipients.other]
name = "Other GmbH"
email = "privacy@other.example"

[recipients.agency]
name = "Agency <&> Sons"
email = "privacy@agency.example"

[recipients.broker]
name = "Broker"
connection = "main"
"""
PURPOSES = {
    "newsletter": 'title = "Newsletter"\ndescription = "Monthly."\nbasis = "consent"',
    "partner-offers": """title = "Offers from our partners"
description = "We give your address to them."
kind = "disclosure"
basis = "consent"
recipients = ["partner-inc", "other"]""",
    "joint-offers": """title = "Joint offers"
description = "Similar products, sent by our agency."
basis = "legitimate_interest"
similar_to_purchase = true
recipients = ["agency"]""",
    "sharing": """title = "Sharing"
description = "With a broker."
kind = "sale_or_sharing"
basis = "consent"
recipients = ["broker"]""",
    "account": """title = "Account"
description = "Invoices."
kind = "service"
category = "account"
why = "No account without."
basis = "contract"
recipients = ["agency"]""",
}
BOTH = ["privacy@other.example", "privacy@partner.example"]
CUSTOMER = {
    "country": "DE",
    "relationship": {
        "kind": "customer",
        "since": "2026-01-01T00:00:00Z",
        "opt_out_offered": {"at": "2026-01-01T00:00:00Z", "wording": "You can say no."},
    },
}


def catalog_of(purposes: Mapping[str, str] = PURPOSES, head: str = HEAD) -> str:
    return "\n\n".join([head, *(f"[purposes.{key}]\n{body}" for key, body in purposes.items())])


def without(*keys: str) -> dict[str, str]:
    return {key: body for key, body in PURPOSES.items() if key not in keys}


@dataclass
class Office:
    """The services, a clock that passes by two minutes a step, and the mailbox of all third parties."""

    services: Services
    settings: Settings
    mailbox: Mailbox
    sender: SmtpSender
    now: datetime = START
    composers: Mapping[str, Composer] = field(default_factory=lambda: COMPOSERS)

    def prints(self, address: str) -> Fingerprints:
        return self.services.fingerprinter.of_email(parse_email(address))

    def pass_by(self, **time: float) -> datetime:
        self.now += timedelta(**(time or {"minutes": 2}))
        return self.now

    async def apply(self, text: str) -> None:
        await self.services.catalogs.apply(parse(text), self.pass_by)

    async def facts(self, address: str, facts: Mapping[str, Any], external_id: str | None = None) -> None:
        ref = replace(ref_of(self.prints(address), address, create=True), external_id=external_id)
        item = FactsItem(ref=ref, facts=facts)
        await self.services.journal.record(Unit(now=self.pass_by(), facts=(item,)))

    def item(
        self,
        action: Action,
        source: Source,
        purpose: str = "partner-offers",
        address: str = ADA,
        **more: Any,
    ) -> ChoiceItem:
        undoes = more.pop("undoes", None)
        more.setdefault("channel", ANY if purpose == ANY else "email")
        choice = Choice(action=action, source=source, purpose=purpose, **more)
        known = action in (Action.GIVE, Action.DEFER)
        ref = ref_of(self.prints(address), address, create=known)
        return ChoiceItem(ref=ref, choice=choice, undoes=undoes)

    async def say(self, action: Action, source: Source, *where: str, **more: Any) -> Result:
        unit = Unit(now=self.pass_by(), choices=(self.item(action, source, *where, **more),))
        return (await self.services.journal.record(unit)).results[0]

    async def yes(self, *where: str, **more: Any) -> Result:
        said = await self.say(Action.GIVE, Source.FORM, *where, **more)
        assert said.effect == "applied", said.reason
        return said

    async def click(
        self, purpose: str = "partner-offers", address: str = ADA, *, all: bool = False
    ) -> Result:
        """The stop link of a mail: one click, or the page's button "Stop all marketing"."""
        link = StopLink(self.prints(address).wide, purpose)
        source = Source.PAGE if all else Source.ONE_CLICK
        return await stop_by_link(
            self.services, link, everything=all, source=source, evidence={}, now=self.pass_by()
        )

    async def undo(self, stop: Result) -> None:
        choice = Choice(
            action=Action.INVALIDATE, source=Source.PAGE, purpose="partner-offers", channel="email"
        )
        item = ChoiceItem(ref=Ref(wide=stop.wide), choice=choice, undoes=stop.entry)
        await self.services.journal.record(Unit(now=self.pass_by(), choices=(item,)))

    async def send(self) -> list[ReceivedMail]:
        """Let the worker send all that is due; what came into the mailbox by it, by recipient."""
        before = len(self.mailbox.mails)
        queue = MailQueue(self.services.database)
        mails = Mails(
            self.services, templates_of(self.settings), queue, self.sender, self.composers, lambda: self.now
        )
        self.pass_by()
        while await mails.start_due():
            await mails.drain(30)
        came = self.mailbox.mails[: len(self.mailbox.mails) - before]
        return sorted(came, key=lambda mail: mail.to)

    async def told(self) -> list[str]:
        """Who got a mail by now that they had not before."""
        return [mail.to[0] for mail in await self.send()]

    async def rows(
        self, columns: str = "recipient, purpose, state", where: str = ""
    ) -> list[tuple[Any, ...]]:
        sql = f"SELECT {columns} FROM task {where} ORDER BY seq, recipient, purpose"
        async with self.services.database.read() as tx:
            return [tuple(row) for row in await tx.fetch(sql)]


@asynccontextmanager
async def open_office(settings: Settings, catalog: str | None = None) -> AsyncIterator[Office]:
    EXECUTOR_CACHE.clear()
    async with run_mailbox() as running, open_services(settings) as services:
        office = Office(services, settings, running.mailbox, SmtpSender.from_url(running.smtp_url))
        if catalog is not None:
            await office.apply(catalog)
        yield office


def settings_in(folder: Path, database_url: str) -> Settings:
    return settings_of(folder, database_url, BASE_URL="http://localhost:8000")


def link_in(mail: ReceivedMail) -> str:
    """The path of the one link that a mail has."""
    found = re.findall(r"http://localhost:8000(/\S+)", mail.text)
    assert len(found) == 1, mail.text
    return str(found[0])


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Every set-based read since the last call, on either database."""
    seen: list[str] = []
    for kind in (SqliteTx, PostgresTx):
        original = kind.among

        async def among(self: Any, sql: str, *args: Any, original: Any = original) -> Any:
            seen.append(sql)
            return await original(self, sql, *args)

        monkeypatch.setattr(kind, "among", among)

    def taken() -> list[str]:
        found = list(seen)
        seen.clear()
        return found

    return taken
