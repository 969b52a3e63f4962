"""Apply what providers told: the domain says what it means, the journal records it with what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

import structlog

from email_hooks.events import ALL, EventKind
from prefcenter.domain.heard import MAY_ECHO, POISONED, next_try
from prefcenter.storage.database import StorageUnavailable
from prefcenter.storage.hook_events import ASIDE, RECEIVED, Claimed, Finished, HookEvents
from prefcenter.storage.levels import echoes
from prefcenter.storage.reading import Person
from prefcenter.storage.units import Unit
from prefcenter.use_cases.hear_one import About, Known, Told, work_out
from prefcenter.use_cases.keep_hooks import prints_of
from prefcenter.use_cases.services import Services

_RESUMES = frozenset(kind for kind, stop in MAY_ECHO.items() if not stop)

log = structlog.get_logger(__name__)


async def hear(services: Services, queue: HookEvents, told: Sequence[Told], now: datetime) -> None:
    """Apply events, each by itself: one that fails is tried again, then set aside; the others go on.

    A change of address comes last: it takes along what the others stop. Raises StorageUnavailable where it
    could not be written down: their leases run out.
    """
    moves = [one for one in told if one.event.kind is EventKind.ADDRESS_CHANGED]
    for some in ([one for one in told if one.event.kind is not EventKind.ADDRESS_CHANGED], moves):
        if some:
            await _hear(services, queue, some, now)


async def _hear(services: Services, queue: HookEvents, told: Sequence[Told], now: datetime) -> None:
    about = [
        About(one, prints_of(services, one.event.address), prints_of(services, one.event.new_address))
        for one in told
    ]
    known = Known(
        await _echoes(services, about),
        await _people(services, about),
        {reach.connection: reach for reach in services.accounts.reaches()},
    )
    finished: list[Finished] = []
    units: list[tuple[Told, Unit]] = []
    for one in about:
        try:
            ready = work_out(one, known, services.catalogs.find, now)
        except Exception as error:  # whatever it is, the other events must be applied
            ready = failed(one.told.claimed, type(error).__name__, POISONED, now)
        if isinstance(ready, Unit):
            units.append((one.told, ready))
        else:
            finished.append(ready)
    finished += await _record(services, units, now)
    await finish(queue, finished, now)


async def finish(queue: HookEvents, finished: Sequence[Finished], now: datetime) -> None:
    """Write down what became of events that left no entries, and say loudly which are set aside."""
    await queue.finish(finished, now)
    for one in finished:
        if one.state == ASIDE:
            log.error(
                "a hook event is set aside",
                connection=one.claimed.connection,
                hook_event=one.claimed.id,
                reason=one.reason,
            )


def failed(
    claimed: Claimed, reason: str, schedule: Sequence[int], now: datetime, wait: float = 0
) -> Finished:
    """Tried again by the schedule (not before `wait` seconds), then set aside."""
    again = next_try(claimed.attempts, schedule, now, wait)
    return Finished(
        claimed=claimed, state=ASIDE if again is None else RECEIVED, reason=reason, retry_at=again
    )


async def _echoes(services: Services, about: Sequence[About]) -> set[int]:
    """The rows of those that say what we have sent."""
    by_connection: dict[str, list[tuple[int, tuple[str, bytes, bool]]]] = {}
    for (claimed, event), prints, _ in about:
        if event.kind in MAY_ECHO and prints is not None:
            said = event.scope or ALL, prints.wide, MAY_ECHO[event.kind]
            by_connection.setdefault(claimed.connection, []).append((claimed.id, said))
    found: set[int] = set()
    if by_connection:
        async with services.database.read() as tx:
            for connection, said_there in by_connection.items():
                ours = await echoes(tx, connection, [said for _, said in said_there])
                found |= {id_ for id_, said in said_there if said in ours}
    return found


async def _people(services: Services, about: Sequence[About]) -> dict[bytes, Person]:
    """Whoever is at the addresses of events that ask for it."""
    asking = {EventKind.ADDRESS_CHANGED, *_RESUMES}
    wanted = [one.prints for one in about if one.told.event.kind in asking and one.prints is not None]
    found = await services.reader.people_at(wanted) if wanted else []
    return {prints.wide: person for prints, person in zip(wanted, found, strict=True)}


async def _record(services: Services, units: Sequence[tuple[Told, Unit]], now: datetime) -> list[Finished]:
    """Record them together; returns those that failed. Raises StorageUnavailable where nothing is known."""
    outcomes = await asyncio.gather(
        *(services.journal.record(unit) for _, unit in units), return_exceptions=True
    )
    finished = []
    for (told, _), outcome in zip(units, outcomes, strict=True):
        if isinstance(outcome, StorageUnavailable):
            log.warning("a hook event waits for the database", hook_event=told.claimed.id, error=str(outcome))
        elif isinstance(outcome, Exception):
            # Not its text, which may name somebody.
            reason = f"it cannot be recorded: {type(outcome).__name__}"
            finished.append(failed(told.claimed, reason, POISONED, now))
        elif isinstance(outcome, BaseException):
            raise outcome
    return finished
