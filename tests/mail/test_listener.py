"""The door for mail: a real LMTP and SMTP session on this machine."""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from prefcenter.mail.listener import is_ours, listening
from prefcenter.mail.parts import MOST_OCTETS
from tests.mail.samples import a_mail

STOP = "stop@example.com"


@dataclass
class Door:
    """Keeps what it is handed, or answers as planned."""

    port: int = 0
    taken: list[tuple[bytes, str]] = field(default_factory=list)
    planned: list[bool | Exception] = field(default_factory=list)

    async def take(self, raw: bytes, sender: str) -> bool:
        await asyncio.sleep(0)
        planned = self.planned.pop(0) if self.planned else True
        if isinstance(planned, Exception):
            raise planned
        if planned:
            self.taken.append((raw, sender))
        return planned


@asynccontextmanager
async def door(protocol: str) -> AsyncIterator[Door]:
    opened = Door()
    async with listening(protocol, "127.0.0.1", 0, STOP, opened.take) as opened.port:
        yield opened


async def talking(opened: Door, protocol: str, talk: Callable[[smtplib.SMTP], object]) -> Any:
    """In a thread, as smtplib waits."""

    def session() -> object:
        client: smtplib.SMTP
        if protocol == "lmtp":
            client = smtplib.LMTP("127.0.0.1", opened.port)
        else:
            client = smtplib.SMTP("127.0.0.1", opened.port)
        with client:
            return talk(client)

    return await asyncio.to_thread(session)


@pytest.mark.parametrize("protocol", ["lmtp", "smtp"])
async def test_a_mail_is_taken_byte_for_byte_with_its_envelope(protocol: str) -> None:
    raw = a_mail("stop\n.hidden\n\xe9\n" + "a" * 3000)
    async with door(protocol) as opened:
        refused = await talking(
            opened, protocol, lambda client: client.sendmail("ada@example.com", [STOP], raw)
        )
        await talking(opened, protocol, lambda client: client.sendmail("", [STOP], raw))
    assert refused == {}
    assert [(kept.rstrip(), sender) for kept, sender in opened.taken] == [
        (raw.rstrip(), "ada@example.com"),
        (raw.rstrip(), ""),
    ]


@pytest.mark.parametrize("protocol", ["lmtp", "smtp"])
async def test_nothing_is_relayed(protocol: str) -> None:
    def talk(client: smtplib.SMTP) -> object:
        client.ehlo_or_helo_if_needed()
        client.mail("ada@example.com")
        recipients = [
            "bo@example.com",
            "stopper@example.com",
            "stop@example.net",
            "STOP+nov@Example.com",
            "x",
        ]
        return [client.rcpt(one)[0] for one in recipients]

    async with door(protocol) as opened:
        assert await talking(opened, protocol, talk) == [550, 550, 550, 250, 550]
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            await talking(
                opened, protocol, lambda client: client.sendmail("a@b.example", ["c@d.example"], b"x")
            )
    assert opened.taken == []


async def test_lmtp_answers_for_each_recipient() -> None:
    def talk(client: smtplib.SMTP) -> object:
        client.ehlo_or_helo_if_needed()
        client.mail("ada@example.com")
        for recipient in (STOP, "stop+nov@example.com"):
            client.rcpt(recipient)
        first = client.data(a_mail("stop"))
        return [first[0], client.getreply()[0], client.noop()[0]]

    async with door("lmtp") as opened:
        assert await talking(opened, "lmtp", talk) == [250, 250, 250]
    assert len(opened.taken) == 1


@pytest.mark.parametrize("trouble", [False, RuntimeError("boom ada@example.com")])
async def test_what_cannot_be_kept_now_is_to_be_sent_again(trouble: bool | Exception) -> None:
    def talk(client: smtplib.SMTP) -> object:
        client.ehlo_or_helo_if_needed()
        answers = []
        for _ in range(2):
            client.mail("ada@example.com")
            client.rcpt(STOP)
            answers.append(client.data(a_mail("stop")))
            client.rset()
        return answers

    async with door("smtp") as opened:
        opened.planned = [trouble]
        first, second = await talking(opened, "smtp", talk)
    assert (first[0], second[0]) == (451, 250)
    assert b"ada" not in first[1]
    assert len(opened.taken) == 1


async def test_the_size_is_announced_and_more_is_refused() -> None:
    def talk(client: smtplib.SMTP) -> object:
        client.ehlo()
        client.mail("ada@example.com")
        client.rcpt(STOP)
        return client.esmtp_features["size"], client.data(
            b"a" * 900 + b"\r\n" + b"b\r\n" * (MOST_OCTETS // 3)
        )[0]

    async with door("smtp") as opened:
        assert await talking(opened, "smtp", talk) == (str(MOST_OCTETS), 552)
    assert opened.taken == []


async def test_a_mail_whose_sender_hung_up_is_taken_to_its_end() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    taken = []

    async def take(raw: bytes, sender: str) -> bool:
        begun.set()
        await go_on.wait()
        taken.append(raw)
        return True

    async with listening("smtp", "127.0.0.1", 0, STOP, take) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        lines = ["EHLO me", "MAIL FROM:<a@example.com>", f"RCPT TO:<{STOP}>", "DATA", "", "stop", "."]
        await reader.readline()
        for line in lines:
            writer.write(line.encode() + b"\r\n")
        await writer.drain()
        await begun.wait()
        writer.close()
        await writer.wait_closed()
        asyncio.get_running_loop().call_later(0, go_on.set)
    assert len(taken) == 1


@pytest.mark.parametrize(
    ("recipient", "ours"),
    [
        ("stop@example.com", True),
        ("Stop@EXAMPLE.com", True),
        ("stop+a+b@example.com", True),
        ("stop-a@example.com", False),
        ("@example.com", False),
        ("stop", False),
        ("", False),
        ("stop@example.com@example.net", False),
    ],
)
def test_only_our_address_and_its_suffixes_are_ours(recipient: str, ours: bool) -> None:
    assert is_ours(recipient, "Stop@example.com") is ours
