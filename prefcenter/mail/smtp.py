"""Mail out over SMTP: one connection a mail, TLS verified, every failure told as a `SendError`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from aiosmtplib import SMTP

from prefcenter.mail.errors import MailError, SendError
from prefcenter.mail.hosts import is_loopback
from prefcenter.mail.message import envelope
from prefcenter.mail.refusals import FAILURES, failure_of

#: Plain relay, submission with a login, implicit TLS (RFC 8314).
_RELAY, _SUBMISSION, _SUBMISSIONS = 25, 587, 465
#: Seconds that a server has to say goodbye.
_GOODBYE = 2.0

_Told = TypeVar("_Told")


@dataclass(frozen=True, kw_only=True, slots=True)
class SmtpSender:
    """Sends through one server. `timeout`: seconds for one mail from connecting to its acceptance.

    With a login STARTTLS (or `tls` from the first byte) is required, except on loopback; without one it is
    used where the server offers it. Certificates are always verified: system authorities or SSL_CERT_FILE.
    """

    host: str
    port: int
    tls: bool = False
    username: str = ""
    password: str = field(default="", repr=False)
    timeout: float = 30.0

    @classmethod
    def from_url(cls, url: str, timeout: float = 30.0) -> SmtpSender:
        """From `smtp://user:password@host:587` or `smtps://…`; user and password percent-encoded.

        `MailError` names PREFCENTER_SMTP_URL and what is wrong, without the URL, which holds the password.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise _bad_url("the host or the port is not valid") from None
        if parts.scheme not in ("smtp", "smtps"):
            raise _bad_url("must begin with smtp:// or smtps://")
        if not host:
            raise _bad_url("has no host; write smtp://host or smtp://user:password@host:587")
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise _bad_url("ends after the port; percent-encode / ? # in the password")
        tls = parts.scheme == "smtps"
        usual = _SUBMISSIONS if tls else _SUBMISSION if parts.username else _RELAY
        return cls(
            host=host,
            port=port or usual,
            tls=tls,
            username=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            timeout=timeout,
        )

    async def send(self, message: EmailMessage) -> None:
        """One mail to the one address in its To field. Raises `SendError`, or `MailError` without one."""
        to = envelope(message)
        content = message.as_bytes()

        async def hand_over(server: SMTP) -> None:
            if to.smtputf8 and not server.supports_extension("smtputf8"):
                raise SendError("the mail server cannot carry an address beyond ASCII", permanent=True)
            options = ["SMTPUTF8"] if to.smtputf8 else []
            await server.sendmail(to.sender, to.recipient, content, mail_options=options)

        await self._converse(hand_over)

    async def probe(self) -> str:
        """Connect, secure, log in and leave, sending nothing; says what worked. Raises `SendError`."""

        async def look(server: SMTP) -> str:
            secured = server.get_transport_info("ssl_object")
            how = secured.version() if secured is not None else "without TLS"
            who = "logged in" if self.username else "without a login"
            return f"{self.host}:{self.port} answers, {how}, {who}"

        return await self._converse(look)

    async def _converse(self, talk: Callable[[SMTP], Awaitable[_Told]]) -> _Told:
        server = self._client()
        try:
            async with asyncio.timeout(self.timeout):
                await self._open(server)
                told = await talk(server)
            await _say_goodbye(server)
            return told
        except FAILURES as error:
            failure = failure_of(error)
        finally:
            server.close()
        # Raised outside the handler: what the server said must not travel along as its context.
        raise failure

    def _client(self) -> SMTP:
        return SMTP(
            hostname=self.host, port=self.port, use_tls=self.tls, start_tls=False, timeout=self.timeout
        )

    async def _open(self, server: SMTP) -> None:
        await server.connect()
        await server.ehlo()
        if not self.tls and server.supports_extension("starttls") and self._wants_starttls:
            await server.starttls()
            await server.ehlo()
        elif not self.tls and self._requires_tls:
            raise SendError("the mail server offers no STARTTLS", permanent=False, misconfigured=True)
        if self.username:
            await server.login(self.username, self.password)

    @property
    def _requires_tls(self) -> bool:
        return bool(self.username) and not is_loopback(self.host)

    @property
    def _wants_starttls(self) -> bool:
        # A relay on this machine often offers STARTTLS with a certificate that nobody signed.
        return bool(self.username) or not is_loopback(self.host)


async def _say_goodbye(server: SMTP) -> None:
    # The mail is accepted by now: a server that fails at this must not have it sent again.
    with suppress(*FAILURES):
        async with asyncio.timeout(_GOODBYE):
            await server.quit()


def _bad_url(remedy: str) -> MailError:
    return MailError("PREFCENTER_SMTP_URL", remedy)
