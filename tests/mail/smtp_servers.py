"""Real SMTP servers on this machine that accept, refuse, hang up or say nothing, as a test asks."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from prefcenter.mail.mailbox import smtp_server


class Answers:
    """Keeps what arrived; answers each step with the next reply planned for it, or accepts."""

    def __init__(self) -> None:
        self.envelopes: list[Any] = []
        self.planned: dict[str, list[str]] = {"MAIL": [], "RCPT": [], "DATA": []}

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.planned["MAIL"]:
            return self.planned["MAIL"].pop(0)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.planned["RCPT"]:
            return self.planned["RCPT"].pop(0)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.planned["DATA"]:
            reply = self.planned["DATA"].pop(0)
            if reply == "hang up":
                server.transport.abort()
            return reply
        self.envelopes.append(envelope)
        return "250 2.0.0 kept"


@asynccontextmanager
async def serving(answers: Answers, **options: Any) -> AsyncIterator[int]:
    async with smtp_server(answers, "127.0.0.1", 0, **options) as port:
        yield port


@asynccontextmanager
async def speaking(first_words: bytes) -> AsyncIterator[int]:
    """A server that says this and then nothing more."""
    ended = asyncio.Event()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first_words)
        await ended.wait()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        ended.set()
        server.close()
        await server.wait_closed()


def only_ada(server: Any, session: Any, envelope: Any, mechanism: str, login: Any) -> AuthResult:
    known = (login.login, login.password) == (b"ada", b"s3cret/?")
    # Not "handled": the server is to say 535 itself.
    return AuthResult(success=known, handled=False)


def certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody but itself vouches for, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test mail server")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def server_context(path: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context
