"""Double opt-in from end to end: asked by API, mailed over SMTP, confirmed in the mailbox, and provable."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import httpx2
import pytest

from prefcenter.mail.mailbox import Mailbox, ReceivedMail, run_mailbox
from prefcenter.mail.received import read_mail
from prefcenter.storage.keys import SCOPES
from tests.journeys.installation import Installation
from tests.journeys.processes import until
from tests.mail.smtp_servers import Answers, serving

BO = "bo@example.com"
WORDING = "Yes, send me the monthly newsletter."
EVIDENCE = {"wording": WORDING, "url": "https://example.com/sign-up", "ip": "192.0.2.7"}
REQUEST = {
    "subject": {"email": BO, "language": "en"},
    "purpose": "newsletter",
    "action": "request",
    "source": "form",
    "evidence": EVIDENCE,
}
LINK = re.compile(r"https?://\S+/c/\S+")


class Tool:
    """The shop's own program, with an API key that may do everything."""

    def __init__(self, client: httpx2.AsyncClient, key: str) -> None:
        self._client = client
        self._headers = {"authorization": f"Bearer {key}"}

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        response = await self._client.post(path, json=body, headers=self._headers)
        assert response.status_code == 200, response.text
        return response.json()

    async def request(self) -> Any:
        return (await self.post("/v1/choices", {"choices": [REQUEST]}))["results"][0]

    async def decision(self) -> Any:
        body = {"purpose": "newsletter", "recipients": [{"email": BO}]}
        return (await self.post("/v1/decisions", body))["decisions"][0]

    async def history(self) -> Any:
        subject = (await self.post("/v1/subjects/lookup", {"email": BO}))["subject"]["id"]
        response = await self._client.get(f"/v1/subjects/{subject}/history", headers=self._headers)
        return response.json()


@pytest.fixture
async def client(installation: Installation) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=installation.base_url, trust_env=False) as made:
        yield made


async def open_shop(installation: Installation, client: httpx2.AsyncClient, smtp_url: str) -> Tool:
    """SQLite: everything in one process. PostgreSQL: a web process and a worker."""
    installation.more_environ = {
        "PREFCENTER_SMTP_URL": smtp_url,
        "PREFCENTER_MAIL_FROM": "Example Ltd <news@example.com>",
    }
    if installation.embedded:
        await installation.serve()
    else:
        await installation.run("apply")
        await installation.serve("--no-worker")
        await installation.work()
    scopes = [argument for scope in SCOPES for argument in ("--scope", scope)]
    key = (await installation.run("keys", "create", "shop", *scopes)).strip()
    return Tool(client, key)


async def arrived(mailbox: Mailbox) -> ReceivedMail:
    async def is_there() -> bool:
        return bool(mailbox.mails)

    await until(is_there, "the mail arrives")
    [mail] = mailbox.mails
    return mail


async def test_a_request_becomes_a_yes_that_can_be_proved(
    installation: Installation, client: httpx2.AsyncClient
) -> None:
    async with run_mailbox() as running:
        shop = await open_shop(installation, client, running.smtp_url)
        before = datetime.now(UTC)
        assert (await shop.request())["effect"] == "pending"
        mail = await arrived(running.mailbox)
    # A person waits for it: it goes out at once, not with the next look at the queue.
    assert mail.to == (BO,) and mail.sender == "news@example.com"
    assert "on a form at example.com, somebody asked" in mail.text and WORDING not in mail.text
    [url] = LINK.findall(mail.text)

    for method in ("HEAD", "GET", "GET"):
        looked = await client.request(method, url)
        assert looked.status_code == 200
    assert (await shop.decision())["reason"] == "requested"

    [shown_seq] = re.findall(r'name="shown_seq" value="(\d+)"', looked.text)
    confirmed = await client.post(url, data={"shown_seq": shown_seq}, headers={"user-agent": "A Browser"})
    assert confirmed.status_code == 200 and "You have confirmed" in confirmed.text

    decision = await shop.decision()
    assert (decision["allowed"], decision["reason"], decision["proof"]) == (True, "consent", "confirmed")
    history = await shop.history()
    asked, given = history["entries"][-2:]
    assert (asked["action"], given["action"], given["source"]) == ("request", "give", "confirmation")
    evidence = given["evidence"]
    assert evidence["request"] == asked["entry"]
    requested_at, confirmed_at = (
        datetime.fromisoformat(evidence[name]) for name in ("requested_at", "confirmed_at")
    )
    assert before <= requested_at < confirmed_at <= datetime.now(UTC)
    assert evidence["mail_sha256"] == sha256(mail.raw).hexdigest()
    assert (evidence["ip"], evidence["user_agent"]) == ("127.0.0.1", "A Browser")
    assert evidence["wording"] == asked["evidence"]["wording"]
    assert asked["evidence"]["ip"] == "192.0.2.7"
    assert "0 problems" in await installation.run("verify")
    assert BO not in installation.output and url.rpartition("/")[2][:20] not in installation.output


async def test_a_worker_that_is_killed_once_the_mail_was_taken_sends_the_same_one_again(
    installation: Installation, client: httpx2.AsyncClient
) -> None:
    answers = Answers()
    async with serving(answers) as port:
        shop = await open_shop(installation, client, f"smtp://127.0.0.1:{port}")
        await shop.request()

        async def number(wanted: int) -> None:
            async def are_there() -> bool:
                return len(answers.envelopes) == wanted

            await until(are_there, f"{wanted} mails taken")

        await number(1)
        await installation.end()
        # As if it had been killed before it could write down that the server took it.
        await installation.rows("UPDATE mail SET state = 'pending', next_at = 0, ended_at = NULL")
        if installation.embedded:
            await installation.serve()
        else:
            await installation.serve("--no-worker")
            await installation.work()
        await number(2)

    first, second = (envelope.content for envelope in answers.envelopes)
    assert first == second and b"Message-ID: <" in first
    [url] = LINK.findall(read_mail(id="1", to=(), sender="", raw=first, now=datetime.now(UTC)).text)
    [shown_seq] = re.findall(r'name="shown_seq" value="(\d+)"', (await client.get(url)).text)
    await client.post(url, data={"shown_seq": shown_seq})
    assert (await shop.decision())["proof"] == "confirmed"
