"""The demo does what it says: real mails, a real one click, a signed webhook heard at once."""

import asyncio
import socket
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from prefcenter.demo.people import PEOPLE
from prefcenter.demo.run import PortTaken, run_demo
from prefcenter.mail.received import ReceivedMail
from tests.browsing import WIDTHS, look, visit
from tests.demo.conftest import Visited


def to(visited: Visited, purpose_title: str) -> set[str]:
    return {
        mail.to[0]
        for mail in visited.demo.mailbox.mails
        if any(purpose_title in value for name, value in mail.headers if name == "List-ID")
    }


async def heard(visited: Visited, words: str) -> str:
    """The tool's page once it shows `words`."""
    async with asyncio.timeout(30):
        while words not in (shown := (await visited.client.get("/demo/tool")).text):  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # the worker's own time
    return shown


async def test_only_people_who_may_be_mailed_get_the_mails(visited: Visited) -> None:
    yes = {"ada@example.com", "ben@example.org", "chika@example.net", "ines@example.net", "lin@example.net"}
    customers = {"ada@example.com", "chika@example.net", "dilara@example.com", "lin@example.net"}
    assert to(visited, "Product newsletter") == yes
    assert to(visited, "Offers for customers") == customers


async def test_the_button_does_a_real_one_click_and_the_tool_hears_of_it(visited: Visited) -> None:
    mail = next(m for m in visited.demo.mailbox.mails if m.to == ("ada@example.com",))
    shown = await visited.client.post(f"/demo/inbox/{mail.id}")
    assert "Unsubscribed: HTTP 200" in shown.text
    assert "<code>consent</code>" in shown.text and "<code>withdrawn</code>" in shown.text
    page = await heard(visited, "withdraw newsletter (one_click, applied)")
    assert "newsletter may not be sent (ConsentWithdrawn)" in page


async def test_the_tool_believes_no_unsigned_event(visited: Visited) -> None:
    for headers in ({}, {"webhook-id": "a", "webhook-timestamp": "1", "webhook-signature": "v1,eA=="}):
        answer = await visited.client.post("/demo/tool", content=b'{"type": "x"}', headers=headers)
        assert answer.status_code == 401
    assert "Nothing yet" in (await visited.client.get("/demo/tool")).text


async def test_the_start_page_has_the_key_that_works(visited: Visited) -> None:
    assert visited.demo.start.api_key in (await visited.client.get("/demo")).text
    answer = await visited.client.post(
        "/v1/decisions",
        headers={"authorization": f"Bearer {visited.demo.start.api_key}"},
        json={"purpose": "newsletter", "recipients": [{"email": person.email} for person in PEOPLE]},
    )
    assert sum(one["allowed"] for one in answer.json()["decisions"]) == 5


async def arrived(visited: Visited, subject: str, to: str) -> ReceivedMail:
    """That mail, once the worker has sent it."""
    async with asyncio.timeout(30):
        while True:
            for mail in visited.demo.mailbox.mails:
                if subject in mail.subject and mail.to == (to,):
                    return mail
            await asyncio.sleep(0.02)  # the worker's own time


async def may(visited: Visited, purpose: str, email: str) -> dict[str, Any]:
    answer = await visited.client.post(
        "/v1/decisions",
        headers={"authorization": f"Bearer {visited.demo.start.api_key}"},
        json={"purpose": purpose, "recipients": [{"email": email}]},
    )
    [decision] = answer.json()["decisions"]
    return dict(decision)


async def test_a_new_purpose_waits_for_answers_by_mail_and_on_the_start_page(
    visited: Visited, browser: Browser
) -> None:
    await arrived(visited, "Tips for your workshop", "ada@example.com")
    async with visit(browser) as page:
        await page.goto(visited.url + "/demo")
        await page.get_by_role("link", name="The question to Ada").click()
        await expect(page.get_by_role("heading", name="Tips for your workshop").first).to_be_visible()
        await look(page, "demo-question")
        assert (await may(visited, "workshop-tips", "ada@example.com"))["reason"] == "requested"
        await page.get_by_role("button", name="Yes").click()
        await expect(page.get_by_text("From now on “Tips for your workshop”")).to_be_visible()
        assert (await may(visited, "workshop-tips", "ada@example.com"))["reason"] == "consent"


async def test_a_sign_up_waits_to_be_confirmed_in_the_mailbox(visited: Visited, browser: Browser) -> None:
    mail = await arrived(visited, "Please confirm your request", "mika@example.org")
    assert (await may(visited, "newsletter", "mika@example.org"))["reason"] == "requested"
    async with visit(browser) as page:
        await page.goto(f"{visited.url}/demo/inbox/{mail.id}")
        await page.frame_locator("iframe").get_by_role("link").first.click()
        await page.get_by_role("button", name="Yes, confirm").click()
        await expect(page.get_by_role("heading", name="You have confirmed")).to_be_visible()
    decision = await may(visited, "newsletter", "mika@example.org")
    assert (decision["allowed"], decision["proof"]) == (True, "confirmed")


async def test_the_root_leads_to_the_start_page(visited: Visited) -> None:
    assert (await visited.client.get("/")).headers["location"] == "/demo"


@pytest.mark.parametrize("path", ["/demo/inbox/999", "/demo/inbox/x/html"])
async def test_a_mail_that_is_not_there_is_not_found(visited: Visited, path: str) -> None:
    assert (await visited.client.get(path)).status_code == 404


async def test_the_html_of_a_mail_runs_nothing(visited: Visited) -> None:
    answer = await visited.client.get("/demo/inbox/1/html")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_taken_port_is_named_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(PortTaken, match=f"--port {port + 1}"):
            run_demo(port)


@pytest.mark.parametrize(("width", "scheme"), [("wide", "light"), ("narrow", "light"), ("wide", "dark")])
async def test_a_newcomer_walks_through_the_demo(
    visited: Visited, browser: Browser, width: str, scheme: Any
) -> None:
    viewport = {"width": WIDTHS[width], "height": 800}
    async with visit(browser, viewport=viewport, color_scheme=scheme) as page:
        await page.goto(visited.url + "/demo")
        await look(page, f"demo-start-{width}-{scheme}")
        await page.get_by_role("link", name="Mailbox", exact=True).click()
        await look(page, f"demo-inbox-{width}-{scheme}")
        await page.get_by_role("link", name="What is new this month").first.click()
        await look(page, f"demo-mail-{width}-{scheme}")
        await page.get_by_role("button", name="Do what a mail program does").click()
        await expect(page.get_by_role("status")).to_contain_text("Unsubscribed: HTTP 200")
        await look(page, f"demo-pressed-{width}-{scheme}")
        await heard(visited, "withdraw newsletter")
        await page.get_by_role("link", name="What the marketing tool heard").click()
        await look(page, f"demo-tool-{width}-{scheme}")


async def test_a_link_in_the_mail_opens_its_page(visited: Visited, browser: Browser) -> None:
    async with visit(browser) as page:
        await page.goto(visited.url + "/demo/inbox/9")
        await page.frame_locator("iframe").get_by_role("link", name="Unsubscribe").click()
        await expect(page).to_have_title("Unsubscribe – Example Ltd")
        await page.get_by_role("button", name="Stop this mail").click()
        await expect(page).to_have_title("You are unsubscribed – Example Ltd")
