"""Sends our own mails that are due: claim, compose, hand over, write down what came of it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from jinja2 import TemplateError

from prefcenter.domain.mail_retries import next_try
from prefcenter.mail.errors import MailError, SendError
from prefcenter.mail.message import compose
from prefcenter.mail.render import Templates
from prefcenter.mail.sender import Sender
from prefcenter.storage.database import StorageUnavailable
from prefcenter.storage.mail_queue import DROPPED, FAILED, PENDING, SENT, ClaimedMail, MailQueue
from prefcenter.storage.vault import CannotUnseal
from prefcenter.use_cases.composing import Composer
from prefcenter.use_cases.services import NoCatalog, Services

#: Each holds a connection to the mail server.
AT_ONCE = 4
#: For a kind that this version does not know.
UNKNOWN_TRIES_FOR = timedelta(days=7)

#: Nothing of a person stands in the texts of these.
_SAFE_TO_TELL = (MailError, TemplateError, CannotUnseal, NoCatalog)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Outcome:
    """`digest`: it was sent. `error`: it was not; `final`: nor ever will be. Neither: it is not needed."""

    digest: bytes | None = None
    error: str | None = None
    final: bool = False


class Mails:
    """The mails in flight in this process. `sender` None: no mail server is set, so they wait."""

    def __init__(
        self,
        services: Services,
        templates: Templates,
        queue: MailQueue,
        sender: Sender | None,
        composers: Mapping[str, Composer],
        now: Callable[[], datetime],
        room: asyncio.Event | None = None,
    ) -> None:
        self._services = services
        self._templates = templates
        self._queue = queue
        self._sender = sender
        self._composers = composers
        self._now = now
        self._tasks: set[asyncio.Task[None]] = set()
        self._more_due = False
        self._told = False
        #: Set when there is room again for what had to wait.
        self.room = room or asyncio.Event()

    async def start_due(self) -> int:
        """Start what is due and fits; returns how many. Raises StorageUnavailable."""
        if self._sender is None:
            await self._tell_of_waiting()
            return 0
        room = AT_ONCE - len(self._tasks)
        found = await self._queue.claim(self._now(), room)
        self._more_due = room < 1 or len(found) >= room
        for mail in found:
            task = asyncio.create_task(self._deliver(self._sender, mail))
            self._tasks.add(task)
            task.add_done_callback(self._done)
        return len(found)

    async def _tell_of_waiting(self) -> None:
        if not self._told and await self._queue.is_due(self._now()):
            self._told = True
            log.warning("mails wait: PREFCENTER_SMTP_URL is not set, so nothing can send them")

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._more_due:
            self.room.set()

    async def _deliver(self, sender: Sender, mail: ClaimedMail) -> None:
        try:
            outcome = await self._attempt(sender, mail)
            if outcome is not None:
                await self._finish(mail, outcome)
        except StorageUnavailable as error:
            # The lease runs out and it is sent again, under the same Message-ID.
            log.warning("mail not written down", mail=mail.id, error=str(error))

    async def _attempt(self, sender: Sender, mail: ClaimedMail) -> _Outcome | None:
        """None: the mail is another worker's by now."""
        composer = self._composers.get(mail.kind)
        if composer is None:
            # A newer version may have made it, and still run beside this one.
            return _Outcome(error=f"this version knows no mail of the kind '{mail.kind}'")
        try:
            outgoing = await composer.compose(self._services, self._templates, mail, self._now())
            if outgoing is None:
                return _Outcome()
            message = compose(outgoing)
            digest = hashlib.sha256(message.as_bytes()).digest()
            if not await self._queue.begin(mail, digest, self._now()):
                return None
            await sender.send(message)
        except SendError as error:
            return _Outcome(error=str(error), final=error.permanent)
        except StorageUnavailable:
            raise
        except (
            Exception
        ) as error:  # whatever it is, the other mails must go out, and this one too once mended
            why = str(error) if isinstance(error, _SAFE_TO_TELL) else type(error).__name__
            return _Outcome(error=f"cannot be composed: {why}")
        if composer.after_sent is not None:
            await composer.after_sent(self._services, mail, digest, self._now())
        return _Outcome(digest=digest)

    async def _finish(self, mail: ClaimedMail, outcome: _Outcome) -> None:
        now = self._now()
        if outcome.error is None:
            state = DROPPED if outcome.digest is None else SENT
            await self._queue.finish(mail, state, digest=outcome.digest, now=now)
            return
        composer = self._composers.get(mail.kind)
        tries_for = composer.tries_for if composer is not None else UNKNOWN_TRIES_FOR
        again = None if outcome.final else next_try(mail.attempts, mail.created_at, tries_for, now)
        if again is None:
            log.error("mail failed", mail=mail.id, kind=mail.kind, reason=outcome.error)
            await self._queue.finish(mail, FAILED, error=outcome.error, now=now)
            return
        log.warning("mail waits", mail=mail.id, kind=mail.kind, reason=outcome.error)
        await self._queue.finish(mail, PENDING, retry_at=again, error=outcome.error, now=now)

    async def drain(self, seconds: float) -> None:
        """Let what is in flight end; cut off what does not, to be sent again by whoever comes next."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
