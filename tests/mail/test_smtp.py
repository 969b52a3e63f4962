"""What can go wrong with a mail server, and that each says the right thing about whom to bother."""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from prefcenter.mail.errors import MailError, SendError
from prefcenter.mail.message import compose
from prefcenter.mail.smtp import SmtpSender
from tests.mail.mails import a_newsletter
from tests.mail.smtp_servers import Answers, certificate, only_ada, server_context, serving, speaking

NEWSLETTER = compose(a_newsletter())
WITH_LOGIN = "ada:s3cret%2F%3F@"


def via(port: int, login: str = "", scheme: str = "smtp", timeout: float = 5) -> SmtpSender:
    return SmtpSender.from_url(f"{scheme}://{login}127.0.0.1:{port}", timeout=timeout)


async def failure(sender: SmtpSender) -> SendError:
    with pytest.raises(SendError) as refused:
        await sender.send(NEWSLETTER)
    return refused.value


@pytest.mark.parametrize(
    ("step", "reply", "permanent", "misconfigured"),
    [
        ("RCPT", "550 5.1.1 <ada@example.com> unknown", True, False),
        ("RCPT", "450 4.2.0 greylisted, come back", False, False),
        ("RCPT", "550 5.7.1 relaying denied", False, True),
        ("RCPT", "530 5.7.0 authentication required", False, True),
        ("DATA", "554 5.7.1 looks like spam to ada@example.com", True, False),
        ("DATA", "452 4.3.1 disk full", False, False),
        ("MAIL", "553 5.1.8 <news@example.com> is not yours", False, True),
        ("MAIL", "451 4.3.0 later", False, False),
        ("MAIL", "552 5.3.4 too big", True, False),
        ("MAIL", "530 5.7.0 Must issue a STARTTLS command first", False, True),
    ],
)
async def test_a_refusal_is_about_the_mail_the_moment_or_the_settings(
    step: str, reply: str, permanent: bool, misconfigured: bool
) -> None:
    answers = Answers()
    answers.planned[step].append(reply)
    async with serving(answers) as port:
        refused = await failure(via(port))
    assert (refused.permanent, refused.misconfigured) == (permanent, misconfigured)
    assert refused.code == int(reply[:3])
    assert answers.envelopes == []


async def test_no_failure_repeats_what_the_server_said_about_people() -> None:
    answers = Answers()
    answers.planned["RCPT"].append("550 5.1.1 <ada@example.com> unknown")
    async with serving(answers) as port:
        refused = await failure(via(port))
    assert "ada" not in repr(refused) + str(refused)
    assert refused.__context__ is None
    assert refused.__cause__ is None


async def test_a_connection_lost_before_the_mail_was_accepted_is_tried_again() -> None:
    answers = Answers()
    answers.planned["DATA"].append("hang up")
    async with serving(answers) as port:
        refused = await failure(via(port))
    assert (refused.permanent, refused.misconfigured, refused.code) == (False, False, None)


async def test_a_server_that_hangs_is_given_up_in_time() -> None:
    for first_words in (b"", b"220 hello\r\n", b"220-still "):
        async with speaking(first_words) as port:
            refused = await failure(via(port, timeout=0.1))
        assert (refused.permanent, refused.misconfigured) == (False, False)
        assert refused.detail == "the mail server did not answer in time"


@pytest.mark.parametrize(
    ("greeting", "misconfigured"), [(b"421 too busy\r\n", False), (b"554 go away\r\n", True)]
)
async def test_a_server_that_turns_us_away_is_no_verdict_on_the_mail(
    greeting: bytes, misconfigured: bool
) -> None:
    async with speaking(greeting) as port:
        refused = await failure(via(port))
    assert (refused.permanent, refused.misconfigured) == (False, misconfigured)


