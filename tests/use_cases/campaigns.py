"""A site whose purposes change, people who agreed to what was before, and the campaigns that ask them."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from prefcenter.catalog import read
from prefcenter.domain.campaign_words import Asking, CampaignKind
from prefcenter.domain.choices import Action
from prefcenter.domain.decide import Decision
from prefcenter.links import QuestionLink
from prefcenter.storage.campaigns import Campaigns, Progress
from prefcenter.storage.units import FactsItem, ref_of
from prefcenter.use_cases.ask_people import ask_people, purpose_to_ask
from prefcenter.use_cases.decide_recipients import Question, Recipient, decide_recipients
from prefcenter.use_cases.record_choices import record
from prefcenter.use_cases.remind_people import remind_people
from tests.web.asking import Postbox, history
from tests.web.site import ADA, Clock, Site, open_site, settings_for

BO, CY = "bo@example.com", "cy@example.com"
EVENTS = "events"
CHOICE_URL = re.compile(r"https?://[^\s/]+(/n/[^\s<\"]+)")
FIELD = re.compile(r'name="(shown_seq|words)" value="([^"]+)"')
#: What the purpose is changed into: a third party is added.
PARTNER = ("events", "double_opt_in = false ", 'recipients = ["partner-inc"]\ndouble_opt_in = false ')
PURCHASES = ("events", 'data = ["email", "name"]', 'data = ["email", "name", "purchases"]')
MORE_OFFERS = ("offers", 'data = ["email", "purchases"]', 'data = ["email", "purchases", "visits"]')
NEW_PURPOSE = """
[purposes.courses]
title = "Courses"
description = "What you can learn with us."
kind = "marketing"
channels = ["email"]
basis = "consent"
double_opt_in = false
data = ["email"]

