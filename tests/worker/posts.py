"""A worker's mails on a real database, with a clock, a way out that remembers, and all sorts of composers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from jinja2 import UndefinedError

from prefcenter.mail.errors import MailError, SendError
from prefcenter.mail.message import OutgoingEmail
from prefcenter.mail.recording import RecordingSender
from prefcenter.mail.render import Templates, shipped_templates
from prefcenter.storage.mail_queue import ClaimedMail
from prefcenter.use_cases.composing import Composer
from prefcenter.use_cases.services import Services
from prefcenter.worker.mails import Mails
from tests.storage.mails import MailBench
from tests.storage.queues import Clock

DAY = timedelta(days=1)
ADDRESS = "ada@example.com"
NO_SERVICES = cast(Services, None)
GREYLISTED = SendError("the mail server refused the recipient", permanent=False, code=451)
NO_MAILBOX = SendError("the mail server refused the recipient", permanent=True, code=550)


def letter(mail: ClaimedMail) -> OutgoingEmail:
    return OutgoingEmail(
        to=ADDRESS,
        subject="A test",
        text="Hello.\n",
        html="<p>Hello.</p>\n",
        sender="news@example.com",
        message_id=f"<{mail.id}@example.com>",
        date=mail.created_at,
    )


@dataclass
class Post:
    """A worker's mails, its clock, its way out, and what its composers were asked."""

    bench: MailBench
    clock: Clock = field(default_factory=Clock)
    sender: RecordingSender = field(default_factory=RecordingSender)
    sent: list[tuple[str, bytes, str]] = field(default_factory=list)

    @property
    def composers(self) -> Mapping[str, Composer]:
        made = {
            "test": self.compose,
            "nothing": self.compose_nothing,
            "broken": self.compose_broken,
            "template": self.compose_template,
            "odd": self.compose_odd,
        }
        return {
            name: Composer(compose=one, after_sent=self.after_sent, tries_for=DAY)
            for name, one in made.items()
        }

    async def compose(self, *given: object) -> OutgoingEmail | None:
        mail = given[2]
        assert isinstance(mail, ClaimedMail)
        return letter(mail)

    async def compose_nothing(self, *_: object) -> OutgoingEmail | None:
        return None

    async def compose_broken(self, *_: object) -> OutgoingEmail | None:
        raise KeyError(ADDRESS)

    async def compose_template(self, *_: object) -> OutgoingEmail | None:
        raise UndefinedError("'purpose' is undefined")

    async def compose_odd(self, *_: object) -> OutgoingEmail | None:
        raise MailError("subject", "must be one line of text without control characters")

    async def after_sent(self, _: Services, mail: ClaimedMail, digest: bytes, now: datetime) -> None:
        self.sent.append((mail.about, digest, (await self.bench.stored(mail.id)).state))

    def mails(self, *, configured: bool = True, **composers: Composer) -> Mails:
        return Mails(
            NO_SERVICES,
            Templates([shipped_templates()]),
            self.bench.queue,
            self.sender if configured else None,
            {**self.composers, **composers},
            self.clock,
        )

    async def round(self, mails: Mails | None = None) -> int:
        """Everything that is due and fits, to its end."""
        doing = mails or self.mails()
        started = await doing.start_due()
        await doing.drain(10)
        return started