async def test_what_is_no_mail_server_is_told_apart_from_a_refusal() -> None:
    async with speaking(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        refused = await failure(via(port))
    assert not refused.permanent


async def test_a_server_that_is_down_is_tried_again() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refused = await failure(via(unused.getsockname()[1]))
    assert (refused.permanent, refused.misconfigured) == (False, False)


async def test_a_server_without_smtputf8_never_carries_such_an_address() -> None:
    async with serving(Answers(), enable_SMTPUTF8=False) as port:
        with pytest.raises(SendError) as refused:
            await via(port).send(compose(a_newsletter(to="αδα@example.com")))
    assert refused.value.permanent


@pytest.fixture
def signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate for 127.0.0.1 that this machine trusts."""
    path = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return path


async def test_a_login_goes_over_starttls(signed: Path) -> None:
    answers = Answers()
    context = server_context(signed)
    async with serving(answers, tls_context=context, authenticator=only_ada, auth_required=True) as port:
        sender = via(port, WITH_LOGIN)
        await sender.send(NEWSLETTER)
        assert "TLSv1.3, logged in" in await sender.probe()
    assert len(answers.envelopes) == 1


async def test_smtps_speaks_tls_from_the_first_byte(signed: Path) -> None:
    answers = Answers()
    async with serving(answers, tls=server_context(signed)) as port:
        sender = via(port, scheme="smtps")
        await sender.send(NEWSLETTER)
        assert "TLSv1.3, without a login" in await sender.probe()
    assert len(answers.envelopes) == 1


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_certificate_that_nobody_vouches_for_gets_no_login(tmp_path: Path, scheme: str) -> None:
    context = server_context(certificate(tmp_path))
    options = {"tls": context} if scheme == "smtps" else {"tls_context": context, "authenticator": only_ada}
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(serving(Answers(), **options))
        refused = await failure(via(port, WITH_LOGIN, scheme))
    assert refused.detail == "the certificate of the mail server is not valid"
    assert (refused.permanent, refused.misconfigured) == (False, True)


async def test_a_wrong_password_is_the_operators_matter_and_loses_no_mail(signed: Path) -> None:
    context = server_context(signed)
    async with serving(Answers(), tls_context=context, authenticator=only_ada) as port:
        sender = via(port, "ada:wrong@")
        refused = await failure(sender)
        with pytest.raises(SendError, match="refused the login"):
            await sender.probe()
    assert (refused.permanent, refused.misconfigured, refused.code) == (False, True, 535)
    assert "wrong" not in str(refused) + repr(sender)


async def test_a_login_never_goes_in_the_clear_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(Answers()) as port:
        sender = via(port, WITH_LOGIN)
        # The only server at hand is on loopback; what is tested is the rule for all others.
        monkeypatch.setattr("prefcenter.mail.smtp.is_loopback", lambda host: False)
        refused = await failure(sender)
    assert refused.detail == "the mail server offers no STARTTLS"
    assert (refused.permanent, refused.misconfigured) == (False, True)


async def test_a_relay_on_this_machine_is_spoken_to_in_the_clear(tmp_path: Path) -> None:
    answers = Answers()
    async with serving(answers, tls_context=server_context(certificate(tmp_path))) as port:
        await via(port).send(NEWSLETTER)
        assert await via(port).probe() == f"127.0.0.1:{port} answers, without TLS, without a login"
    assert len(answers.envelopes) == 1


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("smtp://mail.example.com", "mail.example.com", 25, False),
        ("smtp://u:p@mail.example.com", "mail.example.com", 587, False),
        ("smtps://u:p@mail.example.com", "mail.example.com", 465, True),
        ("smtp://[::1]:1025/", "::1", 1025, False),
    ],
)
def test_a_url_without_a_port_takes_the_usual_one(url: str, host: str, port: int, tls: bool) -> None:
    sender = SmtpSender.from_url(url)
    assert (sender.host, sender.port, sender.tls) == (host, port, tls)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.example.com",
        "http://mail.example.com",
        "smtp://",
        "smtp://u:s3cret/x@h",
        "smtp://u:s3cret@h:x",
    ],
)
def test_a_bad_url_is_named_by_its_setting_and_not_repeated(url: str) -> None:
    with pytest.raises(MailError, match=r"^PREFCENTER_SMTP_URL: ") as refused:
        SmtpSender.from_url(url)
    assert "s3cret" not in str(refused.value)
