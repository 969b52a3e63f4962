"""The page of a question in a real browser: every state of it, wide and narrow, light and dark."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from prefcenter.domain.campaign_words import CampaignKind
from prefcenter.links import QuestionLink
from tests.browsing import WIDTHS, look, visit
from tests.databases import sqlite_copy
from tests.use_cases.campaigns import MORE_OFFERS, NEW, PARTNER, Asked, asking, path_in
from tests.web.site import ADA

CHANGED = (
    ("events", 'channels = ["email"]', 'channels = ["email", "sms"]'),
    ("events", 'data = ["email", "name"]', 'data = ["email", "purchases"]'),
    PARTNER,
)


@pytest.fixture
async def asked(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Asked]:
    async with asking(sqlite_copy(sqlite_template, tmp_path), tmp_path) as made:
        yield made


async def asked_by_mail(asked: Asked, purpose: str, kind: CampaignKind = CampaignKind.ASK) -> str:
    asked.clock.pass_by(days=100)
    mails = {str(mail["To"]): mail for mail in await asked.mailed(purpose, kind=kind)}
    return asked.site.url + path_in(mails[ADA])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
async def test_every_state_of_the_question_is_accessible(
    asked: Asked, browser: Browser, width: str, scheme: Any
) -> None:
    await asked.is_customer()
    await asked.apply(*CHANGED, MORE_OFFERS, NEW)
    viewport = {"width": WIDTHS[width], "height": 800}
    async with visit(browser, viewport=viewport, color_scheme=scheme) as page:

        async def shown(name: str) -> None:
            await look(page, f"{name}-{width}-{scheme}")

        await page.goto(asked.site.url + asked.site.manage_path())
        await expect(page.get_by_role("heading", name="Something new to decide")).to_be_visible()
        await shown("preferences-with-questions")
        await page.goto(await asked_by_mail(asked, "events"))
        await shown("choice-change")
        await press(page, "Not now, I will decide later", "Nothing is decided yet")
        await shown("chosen-later")
        await press(page, "Yes, change it like this", "You said yes")
        await shown("chosen-yes")
        await press(page, "No, do not change it", "You said no")
        await shown("chosen-no")
        await page.goto(await asked_by_mail(asked, "courses"))
        await shown("choice-new")
        await page.goto(await asked_by_mail(asked, "offers", CampaignKind.NOTICE))
        await shown("choice-notice")
        await press(page, "OK, I have read this", "Thank you for reading it")
        await shown("chosen-seen")
        await press(page, "No, do not change it", "You said no")
        await shown("chosen-notice-no")
        await page.goto(asked.site.url + asked.site.manage_path())
        await shown("preferences-decided")
        await retire(asked, "courses")
        await page.goto(asked.site.url + link_to(asked, "courses"))
        await shown("choice-closed")


async def press(page: Page, button: str, heading: str) -> None:
    await page.get_by_role("button", name=button).click()
    await expect(page.get_by_role("heading", name=heading)).to_be_visible()


async def retire(asked: Asked, purpose: str) -> None:
    path = asked.folder / "prefcenter.toml"
    text = path.read_text()
    start = text.index(f"[purposes.{purpose}]")
    end = text.index("[purposes.", start + 1)
    path.write_text(text[:start] + text[end:])
    await asked.apply()


def link_to(asked: Asked, purpose: str) -> str:
    narrow, wide = asked.site.prints(ADA)
    link = QuestionLink(narrow, wide, purpose, 1, asked.clock())
    return f"/n/{asked.site.services.links.choice(link)}"


async def test_the_keyboard_reaches_both_answers_before_anything_else(asked: Asked, browser: Browser) -> None:
    await asked.apply(PARTNER)
    async with visit(browser) as page:
        await page.goto(await asked_by_mail(asked, "events"))
        for name in ("Yes, change it like this", "No, do not change it", "Not now, I will decide later"):
            await page.keyboard.press("Tab")
            await expect(page.locator(":focus")).to_have_text(name)
        await page.keyboard.press("Shift+Tab")
        await page.keyboard.press("Enter")
        await expect(page).to_have_title("You said no – Example Ltd")
    assert (await asked.decide(ADA)).version == 1


async def test_it_fits_320_pixels_at_twice_the_size_of_text(asked: Asked, browser: Browser) -> None:
    await asked.apply(*CHANGED)
    async with visit(browser, viewport={"width": 320, "height": 600}) as page:
        await page.goto(await asked_by_mail(asked, "events"))
        assert await page.locator("script, [onclick], [style]").count() == 0
        await page.evaluate("document.documentElement.style.fontSize = '200%'")
        sticking_out = await page.evaluate(
            """[...document.querySelectorAll('body *')]
               .filter(e => e.getBoundingClientRect().right > 320).map(e => e.outerHTML)"""
        )
        assert sticking_out == []
