"""The worker takes mail in, where PREFCENTER_MAIL_IN says so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime

import structlog

from prefcenter.mail.listener import Take, listening
from prefcenter.settings import SettingsError
from prefcenter.storage.database import StorageUnavailable
from prefcenter.use_cases.receive_mail import receive_mail
from prefcenter.use_cases.services import Services

log = structlog.get_logger(__name__)


@asynccontextmanager
async def mail_in(services: Services, now: Callable[[], datetime]) -> AsyncIterator[int | None]:
    """Yields the port; None where no mail is taken in. Raises SettingsError where the port cannot be had."""
    where, address = services.settings.mail_in, services.settings.unsubscribe_address
    if where is None or address is None:
        yield None
        return
    door = listening(where.protocol, where.host, where.port, address, taking(services, now))
    async with AsyncExitStack() as stack:
        try:
            port = await stack.enter_async_context(door)
        except OSError as error:
            raise SettingsError((f"PREFCENTER_MAIL_IN: cannot listen there ({error.strerror})",)) from error
        yield port


def taking(services: Services, now: Callable[[], datetime]) -> Take:
    """What is done with each mail. It logs what became of it, and nothing of what stands in it."""

    async def take(raw: bytes, sender: str) -> bool:
        try:
            received = await receive_mail(services, raw, sender=sender, now=now())
        except StorageUnavailable as error:
            log.warning("a mail waits for the database", error=str(error))
            return False
        log.info("mail in", became=received.became.value, why=received.why)
        return True

    return take
