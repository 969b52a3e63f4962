"""Requests that wait to be confirmed, and the mails that ask for it, on a site with a clock of its own."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from msgspec.structs import replace

from prefcenter.domain.choices import Action, Choice, Source
from prefcenter.mail.recording import RecordingSender
from prefcenter.mail.render import Templates, shipped_templates
from prefcenter.storage.mail_queue import MailQueue
from prefcenter.storage.reading import HistoryItem
from prefcenter.storage.units import ChoiceItem, FactsItem, Result, Unit, ref_of
from prefcenter.storage.verify import verify
from prefcenter.use_cases.composers import COMPOSERS
from prefcenter.use_cases.confirming import confirmations
from prefcenter.use_cases.record_choices import record
from prefcenter.worker.mails import Mails
from tests.web.site import Site

BO = "bo@example.com"
LINK = re.compile(r"https?://[^\s/]+(/c/\S+)")
SHOWN_SEQ = re.compile(r'name="shown_seq" value="(\d+)"')
FORM = {"url": "https://example.com/sign-up?from=ad", "wording": "Send me the monthly news."}


@dataclass
class Postbox:
    """A worker's mails on a site, each sent when `deliver` is called."""

    site: Site
    sender: RecordingSender = field(default_factory=RecordingSender)

    @property
    def mails(self) -> list[EmailMessage]:
        return self.sender.sent

    def worker(self) -> Mails:
        services = self.site.services
        templates = Templates([shipped_templates()])
        queue = MailQueue(services.database)
        return Mails(services, templates, queue, self.sender, COMPOSERS, self.site.clock)

    async def deliver(self) -> list[EmailMessage]:
        """Send what is due; the mails that went out by that."""
        before = len(self.mails)
        worker = self.worker()
        while await worker.start_due():
            await worker.drain(10)
        return self.mails[before:]

    async def link(self) -> str:
        """The path of the confirmation that was mailed just now."""
        [mail] = await self.deliver()
        return link_of(mail)

    async def states(self) -> dict[str, int]:
        return (await MailQueue(self.site.services.database).counts()).get("confirm", {})


async def request(site: Site, purpose: str = "newsletter", address: str = BO, **more: Any) -> Result:
    return (await request_all(site, [purpose], address, **more))[0]


async def request_all(
    site: Site,
    purposes: list[str],
    address: str = BO,
    *,
    source: Source = Source.FORM,
    evidence: Mapping[str, Any] = FORM,
    facts: Mapping[str, Any] | None = None,
    external_id: str | None = None,
) -> tuple[Result, ...]:
    """As `/v1/choices` does with action "request"."""
    ref = replace(ref_of(site.prints(address), address, create=True), external_id=external_id)
    items = [
        ChoiceItem(
            ref=ref,
            choice=Choice(
                action=Action.REQUEST,
                source=source,
                purpose=purpose,
                channel="email",
                wording=evidence.get("wording"),
            ),
            evidence=evidence,
        )
        for purpose in purposes
    ]
    said = [FactsItem(ref=ref, facts=facts)] if facts else []
    outcome = await record(site.services, facts=said, choices=items, now=site.clock())
    return outcome.results


async def recorded(
    site: Site, action: Action, purpose: str, address: str = BO, source: Source = Source.FORM
) -> Result:
    """Past what the API refuses by itself, as another process with another catalog may record it."""
    ref = ref_of(site.prints(address), address, create=True)
    now = site.clock()
    head = await site.head()
    choice = Choice(action=action, source=source, purpose=purpose, channel="email", shown_seq=head)
    item = ChoiceItem(ref=ref, choice=choice)
    unit = Unit(now=now, choices=(item,), companions=confirmations([item], now))
    return (await site.services.journal.record(unit)).results[0]


def link_of(mail: EmailMessage) -> str:
    """The one link of a confirmation, the same in both forms of the mail."""
    found = {LINK.findall(part)[0] for part in bodies(mail)}
    [link] = found
    return str(link)


def bodies(mail: EmailMessage) -> list[str]:
    text, page = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None and page is not None
    return [text.get_content(), html.unescape(re.sub(r'["<]', " ", page.get_content()))]


async def confirm(site: Site, path: str, **fields: str) -> str:
    """Open the page and press its button; what it answers."""
    shown = await site.client.get(path)
    assert shown.status_code == 200
    answer = await site.client.post(path, data={"shown_seq": SHOWN_SEQ.findall(shown.text)[0], **fields})
    assert answer.status_code == 200, answer.text
    return answer.text


async def history(site: Site, address: str = BO) -> list[HistoryItem]:
    person = (await site.services.reader.people_at([site.prints(address)]))[0]
    return await site.services.reader.history([site.prints(address).wide], person.subject)


async def problems(site: Site) -> list[str]:
    services = site.services
    return await verify(services.database, services.catalogs, services.vault)
