"""`/t/{token}`: a third party confirms that it acted, by pressing a button and in no other way."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, expect

from prefcenter.domain.choices import Action
from prefcenter.links import StopLink, TaskLink
from tests.browsing import WIDTHS, look, visit
from tests.web.site import ADA, Site

GONE = "This link does not work"


async def ended(site: Site) -> str:
    """Ada takes her yes to the partner's offers back; the path of the link that the partner is mailed."""
    await site.said(Action.GIVE, "partner-offers")
    site.clock.pass_by(minutes=2)
    await site.client.post(site.stop_path(purpose="partner-offers"), data={"stop": "purpose"})
    [(id_, *_)] = await tasks(site)
    return f"/t/{site.services.links.task(TaskLink(id_))}"


async def tasks(site: Site) -> list[tuple[Any, ...]]:
    async with site.services.database.read() as tx:
        return [tuple(row) for row in await tx.fetch("SELECT id, state, sealed FROM task")]


async def test_looking_confirms_nothing_and_the_button_does_once(site: Site) -> None:
    path = await ended(site)
    for method in ("GET", "HEAD"):
        shown = await site.client.request(method, path)
        assert shown.status_code == 200
    assert (await tasks(site))[0][1] == "open"
    shown = await site.client.get(path)
    for words in ("Partner Inc", "a•••@example.com", "Yes, we have acted", "withdrew their consent"):
        assert words in shown.text
    assert ADA not in shown.text and "Product newsletter" not in shown.text

    done = await site.client.post(path)
    assert done.status_code == 200 and "confirmed this on" in done.text
    assert [row[1:] for row in await tasks(site)] == [("confirmed", None)]
    site.clock.pass_by(days=3)
    assert (await site.client.post(path)).text == done.text == (await site.client.get(path)).text
    assert "<form" not in done.text


async def test_the_page_says_what_holds_by_now(lite_site: Site) -> None:
    path = await ended(lite_site)
    assert "allowed it again" not in (await lite_site.client.get(path)).text
    lite_site.clock.pass_by(days=1)
    await lite_site.said(Action.GIVE, "partner-offers")
    assert "By now the person has allowed it again" in (await lite_site.client.get(path)).text


async def test_whatever_is_no_link_of_ours_gets_one_answer(lite_site: Site) -> None:
    path = await ended(lite_site)
    links, wide = lite_site.services.links, lite_site.prints(ADA).wide
    nowhere = (await lite_site.client.get("/nowhere")).text
    others = [links.task(TaskLink("0" * 32)), links.stop(StopLink(wide, "partner-offers"))]
    for token in (path[3:-1], path[3:] + "A", f"{path[3:]}=", "x", "%00", *others):
        for method in ("GET", "POST"):
            answer = await lite_site.client.request(method, f"/t/{token}")
            assert (answer.status_code, answer.text) == (404, nowhere), token
    assert GONE in nowhere
    assert (await tasks(lite_site))[0][1] == "open"


async def test_the_page_works_though_the_key_of_the_address_is_gone(lite_site: Site) -> None:
    path = await ended(lite_site)
    async with lite_site.services.database.write() as tx:
        await tx.fetch("UPDATE task SET sealed = $1", b"sealed by nobody we know")
    assert "•••" not in (await lite_site.client.get(path)).text
    assert "confirmed this on" in (await lite_site.client.post(path)).text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
async def test_the_page_is_accessible_and_its_button_works(
    lite_site: Site, browser: Browser, width: str, scheme: Any
) -> None:
    path = await ended(lite_site)
    lite_site.clock.pass_by(days=1)
    await lite_site.said(Action.GIVE, "partner-offers")
    viewport = {"width": WIDTHS[width], "height": 800}
    async with visit(browser, viewport=viewport, color_scheme=scheme, java_script_enabled=True) as page:
        await page.goto(lite_site.url + path)
        await expect(page).to_have_title("Confirm that you acted – Example Ltd")
        await look(page, f"task-{width}-{scheme}")
        await page.get_by_role("button", name="Yes, we have acted").click()
        await expect(page.get_by_role("heading", name="Confirmed")).to_be_visible()
        await look(page, f"task-confirmed-{width}-{scheme}")
    assert (await tasks(lite_site))[0][1] == "confirmed"


async def test_the_page_fits_320_pixels_and_the_keyboard_alone_is_enough(
    lite_site: Site, browser: Browser
) -> None:
    path = await ended(lite_site)
    async with visit(browser, viewport={"width": 320, "height": 600}, java_script_enabled=False) as page:
        await page.goto(lite_site.url + path)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320
        await page.keyboard.press("Tab")
        await expect(page.locator(":focus")).to_have_text("Yes, we have acted")
        await page.keyboard.press("Enter")
        await expect(page).to_have_title("Confirmed – Example Ltd")
