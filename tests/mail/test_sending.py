"""The contract of a sender, kept alike by the recording one and by SMTP to a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest

from prefcenter.mail.errors import MailError, SendError
from prefcenter.mail.message import ListUnsubscribe, compose
from prefcenter.mail.recording import RecordingSender
from prefcenter.mail.sender import Sender
from prefcenter.mail.smtp import SmtpSender
from tests.mail.mails import a_newsletter
from tests.mail.smtp_servers import Answers, serving


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A sender, what arrived through it, and a way to have the next mail refused."""

    sender: Sender
    arrived: Callable[[], list[EmailMessage]]
    refuse_next: Callable[[int], None]


@asynccontextmanager
async def recording() -> AsyncIterator[Desk]:
    sender = RecordingSender()

    def refuse(code: int) -> None:
        sender.fail_next(SendError("refused", permanent=code >= 500, code=code))

    yield Desk(sender=sender, arrived=lambda: sender.sent, refuse_next=refuse)


@asynccontextmanager
async def smtp() -> AsyncIterator[Desk]:
    answers = Answers()

    def arrived() -> list[EmailMessage]:
        return [message_from_bytes(one.content, EmailMessage, policy=default) for one in answers.envelopes]

    def refuse(code: int) -> None:
        answers.planned["DATA"].append(f"{code} no")

    async with serving(answers) as port:
        sender = SmtpSender.from_url(f"smtp://127.0.0.1:{port}", timeout=5)
        yield Desk(sender=sender, arrived=arrived, refuse_next=refuse)


@pytest.fixture(params=[recording, smtp])
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    async with request.param() as made:
        yield made


async def test_what_is_sent_arrives_with_all_its_headers(desk: Desk) -> None:
    how = ListUnsubscribe(
        url="https://prefs.example.com/u/" + "t" * 300, mailto="stop@example.com", token="t" * 300
    )
    message = compose(a_newsletter(subject="Größe, " * 30, list_unsubscribe=how))
    await desk.sender.send(message)
    (mail,) = desk.arrived()
    assert {name: str(mail[name]) for name in ("Subject", "From", "To", "List-Unsubscribe", "List-ID")} == {
        name: str(message[name]).replace('"Example Ltd"', "Example Ltd")
        for name in ("Subject", "From", "To", "List-Unsubscribe", "List-ID")
    }


async def test_mails_arrive_in_the_order_they_were_sent(desk: Desk) -> None:
    for number in ("one", "two", "three"):
        await desk.sender.send(compose(a_newsletter(subject=number)))
    assert [mail["Subject"] for mail in desk.arrived()] == ["one", "two", "three"]


async def test_an_address_beyond_ascii_gets_its_mail(desk: Desk) -> None:
    await desk.sender.send(compose(a_newsletter(to="αδα@example.com")))
    assert [mail["To"] for mail in desk.arrived()] == ["αδα@example.com"]


@pytest.mark.parametrize(("code", "permanent"), [(451, False), (554, True)])
async def test_a_refused_mail_did_not_arrive_and_says_whether_to_try_again(
    desk: Desk, code: int, permanent: bool
) -> None:
    desk.refuse_next(code)
    with pytest.raises(SendError) as refused:
        await desk.sender.send(compose(a_newsletter()))
    assert (refused.value.permanent, refused.value.code) == (permanent, code)
    assert not refused.value.misconfigured
    assert desk.arrived() == []


async def test_after_a_refusal_the_next_mail_goes_through(desk: Desk) -> None:
    desk.refuse_next(451)
    with pytest.raises(SendError):
        await desk.sender.send(compose(a_newsletter()))
    await desk.sender.send(compose(a_newsletter()))
    assert len(desk.arrived()) == 1


@pytest.mark.parametrize("missing", ["To", "From"])
async def test_a_mail_to_nobody_or_from_nobody_is_our_mistake(desk: Desk, missing: str) -> None:
    message = compose(a_newsletter())
    del message[missing]
    with pytest.raises(MailError, match=missing):
        await desk.sender.send(message)
    assert desk.arrived() == []
