"""The confirmation pages in a real browser: with and without scripts, wide and narrow, light and dark."""

from typing import Any

import pytest
from playwright.async_api import Browser, expect

from prefcenter.catalog import parse
from prefcenter.domain.choices import Action
from prefcenter.starter import config_text
from tests.browsing import WIDTHS, look, visit
from tests.web.asking import BO, Postbox, request_all
from tests.web.site import Site


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
@pytest.mark.parametrize("width", WIDTHS)
async def test_a_person_confirms_what_they_asked_for(
    lite_site: Site, browser: Browser, width: str, scripts: bool
) -> None:
    await request_all(lite_site, ["newsletter", "partner-offers"])
    path = await Postbox(lite_site).link()
    options = {"viewport": {"width": WIDTHS[width], "height": 800}, "java_script_enabled": scripts}
    async with visit(browser, **options) as page:
        await page.goto(lite_site.url + path)
        await expect(page.get_by_text("b•••@example.com")).to_be_visible()
        assert not (await lite_site.decision(address=BO)).allowed
        await page.get_by_role("button", name="Yes, confirm").click()
        await expect(page).to_have_title("You have confirmed – Example Ltd")
        assert (await lite_site.decision(address=BO)).proof == "confirmed"
        await page.get_by_role("link", name="Your choices").click()
        await expect(page.get_by_role("heading", name="Your choices")).to_be_visible()
        await expect(
            page.get_by_role("group", name="Product newsletter").get_by_label("Yes, send me this")
        ).to_be_checked()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
async def test_every_page_of_it_is_accessible(
    lite_site: Site, browser: Browser, width: str, scheme: Any
) -> None:
    site, postbox = lite_site, Postbox(lite_site)
    await request_all(site, ["newsletter", "events", "partner-offers"])
    path = await postbox.link()
    viewport = {"width": WIDTHS[width], "height": 800}
    async with visit(browser, viewport=viewport, color_scheme=scheme) as page:

        async def shown(name: str) -> None:
            await look(page, f"{name}-{width}-{scheme}")

        await page.goto(site.url + path)
        await shown("confirm")
        await site.said(Action.REFUSE, "partner-offers", BO)
        await page.get_by_role("button", name="Yes, confirm").click()
        await expect(page.get_by_role("heading", name="You have confirmed")).to_be_visible()
        await shown("confirmed")

        await request_all(site, ["newsletter"], "other@example.com")
        stopped = await postbox.link()
        await page.goto(site.url + stopped)
        await site.said(Action.WITHDRAW, "newsletter", "other@example.com")
        await page.get_by_role("button", name="Yes, confirm").click()
        await expect(page.get_by_role("heading", name="Nothing was started")).to_be_visible()
        await shown("confirm-stopped")
        await page.goto(site.url + stopped)
        await expect(page.get_by_role("heading", name="Nothing to confirm")).to_be_visible()
        await shown("confirm-taken-back")

        await request_all(site, ["events"], "third@example.com")
        retired = await postbox.link()
        text = config_text()
        without = text[: text.index("[purposes.events]")] + text[text.index("[purposes.offers]") :]
        await site.services.catalogs.apply(parse(without), site.clock)
        await page.goto(site.url + retired)
        await expect(page.get_by_role("heading", name="Nothing to confirm")).to_be_visible()
        await shown("confirm-nothing")

        site.clock.pass_by(days=8)
        await page.goto(site.url + retired)
        await expect(page.get_by_role("heading", name="This link has run out")).to_be_visible()
        await shown("confirm-expired")


@pytest.mark.parametrize("text", ["100%", "200%"])
async def test_it_fits_320_pixels_at_any_size_of_text(lite_site: Site, browser: Browser, text: str) -> None:
    await request_all(lite_site, ["newsletter", "partner-offers"])
    path = await Postbox(lite_site).link()
    async with visit(browser, viewport={"width": 320, "height": 600}) as page:
        for step in ("asks", "has answered"):
            await page.goto(lite_site.url + path)
            if step == "has answered":
                await page.get_by_role("button", name="Yes, confirm").click()
            await page.evaluate("text => document.documentElement.style.fontSize = text", text)
            sticking_out = await page.evaluate(
                """[...document.querySelectorAll('body *')]
                   .filter(e => e.getBoundingClientRect().right > 320).map(e => e.outerHTML)"""
            )
            assert sticking_out == []


async def test_the_keyboard_alone_is_enough_and_no_script_or_cookie_is_needed(
    lite_site: Site, browser: Browser
) -> None:
    await request_all(lite_site, ["newsletter"])
    path = await Postbox(lite_site).link()
    async with visit(browser) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.resource_type))
        await page.goto(lite_site.url + path)
        assert set(asked) <= {"document", "stylesheet", "other"} and asked.count("document") == 1
        assert await page.locator("script, [onclick], [style]").count() == 0
        assert await page.context.cookies() == []
        await page.keyboard.press("Tab")
        await expect(page.locator(":focus")).to_have_text("Yes, confirm")
        await page.keyboard.press("Enter")
        await expect(page).to_have_title("You have confirmed – Example Ltd")
