"""What went wrong between us and an SMTP server, as one decision: this mail, this moment, or our settings."""

from __future__ import annotations

import ssl

from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPConnectResponseError,
    SMTPDataError,
    SMTPException,
    SMTPHeloError,
    SMTPNotSupported,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)

from prefcenter.mail.errors import SendError

#: All that a server, its absence, or a handshake with it can raise.
FAILURES = (SMTPException, OSError, TimeoutError)

#: RFC 4954 and 3207: the server wants another login or TLS, whatever it was asked just then.
_WANTS_LOGIN = frozenset({530, 534, 535, 538})
#: RFC 5321 and 1870: over its size limit. Answered to MAIL FROM, yet about this mail.
_TOO_LARGE = 552
#: RFC 3463: refused by policy. Said of a recipient it means "not from you", not "no such mailbox".
_POLICY = "5.7."

#: Refusals of the conversation, not of a mail: a permanent one needs the operator.
_ABOUT_US: dict[type[SMTPResponseException], str] = {
    SMTPAuthenticationError: "the mail server refused the login",
    SMTPConnectResponseError: "the mail server refused the connection",
    SMTPHeloError: "the mail server refused our greeting",
    SMTPSenderRefused: "the mail server refused the sender address",
}
_ABOUT_THE_MAIL: dict[type[SMTPResponseException], str] = {
    SMTPRecipientRefused: "the mail server refused the recipient",
    SMTPDataError: "the mail server refused the content",
    SMTPResponseException: "the mail server refused the mail",
}


def failure_of(error: BaseException) -> SendError:
    """The `SendError` for what aiosmtplib, TLS or the network raised. No server text: it names people."""
    if isinstance(error, SMTPRecipientsRefused):
        return _of_recipients(error)
    if isinstance(error, SMTPResponseException):
        return _of_reply(error)
    if _is_certificate(error):
        return SendError(
            "the certificate of the mail server is not valid", permanent=False, misconfigured=True
        )
    if isinstance(error, TimeoutError):
        return SendError("the mail server did not answer in time", permanent=False)
    if isinstance(error, SMTPServerDisconnected):
        return SendError("the mail server closed the connection", permanent=False)
    if isinstance(error, SMTPNotSupported):
        return SendError("the mail server cannot take this mail", permanent=True)
    if isinstance(error, OSError):
        return SendError("the mail server cannot be reached", permanent=False)
    return SendError("the mail server does not speak as asked", permanent=False, misconfigured=True)


def _of_recipients(error: SMTPRecipientsRefused) -> SendError:
    # It has no code of its own. One that may pass later makes the whole worth another try.
    refused = min(error.recipients, key=lambda one: one.code)
    if refused.message.startswith(_POLICY):
        return SendError(
            "the mail server does not relay for us", permanent=False, code=refused.code, misconfigured=True
        )
    return _of_reply(refused)


def _of_reply(error: SMTPResponseException) -> SendError:
    if error.code in _WANTS_LOGIN:
        return SendError(
            _ABOUT_US[SMTPAuthenticationError], permanent=False, code=error.code, misconfigured=True
        )
    about_us = None if error.code == _TOO_LARGE else _said_of(error, _ABOUT_US)
    if about_us is not None:
        return SendError(about_us, permanent=False, code=error.code, misconfigured=error.code >= 500)
    said = _said_of(error, _ABOUT_THE_MAIL) or ""
    return SendError(said, permanent=error.code >= 500, code=error.code)


def _said_of(error: SMTPResponseException, table: dict[type[SMTPResponseException], str]) -> str | None:
    return next((said for kind, said in table.items() if isinstance(error, kind)), None)


def _is_certificate(error: BaseException) -> bool:
    # aiosmtplib wraps what happens while it connects, and lets through what happens in STARTTLS.
    return isinstance(error, ssl.SSLCertVerificationError) or isinstance(
        error.__cause__, ssl.SSLCertVerificationError
    )
