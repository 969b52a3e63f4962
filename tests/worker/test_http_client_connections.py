"""Where the client of webhooks connects: vetted addresses, and certificates for the right name."""

import asyncio
import datetime as dt
import ipaddress
import ssl
import tempfile
from collections.abc import Awaitable, Callable

import httpcore2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from prefcenter.domain.address_guard import Reach, TargetRefused
from prefcenter.domain.delivery import Answer
from prefcenter.worker.http_client import VettingBackend
from tests.worker.receivers import Receiver, post, private, receiver, says

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)

Reply = Callable[["Receiver", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Recorder(httpcore2.AnyIOBackend):
    """Notes where a socket would go, and lets it fail."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    async def connect_tcp(self, host, *args, **kwargs):
        self.addresses.append(host)
        raise httpcore2.ConnectError("not here")


async def test_the_socket_goes_to_the_address_that_was_judged():
    answers = iter([["8.8.8.8", "2606:4700::1111"], ["127.0.0.1"], ["1.1.1.1", "10.0.0.1"]])

    async def rebinding(host, port):
        return next(answers)

    sockets = Recorder()
    backend = VettingBackend(Reach.PUBLIC, rebinding, sockets)
    with pytest.raises(httpcore2.ConnectError):
        await backend.connect_tcp("hooks.example.com", 443, 1.0)
    assert sockets.addresses == ["8.8.8.8", "2606:4700::1111"]
    for _ in range(2):
        with pytest.raises(TargetRefused):
            await backend.connect_tcp("hooks.example.com", 443, 1.0)
    assert sockets.addresses == ["8.8.8.8", "2606:4700::1111"]


async def test_of_many_addresses_a_few_are_tried():
    async def many(host, port):
        return [f"8.8.{n // 256}.{n % 256}" for n in range(2000)]

    sockets = Recorder()
    with pytest.raises(httpcore2.ConnectError):
        await VettingBackend(Reach.PUBLIC, many, sockets).connect_tcp("hooks.example.com", 443, 1.0)
    assert len(sockets.addresses) == 3


async def test_the_next_address_is_tried_where_the_first_does_not_listen():
    async def both(host, port):
        return ["::1", "127.0.0.1"]

    async with receiver(says(OK)) as here:
        assert (await post(f"http://hooks.example.com:{here.port}/", resolve=both)).confirms


def certificate(name: str) -> tuple[bytes, ssl.SSLContext]:
    """A self-signed certificate for `name`, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = dt.datetime.now(dt.UTC)
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return signed.public_bytes(serialization.Encoding.PEM), server_context(signed, key)


def server_context(signed: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(signed.public_bytes(serialization.Encoding.PEM))
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        file.flush()
        context.load_cert_chain(file.name)
    return context


async def this_machine(host, port):
    return ["127.0.0.1"]


def trusting(pem: bytes) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=pem.decode())


async def test_over_tls_the_name_is_checked_and_sent_while_the_socket_goes_to_the_address():
    pem, tls = certificate("hooks.example.com")
    async with (
        receiver(says(OK), tls) as here,
        private(resolve=this_machine, ssl_context=trusting(pem)) as client,
    ):
        for _ in range(5):
            assert await client.post(f"https://hooks.example.com:{here.port}/", b"{}", {}) == Answer(
                status=200
            )
    assert here.names == ["hooks.example.com"]
    assert here.requests[0][1]["host"] == f"hooks.example.com:{here.port}"
    assert here.connections == 1


async def test_a_certificate_for_another_name_is_not_accepted():
    pem, tls = certificate("other.example.com")
    async with receiver(says(OK), tls) as here:
        answer = await post(
            f"https://hooks.example.com:{here.port}/", resolve=this_machine, ssl_context=trusting(pem)
        )
    assert answer.error is not None
    assert answer.error.startswith("tls: Hostname mismatch")
    assert here.requests == []


async def test_a_certificate_that_nobody_vouches_for_is_not_accepted():
    _, tls = certificate("hooks.example.com")
    async with receiver(says(OK), tls) as here:
        answer = await post(f"https://hooks.example.com:{here.port}/", resolve=this_machine)
    assert answer == Answer(error="tls: self-signed certificate")
    assert here.requests == []


async def test_a_certificate_file_of_the_environment_is_not_trusted(monkeypatch, tmp_path):
    pem, tls = certificate("hooks.example.com")
    (tmp_path / "ca.pem").write_bytes(pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    async with receiver(says(OK), tls) as here:
        answer = await post(f"https://hooks.example.com:{here.port}/", resolve=this_machine)
    assert answer == Answer(error="tls: self-signed certificate")


async def test_a_server_without_tls_on_https_is_an_answer():
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 X\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await post(f"https://127.0.0.1:{port}/") == Answer(error="tls: no agreement")
