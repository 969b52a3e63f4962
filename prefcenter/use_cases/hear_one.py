"""What one event of a provider comes to: a unit for the journal, or only a state of its row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, NamedTuple

from email_hooks.events import ALL, EventKind, HookEvent
from prefcenter.domain.addresses import Fingerprints
from prefcenter.domain.heard import MAY_ECHO, Became, Find, Meaning, Report, meaning_of
from prefcenter.domain.scopes import Reach
from prefcenter.storage.database import Row, Statement
from prefcenter.storage.fields import to_micros
from prefcenter.storage.hook_events import ASIDE, FINISH, Claimed, Finished, finish_row
from prefcenter.storage.levels import OPENED_THERE
from prefcenter.storage.reading import Person
from prefcenter.storage.units import ChoiceItem, Outcome, Unit, ref_of

#: Kinds that say nothing unless it is known of whom.
_OF_SOMEBODY = MAY_ECHO.keys() | {EventKind.COMPLAINED, EventKind.BOUNCED_HARD, EventKind.ADDRESS_CHANGED}


class Told(NamedTuple):
    """An event that is being applied, and its row."""

    claimed: Claimed
    event: HookEvent


class About(NamedTuple):
    """An event with what its address, and its new one, are found by; None: it has none."""

    told: Told
    prints: Fingerprints | None
    new_prints: Fingerprints | None


class Known(NamedTuple):
    """What was read for a set of events. `echoed`: ids of rows; `people`: by the wide form of an address."""

    echoed: AbstractSet[int]
    people: Mapping[bytes, Person]
    reaches: Mapping[str, Reach]


def work_out(about: About, known: Known, find: Find, now: datetime) -> Unit | Finished:
    """What is to be written down of an event. `find`: a purpose of any catalog by its key."""
    claimed, event = about.told
    wide = about.prints.wide if about.prints is not None else None
    wrong = _what_is_wrong(about)
    if wrong is not None:
        return Finished(claimed=claimed, state=ASIDE, reason=wrong)
    person = known.people.get(wide) if wide is not None else None
    meaning = _meaning(about.told, person, known, find)
    # A yes of somebody whom nobody knows is nobody's.
    is_nobodys = meaning.became is Became.QUARANTINED and (person is None or person.subject is None)
    if meaning.choices and not is_nobodys:
        return _unit(about, meaning, now)
    echo = None
    if meaning.became is Became.ECHO and wide is not None:
        echo = event.scope or ALL, wide, MAY_ECHO[event.kind], _happened(about.told)
    return Finished(claimed=claimed, state=meaning.became, wide=wide, echo=echo)


def _what_is_wrong(about: About) -> str | None:
    event = about.told.event
    if event.problem is not None:
        return event.problem
    if about.prints is None and event.kind in _OF_SOMEBODY:
        return "its address is missing, or is none"
    if about.new_prints is None and event.kind is EventKind.ADDRESS_CHANGED:
        return "the new address is missing, or is none"
    return None


def _meaning(told: Told, person: Person | None, known: Known, find: Find) -> Meaning:
    claimed, event = told
    report = Report(
        kind=event.kind,
        scope=event.scope,
        at=_happened(told),
        is_echo=claimed.id in known.echoed,
        stops=person.stops if person is not None else (),
    )
    # What the file no longer has is mapped to nothing, so its stops are of all marketing.
    reach = known.reaches.get(claimed.connection) or Reach(connection=claimed.connection, scopes={})
    return meaning_of(report, reach, find)


def _happened(told: Told) -> datetime:
    """Received is the latest that it can have happened, whenever it is applied."""
    received_at = told.claimed.received_at
    return min(told.event.occurred_at or received_at, received_at)


def _unit(about: About, meaning: Meaning, now: datetime) -> Unit:
    claimed, event = about.told
    moved = meaning.became is Became.MOVED
    prints, address = (about.new_prints, event.new_address) if moved else (about.prints, event.address)
    assert prints is not None and address is not None
    ref = ref_of(prints, address)
    # The new address is news to the provider's list as well.
    heard = None if moved else (claimed.connection, event.scope or ALL)
    evidence = _evidence(claimed.connection, event)
    return Unit(
        now=now,
        choices=tuple(
            ChoiceItem(ref=ref, index=index, choice=choice, evidence=evidence, heard=heard)
            for index, choice in enumerate(meaning.choices)
        ),
        # What only repeats what stands leaves no entry; a yes without effect would never leave any.
        sparing=meaning.became is not Became.QUARANTINED,
        companions=_finishing(claimed, meaning.became, prints.wide, now, event.scope or ALL),
    )


def _finishing(
    claimed: Claimed, became: Became, wide: bytes, now: datetime, scope: str
) -> Callable[[Outcome], Sequence[tuple[Statement, Row]]]:
    def companions(outcome: Outcome) -> Sequence[tuple[Statement, Row]]:
        recorded = outcome.head > outcome.before
        seqs = (outcome.before + 1, outcome.head) if recorded else (None, None)
        finished: list[tuple[Statement, Row]] = [
            (FINISH, finish_row(claimed, became, now, seqs=seqs, wide=wide))
        ]
        if became is Became.QUARANTINED:
            finished.append((OPENED_THERE, (claimed.connection, scope, wide, to_micros(now))))
        return finished

    return companions


def _evidence(connection: str, event: HookEvent) -> dict[str, Any]:
    said = {
        "connection": connection,
        "provider": event.provider,
        "event": event.event_id,
        "scope": event.scope,
        "reason": event.reason,
        "campaign": event.campaign,
        "message_id": event.message_id,
        "origin": event.origin.value,
    }
    return {name: value for name, value in said.items() if value is not None}
