"""Requests that nobody confirmed run out: that is recorded, and whoever came by them alone is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from prefcenter.domain.choices import Action, Choice, Source, Status
from prefcenter.storage.confirmations import DROP_CONFIRMATION, Confirmation, Confirmations
from prefcenter.storage.database import Row, Statement
from prefcenter.storage.fields import to_micros
from prefcenter.storage.mail_queue import DROP_MAILS_ABOUT
from prefcenter.storage.purging import purge_unconfirmed
from prefcenter.storage.units import ChoiceItem, Outcome, Ref, Unit, UnitRefused
from prefcenter.use_cases.confirming import KIND
from prefcenter.use_cases.services import Services

#: How often the worker looks; no link works, and nothing is sent, a moment longer for it.
EVERY = timedelta(minutes=5)

#: Recorded together: few enough that nobody's opt-out waits for them.
_CHUNK = 100


async def expire_confirmations(services: Services, now: datetime) -> tuple[int, int]:
    """End what can no longer be answered. Returns how many ran out unanswered, and how many people went.

    Answered ones go too: the entry of the yes holds their evidence. Can be broken off and begun again at
    any point. Raises StorageUnavailable.
    """
    unanswered = forgotten = 0
    while chunk := await Confirmations(services.database).past(now, _CHUNK):
        await asyncio.gather(*(_end(services, confirmation, now) for confirmation in chunk))
        open_still = [confirmation for confirmation in chunk if confirmation.confirmed_at is None]
        unanswered += sum(bool(confirmation.entries) for confirmation in open_still)
        people = {confirmation.subject for confirmation in open_still}
        forgotten += await purge_unconfirmed(services.database, people)
    return unanswered, forgotten


async def _end(services: Services, confirmation: Confirmation, now: datetime) -> None:
    gone: Sequence[tuple[Statement, Row]] = [
        (DROP_CONFIRMATION, (confirmation.id,)),
        (DROP_MAILS_ABOUT, (KIND, confirmation.id, to_micros(now))),
    ]
    items = await _run_out(services, confirmation) if confirmation.confirmed_at is None else []
    if items:

        def companions(_: Outcome) -> Sequence[tuple[Statement, Row]]:
            return gone

        try:
            await services.journal.record(Unit(now=now, choices=tuple(items), companions=companions))
            return
        except UnitRefused:
            pass  # The person went, or their address did, at this very moment.
    async with services.database.write() as tx:
        await tx.together([(statement, [row]) for statement, row in gone])


async def _run_out(services: Services, confirmation: Confirmation) -> list[ChoiceItem]:
    """What still stands as asked for: the rest was answered, stopped or asked again since."""
    person = (await services.reader.people_named([confirmation.subject]))[0]
    return [
        ChoiceItem(
            ref=Ref(subject=confirmation.subject),
            choice=Choice(
                action=Action.EXPIRE,
                source=Source.SYSTEM,
                purpose=standing.purpose,
                channel=standing.channel,
                stated_at=confirmation.expires_at,
            ),
            evidence={"method": "clock", "reason": "not confirmed in time"},
            undoes=standing.entry,
        )
        for standing in person.standings.values()
        if standing.status is Status.REQUESTED and standing.entry in confirmation.entries
    ]
