"""The demo mailbox receives real mail, reads it strictly, and presses the real button."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefcenter.mail.errors import MailError
from prefcenter.mail.mailbox import Mailbox, press_unsubscribe, run_mailbox
from prefcenter.mail.message import ListUnsubscribe, compose
from prefcenter.mail.one_click import OneClick, parse_one_click
from prefcenter.mail.received import read_mail
from prefcenter.mail.smtp import SmtpSender
from tests.mail.mails import a_newsletter

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PAIR = ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
LINK = ("List-Unsubscribe", "<https://prefs.example.com/u/tok>")


async def test_a_mail_sent_over_smtp_lies_in_the_mailbox_as_it_was_written() -> None:
    async with run_mailbox(clock=lambda: NOON) as running:
        mail = a_newsletter(subject="Grüße im November", text="Grüße, Ada", html="<p>Grüße</p>")
        await SmtpSender.from_url(running.smtp_url).send(compose(mail))
    (received,) = running.mailbox.mails
    assert (received.to, received.sender) == (("ada@example.com",), "news@example.com")
    assert (received.subject, received.received_at) == ("Grüße im November", NOON)
    assert (received.text.strip(), received.html.strip()) == ("Grüße, Ada", "<p>Grüße</p>")
    assert [name for name, _ in received.headers][:3] == ["From", "To", "Subject"]
    assert received.one_click == OneClick(url="https://prefs.example.com/u/tok")
    assert running.mailbox.get(received.id) is received


async def test_the_newest_mail_is_first_and_the_oldest_makes_room() -> None:
    mailbox = Mailbox(limit=2)
    async with run_mailbox(mailbox=mailbox) as running:
        sender = SmtpSender.from_url(running.smtp_url)
        for subject in ("one", "two", "three"):
            await sender.send(compose(a_newsletter(subject=subject)))
    assert [mail.subject for mail in mailbox.mails] == ["three", "two"]
    assert mailbox.get("1") is None


async def test_a_mailbox_closes_even_while_someone_is_talking_to_it() -> None:
    async with run_mailbox() as running:
        reader, writer = await asyncio.open_connection(running.host, running.port)
        assert (await reader.readline()).startswith(b"220 ")
    assert await reader.read() == b""
    writer.close()


@given(
    st.binary(max_size=400), st.sampled_from([b"", b"Subject: ", b"Content-Type: ", b"List-Unsubscribe: "])
)
def test_no_mail_is_too_broken_to_be_shown(raw: bytes, start: bytes) -> None:
    mail = read_mail(id="1", to=(), sender="", raw=start + raw, now=NOON)
    (mail.subject + mail.text + mail.html + "".join(map("".join, mail.headers))).encode()


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        ([LINK, PAIR], "https://prefs.example.com/u/tok"),
        (
            [PAIR, ("list-unsubscribe", " <mailto:a@b.example> ,\t< https://x.example/u >")],
            "https://x.example/u",
        ),
        ([("List-Unsubscribe", "<http://localhost:8000/u/tok>"), PAIR], "http://localhost:8000/u/tok"),
        ([("List-Unsubscribe", "<http://127.0.0.1/u/tok>"), PAIR], "http://127.0.0.1/u/tok"),
    ],
)
def test_one_click_is_offered_where_the_headers_are_as_rfc_8058_asks(
    headers: list[tuple[str, str]], url: str
) -> None:
    assert parse_one_click(headers) == OneClick(url=url)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [LINK],
        [PAIR],
        [LINK, LINK, PAIR],
        [LINK, PAIR, PAIR],
        [LINK, (PAIR[0], "List-Unsubscribe=One-Click, x=y")],
        [LINK, (PAIR[0], "List-Unsubscribe=one-click")],
        [("List-Unsubscribe", "https://prefs.example.com/u/tok"), PAIR],
        [("List-Unsubscribe", "<https://a.example/u>, <https://b.example/u>"), PAIR],
        [("List-Unsubscribe", "<https://a.example/u>, <http://localhost/u>"), PAIR],
        [("List-Unsubscribe", "<https://a.example/u> <mailto:x@a.example>"), PAIR],
        [("List-Unsubscribe", "<http://prefs.example.com/u/tok>"), PAIR],
        [("List-Unsubscribe", "<mailto:stop@example.com>"), PAIR],
        [("List-Unsubscribe", "=?utf-8?q?=3Chttps=3A//a.example/u=3E?="), PAIR],
        [("List-Unsubscribe", "<https://>"), PAIR],
        [("List-Unsubscribe", "<https://[::1/u>"), PAIR],
    ],
)
def test_one_click_is_not_offered_otherwise(headers: list[tuple[str, str]]) -> None:
    assert parse_one_click(headers) is None


@dataclass
class Site:
    """A web server that keeps the requests it got and gives one answer."""

    port: int = 0
    requests: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def site(answer: bytes) -> AsyncIterator[Site]:
    made = Site()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        made.requests.append(head + await reader.readexactly(length))
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


async def test_the_button_does_what_a_mail_program_does() -> None:
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    async with site(ok) as web, run_mailbox() as running:
        link = ListUnsubscribe(url=f"http://127.0.0.1:{web.port}/u/tok?a=b")
        await SmtpSender.from_url(running.smtp_url).send(compose(a_newsletter(list_unsubscribe=link)))
        cookies = {"session": "of the person"}
        async with httpx2.AsyncClient(cookies=cookies, auth=("u", "p"), follow_redirects=True) as client:
            assert await press_unsubscribe(running.mailbox.mails[0], client) == 200
    (request,) = web.requests
    assert request.startswith(b"POST /u/tok?a=b HTTP/1.1\r\n")
    head, body = request.split(b"\r\n\r\n", 1)
    assert b"content-type: multipart/form-data; boundary=" in head.lower()
    assert b'name="List-Unsubscribe"\r\n\r\nOne-Click\r\n' in body
    assert b"cookie" not in head.lower()
    assert b"authorization" not in head.lower()


async def test_a_redirect_is_not_followed_and_shown_as_what_it_is() -> None:
    away = b"HTTP/1.1 303 See Other\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    async with site(away) as web, httpx2.AsyncClient(follow_redirects=True) as client:
        link = ListUnsubscribe(url=f"http://127.0.0.1:{web.port}/u/tok")
        raw = compose(a_newsletter(list_unsubscribe=link)).as_bytes()
        mail = read_mail(id="1", to=(), sender="", raw=raw, now=NOON)
        assert await press_unsubscribe(mail, client) == 303
    assert len(web.requests) == 1


async def test_a_mail_without_one_click_has_no_button_to_press() -> None:
    mail = read_mail(id="1", to=(), sender="", raw=b"Subject: hello\r\n\r\nhello", now=NOON)
    async with httpx2.AsyncClient() as client:
        with pytest.raises(MailError, match="one-click"):
            await press_unsubscribe(mail, client)
