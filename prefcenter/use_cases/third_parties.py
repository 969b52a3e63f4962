"""What third parties are to do, and what they have confirmed (GDPR Art. 19; *Proximus*, CJEU C-129/21)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from prefcenter.catalog import Recipient
from prefcenter.domain.choices import Action, Cause, Entry
from prefcenter.domain.decide import may_send
from prefcenter.domain.purposes import Purpose
from prefcenter.domain.third_parties import reaches
from prefcenter.storage.tasks import (
    Task,
    find_task,
    mark_confirmed,
    tasks_of_subject,
    unconfirmed_tasks,
)
from prefcenter.use_cases.services import Services

#: What a third party needs to know of the cause: its duty follows from it. It says no more of the person.
_SAID: dict[Cause | Action, str] = {
    Cause.WITHDRAWN: "withdrawn",
    Cause.REFUSED: "withdrawn",
    Cause.OBJECTED: "objected",
    Cause.ALL_MARKETING: "objected",
    Cause.COMPLAINED: "objected",
    Cause.BOUNCED: "bounced",
    Cause.ERASED: "erased",
    Cause.SIGNAL: "signal",
    Action.INVALIDATE: "invalidated",
    Action.VOID: "invalidated",
    Action.EXPIRE: "expired",
    Action.ADDRESS_CHANGED: "moved",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskDetails:
    """A task, with all that its third party is told. `what` happened `since` then: a word of `_SAID`.

    `recipient` as last known, also where the catalog no longer has it. `again`: by now the person has allowed
    it again.
    """

    task: Task
    recipient: Recipient
    purpose: Purpose
    what: str
    since: datetime
    again: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ToldOf:
    """What a person's record says of one third party."""

    recipient: str
    name: str
    purpose: str
    state: str
    created_at: datetime
    told_at: datetime | None
    confirmed_at: datetime | None


async def details_of(services: Services, task: str, now: datetime) -> TaskDetails | None:
    """None: there is no such task."""
    found = await find_task(services.database, task)
    if found is None:
        return None
    recipient = services.catalogs.in_force.recipients[found.recipient]
    purpose = services.catalogs.find(found.purpose)
    [entry] = await services.reader.changes(found.seq - 1, 1)
    assert purpose is not None
    return TaskDetails(
        task=found,
        recipient=recipient,
        purpose=purpose,
        what=_SAID[entry.cause or entry.action],
        since=entry.occurred_at,
        again=await _allowed_again(services, found, purpose, entry, now),
    )


def address_of(services: Services, task: Task) -> str | None:
    """The person's address; None: confirmed, so it was let go. Raises CannotUnseal where its key is gone."""
    return services.vault.unseal(task.sealed).decode() if task.sealed is not None else None


async def _allowed_again(
    services: Services, task: Task, purpose: Purpose, entry: Entry, now: datetime
) -> bool:
    if entry.action is Action.ADDRESS_CHANGED:
        # What they allow now is allowed for another address.
        return False
    person = (await services.reader.people_named([task.subject]))[0]
    regimes = services.catalogs.regimes
    return any(
        may_send(purpose, channel, person, regimes=regimes, now=now, recipient=task.recipient).allowed
        for channel in purpose.channels
        if reaches(entry, purpose, channel)
    )


async def confirm(services: Services, task: str, now: datetime) -> bool:
    """The third party says that it acted. False: it had said so before. Durable when it returns."""
    return await mark_confirmed(services.database, task, now)


async def told_of(services: Services, subject: str | None) -> Sequence[ToldOf]:
    """Which third parties were told that permissions of this person ended, and when."""
    if subject is None:
        return []
    known = services.catalogs.in_force.recipients
    return [
        ToldOf(
            recipient=task.recipient,
            name=known[task.recipient].name if task.recipient in known else task.recipient,
            purpose=task.purpose,
            state=task.state,
            created_at=task.created_at,
            told_at=task.told_at,
            confirmed_at=task.confirmed_at,
        )
        for task in await tasks_of_subject(services.database, subject)
    ]


async def still_open(services: Services) -> AsyncIterator[tuple[Task, Recipient]]:
    """What no third party has confirmed yet; the ones that nobody was told of come first."""
    known = services.catalogs.in_force.recipients
    async for task in unconfirmed_tasks(services.database):
        yield task, known[task.recipient]
