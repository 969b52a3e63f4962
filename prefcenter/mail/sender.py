"""What the rest of the program needs of a way to send mail."""

from __future__ import annotations

from email.message import EmailMessage
from typing import Protocol


class Sender(Protocol):
    async def send(self, message: EmailMessage) -> None:
        """Hand over one composed mail. Returns once it is accepted, otherwise raises `SendError`.

        A mail that names not exactly one sender and one recipient is a `MailError`.
        """
        ...
