"""A sender that keeps mails instead of sending them: for tests and dry runs."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8

from prefcenter.mail.errors import SendError
from prefcenter.mail.message import envelope


class RecordingSender:
    """Keeps what was sent, oldest first, as it would arrive: composed to bytes and read back."""

    def __init__(self) -> None:
        self.sent: list[EmailMessage] = []
        self._failures: list[SendError] = []

    def fail_next(self, failure: SendError) -> None:
        """The next mail is refused with `failure`; called twice, the next two are."""
        self._failures.append(failure)

    async def send(self, message: EmailMessage) -> None:
        policy = SMTPUTF8 if envelope(message).smtputf8 else SMTP
        if self._failures:
            raise self._failures.pop(0)
        self.sent.append(message_from_bytes(message.as_bytes(), EmailMessage, policy=policy))
