"""The main job from end to end: a yes, a mail, one click, and everybody obeys."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from prefcenter.mail.mailbox import press_unsubscribe, run_mailbox
from prefcenter.mail.message import ListUnsubscribe, OutgoingEmail, compose, new_message_id
from prefcenter.mail.smtp import SmtpSender
from prefcenter.storage.keys import SCOPES
from tests.journeys.installation import Installation
from tests.journeys.processes import Process
from tests.journeys.receiver import Receiver

ADA = "ada@example.com"
WORDING = "Yes, send me the monthly newsletter."


class Tool:
    """A marketing tool with an API key."""

    def __init__(self, client: httpx2.AsyncClient, key: str) -> None:
        self._client = client
        self._key = key

    async def post(self, path: str, body: dict[str, Any], status: int = 200) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self._key}"}
        response = await self._client.post(path, json=body, headers=headers)
        assert response.status_code == status, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def decision(self, address: str) -> dict[str, Any]:
        body = {"purpose": "newsletter", "recipients": [{"email": address}]}
        answer: dict[str, Any] = (await self.post("/v1/decisions", body))["decisions"][0]
        return answer


async def start(installation: Installation) -> list[Process]:
    """SQLite: everything in one process. PostgreSQL: a web process and a worker."""
    if installation.embedded:
        return [await installation.serve()]
    return [await installation.serve("--no-worker"), await installation.work()]


def newsletter(link: dict[str, Any]) -> OutgoingEmail:
    return OutgoingEmail(
        to=f"Ada <{ADA}>",
        subject="What is new",
        text=f"News.\n\nUnsubscribe: {link['unsubscribe_url']}\n",
        html=f'<p>News.</p><p><a href="{link["unsubscribe_url"]}">Unsubscribe</a></p>',
        sender="Example <news@example.com>",
        message_id=new_message_id("example.com"),
        date=datetime.now(UTC),
        list_unsubscribe=ListUnsubscribe(url=link["unsubscribe_url"]),
        list_id=link["headers"]["List-ID"],
        feedback_id=link["headers"]["Feedback-ID"],
    )


@pytest.fixture
async def client(installation: Installation) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=installation.base_url, trust_env=False) as made:
        yield made


async def test_one_click_in_a_mail_stops_it_for_good_and_the_tools_hear_of_it(
    installation: Installation, receiver: Receiver, client: httpx2.AsyncClient
) -> None:
    if not installation.embedded:
        await installation.run("apply")
    scopes = [argument for scope in SCOPES for argument in ("--scope", scope)]
    processes = await start(installation)
    key = (await installation.run("keys", "create", "shop", *scopes)).strip()
    tool = Tool(client, key)

    webhook = await tool.post(
        "/v1/webhooks",
        {"url": receiver.url, "events": ["choice.recorded", "standing.changed"], "description": "Shop"},
        201,
    )
    yes = {"subject": {"email": ADA}, "purpose": "newsletter", "action": "give", "source": "form"}
    said = await tool.post("/v1/choices", {"choices": [{**yes, "evidence": {"wording": WORDING}}]})
    assert said["results"][0]["standing"]["allowed"] is True
    assert (await tool.decision(ADA))["reason"] == "consent"

    links = await tool.post("/v1/links", {"purpose": "newsletter", "recipients": [{"email": ADA}]})
    async with run_mailbox() as inbox:
        await SmtpSender.from_url(inbox.smtp_url).send(compose(newsletter(links["links"][0])))
        [mail] = inbox.mailbox.mails
    assert mail.to == (ADA,)
    assert dict(mail.headers)["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"

    await receiver.has_heard(2)  # of the yes
    clicked = datetime.now(UTC)
    assert await press_unsubscribe(mail, client) == 200
    decision = await tool.decision(ADA)
    assert (decision["allowed"], decision["reason"]) == (False, "withdrawn")

    await receiver.has_heard(4)
    told = [
        (one, Webhook(webhook["secret"]).verify(one.body.decode(), one.headers)) for one in receiver.heard
    ]
    stop = next((one, event) for one, event in told if event["data"].get("action") == "withdraw")
    assert stop[0].at - clicked < timedelta(seconds=1)
    assert stop[1]["data"]["subject"]["email"] == ADA
    newest = max((event for _, event in told if "version" in event["data"]), key=version)
    assert (newest["data"]["allowed"], newest["data"]["reason"]) == (False, "withdrawn")
    with pytest.raises(WebhookVerificationError):
        Webhook(webhook["secret"]).verify(stop[0].body.decode().replace(ADA, "b@c.de"), stop[0].headers)

    for process in processes:
        await process.stop()
    await start(installation)
    assert (await tool.decision(ADA))["reason"] == "withdrawn"
    assert "0 problems" in await installation.run("verify")


def version(event: dict[str, Any]) -> int:
    number: int = event["data"]["version"]
    return number
