"""The pages in a real browser: every path by mouse and by keyboard, wide and narrow, light and dark."""

from typing import Any

import pytest
from playwright.async_api import Browser, expect

from prefcenter.domain.choices import Action
from prefcenter.storage.database import StorageUnavailable
from tests.browsing import WIDTHS, look, visit
from tests.web.site import Site


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
@pytest.mark.parametrize("width", WIDTHS)
async def test_a_person_unsubscribes_and_undoes_it(
    lite_site: Site, browser: Browser, width: str, scripts: bool
) -> None:
    options = {"viewport": {"width": WIDTHS[width], "height": 800}, "java_script_enabled": scripts}
    async with visit(browser, **options) as page:
        await page.goto(lite_site.url + lite_site.stop_path())
        await expect(page.get_by_text("a•••@example.com")).to_be_visible()
        assert (await lite_site.decision()).allowed
        await page.get_by_role("button", name="Stop this mail").click()
        await expect(page).to_have_title("You are unsubscribed – Example Ltd")
        assert (await lite_site.decision()).reason == "withdrawn"
        await page.get_by_role("button", name="Undo").click()
        await expect(page.get_by_role("heading", name="Your unsubscription is undone")).to_be_visible()
        assert (await lite_site.decision()).allowed


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
@pytest.mark.parametrize("width", WIDTHS)
async def test_a_person_changes_their_choices(
    lite_site: Site, browser: Browser, width: str, scripts: bool
) -> None:
    options = {"viewport": {"width": WIDTHS[width], "height": 800}, "java_script_enabled": scripts}
    async with visit(browser, **options) as page:
        await page.goto(lite_site.url + lite_site.manage_path())
        offers = page.get_by_role("group", name="Offers for customers")
        await expect(offers.get_by_label("Yes, send me this")).to_be_checked()
        # In sight without scrolling, on the smallest screen too.
        stop_all = await page.get_by_role("button", name="Stop all marketing").bounding_box()
        assert stop_all is not None and stop_all["y"] + stop_all["height"] < 800
        await offers.get_by_label("No, I object to this").check()
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("status")).to_contain_text(
            "Offers for customers: stopped, from now on."
        )
        assert (await lite_site.decision("offers")).reason == "objected"
        assert (await lite_site.decision("newsletter")).allowed
        await page.get_by_role("button", name="Stop all marketing").click()
        await expect(page.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
        assert (await lite_site.decision("newsletter")).reason == "all_marketing_stopped"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
async def test_every_page_is_accessible(
    lite_site: Site, browser: Browser, monkeypatch: pytest.MonkeyPatch, width: str, scheme: Any
) -> None:
    site = lite_site
    await site.said(Action.REFUSE, "partner-offers")
    viewport = {"width": WIDTHS[width], "height": 800}
    async with visit(browser, viewport=viewport, color_scheme=scheme) as page:

        async def shown(name: str) -> None:
            await look(page, f"{name}-{width}-{scheme}")

        await page.goto(site.url + site.manage_path())
        await shown("preferences")
        await page.goto(site.url + site.stop_path())
        await shown("unsubscribe")
        await page.get_by_role("button", name="Stop this mail").click()
        await shown("stopped")
        await page.get_by_role("button", name="Undo").click()
        await shown("undone")
        await page.goto(site.url + site.stop_path())
        await page.get_by_role("button", name="Stop all").click()
        await shown("stopped-all")
        await page.goto(site.url + site.manage_path())
        await page.get_by_role("group", name="Product newsletter").get_by_label("Yes").check()
        await page.get_by_role("button", name="Save").click()
        await shown("preferences-saved")
        await page.goto(site.url + site.manage_path("nobody@example.com"))
        await shown("stop-only")
        await page.goto(site.url + "/nowhere")
        await shown("not-found")
        monkeypatch.setattr(site.services.reader, "address_at", out_of_order)
        await page.goto(site.url + site.stop_path())
        await expect(page.get_by_role("heading", name="Not done yet")).to_be_visible()
        await shown("unavailable")


async def out_of_order(_: bytes) -> str | None:
    raise StorageUnavailable("gone")


@pytest.mark.parametrize("text", ["100%", "200%"])
async def test_the_pages_fit_320_pixels_at_any_size_of_text(
    lite_site: Site, browser: Browser, text: str
) -> None:
    async with visit(browser, viewport={"width": 320, "height": 600}) as page:
        for path in (lite_site.stop_path(), lite_site.manage_path(), "/nowhere"):
            await page.goto(lite_site.url + path)
            await page.evaluate("text => document.documentElement.style.fontSize = text", text)
            sticking_out = await page.evaluate(
                """[...document.querySelectorAll('body *')]
                   .filter(e => e.getBoundingClientRect().right > 320).map(e => e.outerHTML)"""
            )
            assert sticking_out == []


async def test_the_keyboard_alone_is_enough(lite_site: Site, browser: Browser) -> None:
    async with visit(browser) as page:
        await page.goto(lite_site.url + lite_site.stop_path())
        await page.keyboard.press("Tab")
        focused = page.locator(":focus")
        await expect(focused).to_have_text("Stop this mail")
        assert await focused.evaluate("e => parseFloat(getComputedStyle(e).outlineWidth)") >= 2
        await page.keyboard.press("Enter")
        await expect(page).to_have_title("You are unsubscribed – Example Ltd")


async def test_a_page_needs_two_small_requests_and_no_script(lite_site: Site, browser: Browser) -> None:
    async with visit(browser) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.resource_type))
        for path in (lite_site.stop_path(), lite_site.manage_path()):
            asked.clear()
            await page.goto(lite_site.url + path)
            assert set(asked) <= {"document", "stylesheet", "other"}
            assert asked.count("document") == 1
            assert await page.locator("script, [onclick], [style]").count() == 0
            assert await page.context.cookies() == []
