"""A third party is added to a purpose: people are asked by mail, decide on a page, and everybody obeys."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.async_api import Browser, Page, expect

from prefcenter.mail.mailbox import ReceivedMail, RunningMailbox, press_unsubscribe, run_mailbox
from prefcenter.storage.keys import SCOPES
from tests.browsing import WIDTHS, look, open_browser, visit
from tests.journeys.installation import Installation
from tests.journeys.processes import until

ADA, BO, CY = "ada@example.com", "bo@example.com", "cy@example.com"
PAGE = re.compile(r"http://[^\s]+/n/\S+")


@dataclass
class Mailing(Installation):
    """With a mailbox that its mails go to."""

    smtp_url: str = ""

    @property
    def environ(self) -> dict[str, str]:
        return {**super().environ, "PREFCENTER_SMTP_URL": self.smtp_url}

    def add_a_third_party(self) -> None:
        path = self.folder / "prefcenter.toml"
        old = "double_opt_in = false "
        assert path.read_text().count(old) == 1
        path.write_text(path.read_text().replace(old, f'recipients = ["partner-inc"]\n{old}'))

    async def start_all(self) -> None:
        if self.embedded:
            await self.serve()
        else:
            await self.run("apply")
            await self.serve("--no-worker")
            await self.work()


class Tool:
    """A marketing tool with an API key."""

    def __init__(self, client: httpx2.AsyncClient, key: str) -> None:
        self._client = client
        self._headers = {"authorization": f"Bearer {key}"}

    async def said_yes(self, *addresses: str) -> None:
        yes = {"purpose": "events", "action": "give", "source": "form", "evidence": {"wording": "Invite me."}}
        choices = [{"subject": {"email": one}, **yes} for one in addresses]
        answer = await self._client.post("/v1/choices", json={"choices": choices}, headers=self._headers)
        assert answer.status_code == 200, answer.text

    async def decision(self, address: str, **more: Any) -> dict[str, Any]:
        body = {"purpose": "events", "recipients": [{"email": address}], **more}
        answer = await self._client.post("/v1/decisions", json=body, headers=self._headers)
        found: dict[str, Any] = answer.json()["decisions"][0]
        return found

    async def campaigns(self) -> list[dict[str, Any]]:
        answer = await self._client.get("/v1/campaigns", headers=self._headers)
        found: list[dict[str, Any]] = answer.json()["campaigns"]
        return found


@pytest.fixture
async def inbox() -> AsyncIterator[RunningMailbox]:
    async with run_mailbox() as running:
        yield running


@pytest.fixture
async def mailing(database_url: str, tmp_path: Path, inbox: RunningMailbox) -> AsyncIterator[Mailing]:
    made = Mailing(tmp_path, database_url, smtp_url=inbox.smtp_url)
    try:
        yield made
    finally:
        await made.end()


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with open_browser(chromium) as opened:
        yield opened


async def test_people_decide_on_a_third_party_before_it_gets_anything(
    mailing: Mailing, inbox: RunningMailbox, browser: Browser
) -> None:
    await mailing.start_all()
    scopes = [argument for scope in SCOPES for argument in ("--scope", scope)]
    key = (await mailing.run("keys", "create", "shop", *scopes)).strip()
    async with httpx2.AsyncClient(base_url=mailing.base_url, trust_env=False) as client:
        tool = Tool(client, key)
        await tool.said_yes(ADA, BO, CY)
        mailing.add_a_third_party()
        assert "material" in await mailing.run("apply")
        assert "would mail 3" in await mailing.run("ask", "events", "--dry-run")
        assert "asked    0 (3 to be mailed" in await mailing.run("ask", "events", "--per-minute", "6000")
        mails = await arrive(inbox, 3)
        for address in (ADA, BO, CY):
            for_partner = await tool.decision(address, recipient="partner-inc")
            assert (for_partner["allowed"], for_partner["reason"]) == (False, "choice_pending")

        await answers(browser, mails[ADA], "Yes, change it like this", "You said yes")
        decision = await tool.decision(ADA, recipient="partner-inc")
        assert (decision["allowed"], decision["version"], decision["proof"]) == (True, 2, "link")

        await answers(browser, mails[BO], "No, do not change it", "You said no")
        decision = await tool.decision(BO)
        assert (decision["allowed"], decision["version"], decision["pending_version"]) == (True, 1, 2)
        assert (await tool.decision(BO, recipient="partner-inc"))["reason"] == "choice_pending"

        assert await press_unsubscribe(mails[CY], client) == 200, "the mail's own one-click"
        assert (await tool.decision(CY))["reason"] == "withdrawn"

        [campaign] = await tool.campaigns()
        figures = {name: campaign[name] for name in ("asked", "yes", "no", "later", "silent", "queued")}
        assert figures == {"asked": 3, "yes": 1, "no": 1, "later": 0, "silent": 1, "queued": 0}
        assert "yes      1" in await mailing.run("ask", "events")
        assert len(inbox.mailbox.mails) == 3
        assert "0 problems" in await mailing.run("verify")


async def arrive(inbox: RunningMailbox, number: int) -> dict[str, ReceivedMail]:
    async def there() -> bool:
        return len(inbox.mailbox.mails) >= number

    await until(there, f"{number} mails")
    return {mail.to[0]: mail for mail in inbox.mailbox.mails}


async def answers(browser: Browser, mail: ReceivedMail, button: str, outcome: str) -> None:
    """Open the page of the mail on a large and on a small screen, and press a button."""
    [url] = PAGE.findall(mail.text)
    for width, pixels in WIDTHS.items():
        async with visit(browser, viewport={"width": pixels, "height": 800}) as page:
            await page.goto(url)
            await looks_fair(page)
            await look(page, f"choice-{width}")
            if width == "narrow":
                await page.get_by_role("button", name=button).click()
                await expect(page.get_by_role("heading", name=outcome)).to_be_visible()
                await look(page, f"chosen-{'yes' if 'yes' in outcome else 'no'}-{width}")


async def looks_fair(page: Page) -> None:
    """Yes and no have the same size and look, and neither is chosen for anybody."""
    yes, no = page.get_by_role("button", name="Yes, "), page.get_by_role("button", name="No, ")
    sizes = await asyncio.gather(*(one.bounding_box() for one in (yes, no)))
    assert sizes[0] and sizes[1]
    assert (sizes[0]["width"], sizes[0]["height"]) == (sizes[1]["width"], sizes[1]["height"])
    look_of = (
        "e => [getComputedStyle(e).font, getComputedStyle(e).color, getComputedStyle(e).backgroundColor]"
    )
    assert await yes.evaluate(look_of) == await no.evaluate(look_of)
    assert await page.locator("input:checked").count() == 0
