"""Whose relationship stood in for a yes and no longer does, where that is not recorded yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, ParamSpec, TypeVar

import structlog

from prefcenter.domain import clocks
from prefcenter.domain.choices import Action, Effect
from prefcenter.domain.clocks import RunOut
from prefcenter.domain.purposes import Purpose
from prefcenter.storage.past import Past
from prefcenter.storage.past_entries import read_past
from prefcenter.storage.running_out import Related, standings_of
from prefcenter.storage.units import Seen
from prefcenter.use_cases.services import Services

#: People looked at in one go: nobody's opt-out waits longer.
AT_ONCE = 20

P = ParamSpec("P")
R = TypeVar("R")

log = structlog.get_logger(__name__)


class Ended(NamedTuple):
    """What ran out for somebody, and what that was concluded from."""

    subject: str
    run_out: RunOut
    seen: Seen


def safely(look: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R | None:
    """None where somebody's data cannot be made sense of: the clocks go on for the others."""
    try:
        return look(*args, **kwargs)
    except Exception as error:  # whatever it is, it is the trouble of one person
        tell_of(error)
        return None


def tell_of(error: Exception) -> None:
    """By its kind alone: its words might hold an address."""
    log.error("the clocks passed somebody over, whose data make no sense", error=type(error).__name__)


async def ended_relationships(
    services: Services, people: Iterable[Related], purposes: Sequence[Purpose], now: datetime
) -> list[Ended]:
    """Of these people, whoever may no longer be sent one of the purposes for it. Raises StorageUnavailable.

    A few lines of each person's facts settle nearly all of it; only what is new is looked into.
    """
    over = await _over_by_facts(services, people, purposes, now)
    found = await _with_nothing_else(services, over, now)
    if not found:
        return []
    past = await read_past(services.database, services.vault, subjects={one.subject for one, _ in found})
    return [
        ended
        for ended, known_since in found
        if not _is_recorded(past, ended) and safely(_stood_in, services, past, ended, known_since)
    ]


async def _over_by_facts(
    services: Services, people: Iterable[Related], purposes: Sequence[Purpose], now: datetime
) -> list[tuple[str, RunOut]]:
    """As far as facts and standings tell: most was recorded long ago."""
    regimes, rules_changed = services.catalogs.regimes, services.catalogs.rules_changed
    over = []
    for number, (subject, facts, known_since) in enumerate(people):
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
        ends = safely(clocks.over_by_facts, facts, purposes, regimes, now) or ()
        over += [(subject, end) for end in ends if clocks.last_moments(end, known_since, rules_changed)]
    if not over:
        return []
    standings = await standings_of(services.database, (subject for subject, _ in over))
    return [
        (subject, end)
        for subject, end in over
        if clocks.is_new(end, standings.get(subject, {}).get((end.purpose, end.channel)))
    ]


async def _with_nothing_else(
    services: Services, over: Sequence[tuple[str, RunOut]], now: datetime
) -> list[tuple[Ended, datetime | None]]:
    """Where neither a stop nor anything else decides; with since when we know the person."""
    in_force = services.catalogs.in_force
    subjects = sorted({subject for subject, _ in over})
    people = dict(zip(subjects, await services.reader.people_named(subjects), strict=True))
    found = []
    for subject, end in over:
        person, purpose = people[subject], in_force.find(end.purpose)
        held = person.standings.get((end.purpose, end.channel))
        if purpose is None or not clocks.is_new(end, held):
            continue
        since = safely(clocks.over_since, purpose, end.channel, person, in_force.regimes, now)
        if since == end.at:
            found.append((Ended(subject, end, Seen(person.facts, held)), person.known_since))
    return found


def _is_recorded(past: Past, ended: Ended) -> bool:
    """A question since then may have taken the place of what was recorded."""
    run_out = ended.run_out
    return any(
        entry.action is Action.EXPIRE
        and entry.effect is Effect.APPLIED
        and (entry.subject, entry.purpose, entry.channel) == (ended.subject, run_out.purpose, run_out.channel)
        and entry.occurred_at >= run_out.at
        for entries in past.entries.values()
        for entry in entries
    )


def _stood_in(services: Services, past: Past, ended: Ended, known_since: datetime | None) -> bool:
    """Whether it was ever of use here: nobody is told of the end of what never was."""
    run_out, catalogs = ended.run_out, services.catalogs
    for then in clocks.last_moments(run_out, known_since, catalogs.rules_changed):
        rules = catalogs.as_of(then)
        purpose = rules.find(run_out.purpose)
        person = past.person_named(ended.subject, then, rules.find)
        if purpose is not None and clocks.stood_in(purpose, run_out.channel, person, rules.regimes, then):
            return True
    return False