[purposes.account]
"""
NEW = ("account", "[purposes.account]", NEW_PURPOSE)


@dataclass
class Asked:
    """What a test of campaigns sees."""

    site: Site
    folder: Path
    post: Postbox = field(init=False)

    def __post_init__(self) -> None:
        self.post = Postbox(self.site)

    @property
    def clock(self) -> Clock:
        return self.site.clock

    async def apply(self, *changes: tuple[str, str, str]) -> None:
        """Change sections of prefcenter.toml and put it in force."""
        path = self.folder / "prefcenter.toml"
        text = path.read_text()
        for section, old, new in changes:
            start = text.index(f"[purposes.{section}]")
            head, tail = text[:start], text[start:]
            assert old in tail, old
            text = head + tail.replace(old, new, 1)
        path.write_text(text)
        await self.site.services.catalogs.apply(read(path), self.clock)

    async def agree(self, *addresses: str, purpose: str = EVENTS) -> None:
        for address in addresses:
            await self.site.said(Action.GIVE, purpose, address)

    async def is_customer(self, address: str = ADA) -> None:
        """For years, in a country where that stands in for a yes to offers."""
        since = self.clock.now.replace(year=2025).isoformat()
        facts = {"country": "DE", "relationship": {"kind": "customer", "since": since}}
        ref = ref_of(self.site.prints(address), address, create=True)
        await record(self.site.services, facts=[FactsItem(ref=ref, facts=facts)], now=self.clock())

    async def ask(
        self,
        purpose: str = EVENTS,
        kind: CampaignKind = CampaignKind.ASK,
        *,
        per_minute: int | None = None,
        watch: Any = lambda number, total: None,
    ) -> None:
        services = self.site.services
        about = purpose_to_ask(services, purpose)
        await ask_people(services, about, kind, per_minute=per_minute, clock=self.clock, watch=watch)

    async def remind(self, purpose: str = EVENTS) -> int:
        services = self.site.services
        about = purpose_to_ask(services, purpose)
        return await remind_people(services, about, clock=self.clock, watch=lambda number: None)

    async def mailed(self, purpose: str = EVENTS, **more: Any) -> list[EmailMessage]:
        """Ask, and deliver what is due a second later."""
        await self.ask(purpose, **more)
        return await self.deliver()

    async def deliver(self, **later: float) -> list[EmailMessage]:
        """What goes out by then; a second later, if nothing is said."""
        self.clock.pass_by(**(later or {"seconds": 1}))
        return await self.post.deliver()

    async def progress(
        self, purpose: str = EVENTS, kind: CampaignKind = CampaignKind.ASK, version: int | None = None
    ) -> Progress:
        wanted = version or purpose_to_ask(self.site.services, purpose).version
        found = await Campaigns(self.site.services.database).progress()
        which = (purpose, wanted, kind)
        return next(
            one for one in found if (one.campaign.purpose, one.campaign.version, one.campaign.kind) == which
        )

    async def askings(self, address: str) -> list[Asking]:
        person = (await self.site.services.reader.people_at([self.site.prints(address)]))[0]
        assert person.subject is not None
        found = await Campaigns(self.site.services.database).of([person.subject])
        return list(found.get(person.subject, ()))

    async def states(self, *addresses: str) -> list[str]:
        """Of the last campaign that each was in; "" for none."""
        found = [await self.askings(address) for address in addresses]
        return [one[-1].state if one else "" for one in found]

    async def decide(self, address: str, purpose: str = EVENTS, **more: Any) -> Decision:
        question = Question(purpose=purpose, **more)
        answers = await decide_recipients(
            self.site.services, question, [Recipient(email=address)], self.clock()
        )
        return answers[0].decision

    async def entries(self, address: str, *actions: Action) -> list[Any]:
        items = await history(self.site, address)
        return [item for item in items if item.entry.action in actions]

    async def open(self, path: str) -> str:
        response = await self.site.client.get(path)
        assert response.status_code == 200, response.text
        return response.text

    async def answer(self, path: str, said: str, page: str | None = None, **fields: str) -> str:
        """Open the page and press a button of it, or one of a page that was opened before."""
        shown = await self.open(path) if page is None else page
        form = {**dict(FIELD.findall(shown)), "answer": said, **fields}
        response = await self.site.client.post(path, data=form)
        assert response.status_code == 200, response.text
        return response.text

    async def rows(self, sql: str, *args: Any) -> list[tuple[Any, ...]]:
        async with self.site.services.database.read() as tx:
            return [tuple(row) for row in await tx.fetch(sql, *args)]


def texts(page: str) -> str:
    """What a person reads of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def path_in(mail: EmailMessage) -> str:
    """The path of the page that a mail asks on, the same in both forms of the mail."""
    bodies = [mail.get_body((kind,)) for kind in ("plain", "html")]
    found = {CHOICE_URL.findall(body.get_content())[0] for body in bodies if body is not None}
    [path] = found
    return str(path)


async def question_in_the_mail(
    asked: Asked, address: str = ADA, purpose: str = EVENTS, **more: object
) -> str:
    """The path of the page that a person was asked on by mail."""
    mails = {str(mail["To"]): mail for mail in await asked.mailed(purpose, **more)}
    return path_in(mails[address])


def on_a_page(asked: Asked, address: str = ADA, purpose: str = EVENTS, version: int = 2) -> str:
    """The path as the preferences page makes it."""
    narrow, wide = asked.site.prints(address)
    link = QuestionLink(narrow, wide, purpose, version, asked.clock())
    return f"/n/{asked.site.services.links.choice(link)}"


def to_of(mails: Iterable[EmailMessage]) -> list[str]:
    return sorted(str(mail["To"]) for mail in mails)


@asynccontextmanager
async def asking(database_url: str, folder: Path) -> AsyncIterator[Asked]:
    """Ada and Bo agreed to invitations in March 2026; nobody was asked anything yet."""
    clock = Clock()
    async with open_site(settings_for(database_url, folder), clock) as site:
        asked = Asked(site, folder)
        now, clock.now = clock.now, clock.now.replace(month=3)
        await asked.agree(ADA, BO)
        clock.now = now
        yield asked
