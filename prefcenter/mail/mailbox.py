"""The demo mailbox: a real SMTP server on this machine that keeps what arrives in memory."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any
from weakref import WeakSet

import httpx2
from aiosmtpd.smtp import SMTP

from prefcenter.mail.errors import MailError
from prefcenter.mail.one_click import OneClick, press
from prefcenter.mail.received import ReceivedMail, read_mail

__all__ = ["Mailbox", "OneClick", "ReceivedMail", "RunningMailbox", "press_unsubscribe", "run_mailbox"]

_KEPT = 200
_OURS = {
    "data_size_limit": 1_000_000,
    "enable_SMTPUTF8": True,
    "hostname": "localhost",
    "ident": "prefcenter",
}


class Mailbox:
    """The newest mails, up to `limit`; older ones are dropped."""

    def __init__(self, limit: int = _KEPT) -> None:
        self._mails: deque[ReceivedMail] = deque(maxlen=limit)
        self._numbers = count(1)

    @property
    def mails(self) -> tuple[ReceivedMail, ...]:
        """Newest first."""
        return tuple(reversed(self._mails))

    def get(self, id: str) -> ReceivedMail | None:
        return next((mail for mail in self._mails if mail.id == id), None)

    def deliver(self, *, to: tuple[str, ...], sender: str, raw: bytes, now: datetime) -> ReceivedMail:
        mail = read_mail(id=str(next(self._numbers)), to=to, sender=sender, raw=raw, now=now)
        self._mails.append(mail)
        return mail


@dataclass(frozen=True, kw_only=True, slots=True)
class RunningMailbox:
    mailbox: Mailbox
    host: str
    port: int

    @property
    def smtp_url(self) -> str:
        """What PREFCENTER_SMTP_URL is set to, to send here."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"smtp://{host}:{self.port}"


def _utc_now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def run_mailbox(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    mailbox: Mailbox | None = None,
    clock: Callable[[], datetime] = _utc_now,
) -> AsyncIterator[RunningMailbox]:
    """Serves SMTP in this event loop until the block ends. Port 0 takes a free one, told in the result."""
    # At INFO aiosmtpd writes every address it hears into the log.
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    kept = Mailbox() if mailbox is None else mailbox
    async with smtp_server(_Inbox(kept, clock), host, port) as chosen:
        yield RunningMailbox(mailbox=kept, host=host, port=chosen)


@asynccontextmanager
async def smtp_server(
    handler: object, host: str, port: int, *, tls: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[int]:
    """An aiosmtpd server in this event loop, without its thread; yields the port.

    `tls`: speak TLS from the first byte. `options` are those of aiosmtpd's `SMTP`, for STARTTLS and logins.
    """
    loop = asyncio.get_running_loop()
    conversations: WeakSet[Any] = WeakSet()

    def conversation() -> asyncio.BaseProtocol:
        made = SMTP(handler, loop=loop, **{**_OURS, **options})
        conversations.add(made)
        return made

    server = await loop.create_server(conversation, host, port, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for open_one in conversations:
            if open_one.transport is not None:
                open_one.transport.abort()
        await server.wait_closed()


async def press_unsubscribe(mail: ReceivedMail, client: httpx2.AsyncClient) -> int:
    """Does what a mail program does on "unsubscribe": the one-click POST. Returns the HTTP status.

    `MailError` when the mail's headers offer none; httpx2.HTTPError when nobody answers.
    """
    if mail.one_click is None:
        raise MailError(
            "List-Unsubscribe", "offers no one-click; send one https link and List-Unsubscribe-Post"
        )
    return await press(mail.one_click, client)


class _Inbox:
    """aiosmtpd's hooks; their names and arguments are its own."""

    def __init__(self, mailbox: Mailbox, clock: Callable[[], datetime]) -> None:
        self._mailbox = mailbox
        self._clock = clock

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
        self._mailbox.deliver(
            to=tuple(envelope.rcpt_tos),
            sender=envelope.mail_from or "",
            raw=envelope.original_content,
            now=self._clock(),
        )
        return "250 2.0.0 kept"
