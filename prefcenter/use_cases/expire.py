"""The clocks: what has run out is recorded, and so told to whom it concerns; what is due is counted.

`decide` answers by the same moments whether or not anything is recorded yet. A walk goes over all that may
have run out, a short turn at a time, and keeps how far it has come: it can be broken off at any moment.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import UNSET, UnsetType

from prefcenter.domain import clocks
from prefcenter.domain.choices import Action, Choice, Effect, Source
from prefcenter.storage.database import StorageUnavailable
from prefcenter.storage.duties import duty_result, keep_result
from prefcenter.storage.running_out import old_yeses, related
from prefcenter.storage.units import ChoiceItem, Ref, Seen, Unit, UnitRefused
from prefcenter.use_cases.ended import AT_ONCE, Ended, ended_relationships, safely, tell_of
from prefcenter.use_cases.services import Services

NAME = "clocks"
EVERY = timedelta(hours=1)
#: A walk that was broken off is gone on with after so long, by whoever comes first.
GO_ON_AFTER = timedelta(minutes=2)

#: Reads, and entries, of one turn: a worker that is told to stop waits for no more.
_READS = 50
_ENTRIES = 500
#: Recorded in one transaction: an opt-out that comes meanwhile waits for no more.
_TOGETHER = 10


class Clocks(msgspec.Struct, kw_only=True):
    """What a walk came to, as the duty keeps it: entries recorded, yeses that are due. `at`: as of when.

    `yeses_after`, `people_after`: where it goes on; neither: it has come to its end.
    """

    expired: int = 0
    review_due: int = 0
    remind_due: int = 0
    at: datetime
    yeses_after: int | UnsetType = UNSET
    people_after: str | UnsetType = UNSET

    @property
    def is_under_way(self) -> bool:
        return self.yeses_after is not UNSET or self.people_after is not UNSET


async def last_clocks(services: Services) -> Clocks | None:
    """What the last walk came to, or how far it has come; None: there was none yet."""
    kept = await duty_result(services.database, NAME)
    return None if kept is None else msgspec.json.decode(kept, type=Clocks)


async def expire(services: Services, now: datetime) -> bool:
    """One turn of a walk: go on with the one under way, or begin one. Returns whether there is more to do.

    The worker has claimed the duty. Raises StorageUnavailable.
    """
    # Another process may have applied other rules.
    await services.catalogs.refresh()
    walk = await last_clocks(services)
    if walk is None or not walk.is_under_way:
        walk = Clocks(at=now, yeses_after=0, people_after="")
    before = walk.expired
    for _ in range(_READS):
        if not walk.is_under_way or walk.expired - before >= _ENTRIES:
            break
        await _step(services, walk, now)
    walk.at = now
    next_run = now + (GO_ON_AFTER if walk.is_under_way else EVERY)
    await keep_result(services.database, NAME, msgspec.json.encode(walk).decode(), next_run)
    return walk.is_under_way


async def _step(services: Services, walk: Clocks, now: datetime) -> None:
    """All yeses first: one that ran out may be what a relationship is looked at for."""
    if walk.yeses_after is not UNSET:
        walk.yeses_after = await _look_at_yeses(services, walk, walk.yeses_after, now)
    elif walk.people_after is not UNSET:
        walk.people_after = await _look_at_people(services, walk, walk.people_after, now)


async def _look_at_yeses(services: Services, walk: Clocks, after: int, now: datetime) -> int | UnsetType:
    """The next yeses that are old enough for anything to be due."""
    in_force = services.catalogs.in_force
    given_before = clocks.given_before(in_force.regimes, now)
    if given_before is None:
        return UNSET
    begun = time.monotonic()
    found, go_on = await old_yeses(services.database, after, given_before)
    ended = []
    for number, (standing, known) in enumerate(found):
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
        purpose = in_force.find(standing.purpose)
        look = safely(clocks.look_at, standing, known, purpose, in_force.regimes, now)
        if look is None:
            continue
        walk.review_due += look.review_due
        walk.remind_due += look.remind_due
        if look.ran_out is not None:
            ended.append(Ended(standing.subject, look.ran_out, Seen(known.facts, standing)))
    await _rest(begun)
    walk.expired += await _record(services, ended, now)
    return UNSET if go_on is None else go_on


async def _look_at_people(services: Services, walk: Clocks, after: str, now: datetime) -> str | UnsetType:
    """The next people whose relationship may have stood in for a yes."""
    in_force = services.catalogs.in_force
    purposes = clocks.without_a_yes(in_force.all(), in_force.regimes)
    if not purposes:
        return UNSET
    begun = time.monotonic()
    found, go_on = await related(services.database, after)
    ended = await ended_relationships(services, found, purposes, now)
    await _rest(begun)
    walk.expired += await _record(services, ended, now)
    return UNSET if go_on is None else go_on


async def _record(services: Services, ended: Sequence[Ended], now: datetime) -> int:
    """Returns how many took effect: the others came back, or went, at this very moment."""
    number = 0
    for start in range(0, len(ended), _TOGETHER):
        part = ended[start : start + _TOGETHER]
        begun = time.monotonic()
        number += sum(await asyncio.gather(*(_record_one(services, one, now) for one in part)))
        await _rest(begun)
    return number


async def _rest(begun: float) -> None:
    """Leave everybody else as much time as we took."""
    await asyncio.sleep(time.monotonic() - begun)


async def _record_one(services: Services, ended: Ended, now: datetime) -> bool:
    run_out, in_force = ended.run_out, services.catalogs.in_force
    item = ChoiceItem(
        ref=Ref(subject=ended.subject, channel=run_out.channel),
        choice=Choice(
            action=Action.EXPIRE,
            source=Source.SYSTEM,
            purpose=run_out.purpose,
            channel=run_out.channel,
            stated_at=run_out.at,
        ),
        evidence={
            "method": "clock",
            "reason": "the relationship ran out" if run_out.entry is None else "the yes ran out",
            "regime": in_force.regimes.of(ended.seen.facts.country).name,
            "rules": in_force.rules,
        },
        undoes=run_out.entry,
        seen=ended.seen,
    )
    try:
        outcome = await services.journal.record(Unit(now=now, choices=(item,)))
    except StorageUnavailable:
        raise
    except UnitRefused:
        # The person was forgotten, or erased.
        return False
    except Exception as error:
        tell_of(error)
        return False
    return outcome.results[0].effect is Effect.APPLIED
