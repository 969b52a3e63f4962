"""What can be wrong with a mail before it is sent, and what a server can say against it."""

from __future__ import annotations


class MailError(ValueError):
    """A mail that cannot be composed. Names the field and the remedy, never the value."""

    def __init__(self, field: str, remedy: str) -> None:
        super().__init__(f"{field}: {remedy}")
        self.field = field


class SendError(Exception):
    """A mail that was not accepted. Its text holds no address and nothing the server wrote.

    `permanent`: this mail will never be accepted, do not try again.
    `misconfigured`: not about this mail at all: every mail will fail until the operator mends something.
    `code`: the server's SMTP reply code, where there was one.
    """

    def __init__(
        self, detail: str, *, permanent: bool, code: int | None = None, misconfigured: bool = False
    ) -> None:
        super().__init__(f"{detail} (SMTP {code})" if code else detail)
        self.detail = detail
        self.permanent = permanent
        self.code = code
        self.misconfigured = misconfigured
