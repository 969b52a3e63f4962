"""Takes mail in over LMTP or SMTP, for a few addresses of ours, and answers only once it is kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakSet

import structlog
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP

from prefcenter.mail.parts import MOST_OCTETS

#: Keeps a mail and returns whether it is kept: the raw mail, and the envelope's sender (empty: null).
#: False: not now, the mail server is to try again.
Take = Callable[[bytes, str], Awaitable[bool]]

_MOST_RECIPIENTS = 100
_KEPT, _LATER = "250 2.0.0 kept", "451 4.3.0 not now, try again"

log = structlog.get_logger(__name__)


class _LongLines:
    """Mail servers let longer lines pass than RFC 5321 allows; what is lost by it is somebody's opt-out."""

    line_length_limit = 64 * 1024


class _Smtp(_LongLines, SMTP): ...


class _Lmtp(_LongLines, LMTP): ...


_PROTOCOLS = {"smtp": _Smtp, "lmtp": _Lmtp}


def is_ours(recipient: str, address: str) -> bool:
    """Whether mail to `recipient` is for `address`, in any case, or for it with a `+suffix`."""
    local, _, domain = recipient.lower().rpartition("@")
    our_local, _, our_domain = address.lower().rpartition("@")
    return domain == our_domain and (local == our_local or local.startswith(f"{our_local}+"))


@asynccontextmanager
async def listening(protocol: str, host: str, port: int, address: str, take: Take) -> AsyncIterator[int]:
    """Serves in this event loop until the block ends; yields the port. Raises OSError where it cannot.

    Several processes of one user may listen on one port. What is being taken as the block ends is taken
    to its end.
    """
    # At INFO aiosmtpd writes every address it hears into the log.
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    loop = asyncio.get_running_loop()
    handler = _Handler(address, take, protocol)
    conversations: WeakSet[Any] = WeakSet()

    def conversation() -> asyncio.BaseProtocol:
        made = _PROTOCOLS[protocol](
            handler,
            loop=loop,
            data_size_limit=MOST_OCTETS,
            enable_SMTPUTF8=True,
            hostname="localhost",
            ident="prefcenter",
            timeout=120,
        )
        conversations.add(made)
        return made

    server = await loop.create_server(conversation, host, port, reuse_port=port != 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await handler.drain()
        for open_one in conversations:
            if open_one.transport is not None:
                open_one.transport.abort()
        await server.wait_closed()


class _Handler:
    """aiosmtpd's hooks; their names and arguments are its own."""

    def __init__(self, address: str, take: Take, protocol: str) -> None:
        self._address = address
        self._take = take
        self._answers_each = protocol == "lmtp"
        self._taking: set[asyncio.Task[bool]] = set()

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if not is_ours(address, self._address):
            return "550 5.7.1 not an address of ours, and nothing is relayed"
        if len(envelope.rcpt_tos) >= _MOST_RECIPIENTS:
            return "452 4.5.3 too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        # aiosmtpd hands the null sender on in its brackets.
        sender = (envelope.mail_from or "").strip("<>")
        task = asyncio.ensure_future(self._take(envelope.original_content, sender))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)
        # A sender that hangs up must not end it halfway; it sends the same again, which has no second effect.
        answer = _KEPT if await asyncio.shield(task) else _LATER
        # RFC 2033 4.2: LMTP answers for each recipient. It is one mail, kept for all of them or for none.
        return "\r\n".join([answer] * len(envelope.rcpt_tos)) if self._answers_each else answer

    async def handle_exception(self, error: Exception) -> str:
        log.error("a mail could not be taken in", error=type(error).__name__)
        return _LATER

    async def drain(self) -> None:
        await asyncio.gather(*self._taking, return_exceptions=True)
        # Their answers go out before the connections end.
        await asyncio.sleep(0)
