"""A real Chromium, and what must hold on every page that is looked at with it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright, expect

SCREENS = Path(__file__).parent.parent / "screens"
FLAGS = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update "
    "--disable-sync --no-first-run"
).split()
RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = {"wide": 1280, "narrow": 360}
SMALLEST_TARGET = 44

# A busy machine is no bug.
expect.set_options(timeout=30_000)


@asynccontextmanager
async def open_browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        await browser.close()


@asynccontextmanager
async def visit(browser: Browser, **options: Any) -> AsyncIterator[Page]:
    context = await browser.new_context(**options)
    try:
        yield await context.new_page()
    finally:
        await context.close()


async def look(page: Page, name: str) -> None:
    """What must hold on every page: axe finds nothing, nothing is cut off, targets are large enough."""
    SCREENS.mkdir(exist_ok=True)
    await page.wait_for_load_state("load")
    await page.screenshot(path=SCREENS / f"{name}.png", full_page=True)
    found = await Axe().run(page, options={"runOnly": RULES})
    assert found.response["violations"] == [], found.generate_report()
    overflow = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0, f"{name}: {overflow} px stick out"
    small = await page.evaluate(
        """smallest => [...document.querySelectorAll('button, label, a, summary')]
           .filter(e => !e.closest('li') && e.getBoundingClientRect().height < smallest)
           .map(e => e.outerHTML)""",
        SMALLEST_TARGET,
    )
    assert small == [], f"{name}: targets below {SMALLEST_TARGET} px"
