"""What connections must know of an address, born in the transaction of the choice that changes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from prefcenter.domain.choices import STOPS, Action, Effect, Entry
from prefcenter.domain.deadlines import Deadline
from prefcenter.domain.facts import NO_FACTS, Facts
from prefcenter.domain.levels import CHANNEL, Said, wanted_levels
from prefcenter.domain.purposes import Purpose
from prefcenter.domain.scopes import Reach
from prefcenter.storage import rows
from prefcenter.storage.batch import Batch
from prefcenter.storage.database import Row, Statement, Tx, insert
from prefcenter.storage.fields import to_micros
from prefcenter.storage.units import ChoiceItem

PENDING, CONFIRMED, FAILED = "pending", "confirmed", "failed"
#: By what a level is known to be so at the provider.
ANSWER, ECHO, RECONCILIATION, HEARD = "answer", "echo", "reconciliation", "heard"

#: A provider's word after which it holds the address back as somebody asked.
_STOPPING = STOPS - {Action.BOUNCE}
#: Entries that change no permission.
_NO_MATTER = frozenset({Action.ASK, Action.NOTIFY, Action.DECLINE, Action.REQUEST, Action.FACT})

_COLUMNS = {
    "connection": "text",
    "scope": "text",
    "wide": "bytea",
    "subject_id": "text",
    "sealed": "bytea",
    "stopped": "boolean",
    "version": "bigint",
    "state": "text",
    "said_at": "bigint",
    "honour_by": "bigint",
    "law": "text",
    "next_at": "bigint",
}
_BEGIN_AGAIN = (
    "subject_id = excluded.subject_id, sealed = excluded.sealed, stopped = excluded.stopped, "
    "version = excluded.version, state = excluded.state, said_at = excluded.said_at, "
    "honour_by = excluded.honour_by, law = excluded.law, attempts = 0, first_at = NULL, "
    "next_at = excluded.next_at, last_status = NULL, last_error = NULL, sent_at = NULL, ended_at = NULL, "
    "confirmed_by = NULL"
)

# A stop that the connection must know of; one that is on its way, or known there, is left alone.
STOP_LEVEL = insert(
    "level",
    _COLUMNS,
    f"ON CONFLICT (connection, scope, wide) DO UPDATE SET {_BEGIN_AGAIN} "
    "WHERE level.stopped <> excluded.stopped OR level.state = 'failed'",
)

# A provider told of something that does not stand any more, so it holds back whom it should not.
REOPEN_LEVEL = insert(
    "level", _COLUMNS, f"ON CONFLICT (connection, scope, wide) DO UPDATE SET {_BEGIN_AGAIN}"
)

# Open again, where the connection was told to stop.
OPEN_LEVEL = Statement(
    postgres="""
UPDATE level SET subject_id = v.subject_id, sealed = v.sealed, stopped = FALSE, version = v.version,
    state = 'pending', said_at = v.said_at, honour_by = NULL, law = NULL, attempts = 0, first_at = NULL,
    next_at = v.next_at, last_status = NULL, last_error = NULL, sent_at = NULL, ended_at = NULL,
    confirmed_by = NULL
FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::bytea[], $6::bigint[], $7::bigint[],
    $8::bigint[]) AS v(connection, scope, wide, subject_id, sealed, version, said_at, next_at)
WHERE level.connection = v.connection AND level.scope = v.scope AND level.wide = v.wide AND level.stopped
""",
    sqlite="""
UPDATE level SET subject_id = ?4, sealed = ?5, stopped = FALSE, version = ?6, state = 'pending',
    said_at = ?7, honour_by = NULL, law = NULL, attempts = 0, first_at = NULL, next_at = ?8,
    last_status = NULL, last_error = NULL, sent_at = NULL, ended_at = NULL, confirmed_by = NULL
WHERE connection = ?1 AND scope = ?2 AND wide = ?3 AND stopped
""",
)

# What was sent before may still arrive there, and take back what was heard.
_RESUME_MAY_COME = "level.state = 'pending' AND level.resume_sent"

# It came from there, so it is known there.
HEARD_LEVEL = insert(
    "level",
    {**_COLUMNS, "confirmed": "bigint", "ended_at": "bigint", "confirmed_by": "text"},
    "ON CONFLICT (connection, scope, wide) DO UPDATE SET subject_id = excluded.subject_id, "
    f"sealed = CASE WHEN {_RESUME_MAY_COME} THEN level.sealed END, "
    "stopped = TRUE, version = excluded.version, confirmed = excluded.confirmed, "
    f"state = CASE WHEN {_RESUME_MAY_COME} THEN 'pending' ELSE 'confirmed' END, "
    "said_at = excluded.said_at, honour_by = excluded.honour_by, law = excluded.law, resume_sent = FALSE, "
    "attempts = 0, first_at = NULL, next_at = excluded.next_at, last_status = NULL, last_error = NULL, "
    f"ended_at = CASE WHEN {_RESUME_MAY_COME} THEN NULL ELSE excluded.ended_at END, "
    f"confirmed_by = CASE WHEN {_RESUME_MAY_COME} THEN NULL ELSE excluded.confirmed_by END",
)

# What was recorded for many at once is taken up by the snapshot.
SNAPSHOT_NEEDED = Statement(
    postgres="UPDATE connection_state SET snapshot = 'needed', after = 0 "
    "FROM unnest($1::text[]) AS v(name) WHERE connection_state.name = v.name",
    sqlite="UPDATE connection_state SET snapshot = 'needed', after = 0 WHERE name = ?1",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Connections:
    """What the journal must know of them: their reaches now, and how long a stop may take."""

    reaches: Callable[[], Sequence[Reach]]
    deadline: Callable[[Facts, datetime], Deadline]


class Address(NamedTuple):
    """An address whose levels are worked out."""

    wide: bytes
    subjects: Sequence[str]
    sealed: bytes


def note_heard(batch: Batch, item: ChoiceItem, wide: bytes) -> None:
    """Remember the address in the clear, which nobody may have, and where a provider's word is from."""
    if batch.reaches and item.ref.address is not None and item.ref.channel == CHANNEL:
        batch.spoken.setdefault(wide, item.ref.address)
    # A bounce, or a yes, at the provider is no stop that it knows of.
    if item.heard is not None and item.choice.action in _STOPPING:
        batch.heard.setdefault(wide, set()).add(item.heard)


def note_touched(batch: Batch, first: int, *, told: bool) -> None:
    """Remember which entries of a unit, from `first` on, may change what connections must know."""
    if not batch.reaches:
        return
    entries = [one for one in batch.new_entries if one.seq >= first and one.action not in _NO_MATTER]
    moving = [one for one in entries if one.effect is Effect.APPLIED]
    if told:
        batch.touched += moving
    elif moving:
        batch.snapshot_needed = True


async def write_levels(batch: Batch, tx: Tx, connections: Connections) -> bool:
    """Write the levels that the batch changes; whether there may be something to push."""
    gathered: dict[Statement, list[Row]] = {}
    for address, entry in _addresses(batch):
        for statement, row in rows_of(batch, address, entry.seq, entry.recorded_at, connections):
            gathered.setdefault(statement, []).append(row)
    for statement, found in gathered.items():
        await tx.many(statement, found)
    if batch.snapshot_needed:
        await tx.many(SNAPSHOT_NEEDED, [(reach.connection,) for reach in batch.reaches])
    return bool(gathered)


def _addresses(batch: Batch) -> Iterable[tuple[Address, Entry]]:
    """Every address of everybody whom an entry touches, once, with the newest of these entries."""
    found: dict[bytes, tuple[Address, Entry]] = {}
    for entry in batch.touched:
        subjects = batch.people.subjects_at(entry.wide)
        if entry.subject is not None and entry.subject not in subjects:
            subjects = [*subjects, entry.subject]
        contacts = [
            one for who in subjects for one in batch.people.by_subject.get(who, ()) if one.channel == CHANNEL
        ]
        for contact in contacts:
            sealed = contact.sealed
            if sealed is None:
                assert contact.address is not None
                sealed = batch.vault.seal(contact.address.encode())
            at_wide = batch.people.subjects_at(contact.wide)
            found[contact.wide] = Address(contact.wide, at_wide, sealed), entry
        spoken = batch.spoken.get(entry.wide)
        if spoken is not None and entry.wide not in found:
            address = Address(entry.wide, (), batch.vault.seal(spoken.encode()))
            found[entry.wide] = address, entry
    return found.values()


def rows_of(
    batch: Batch, address: Address, version: int, now: datetime, connections: Connections
) -> Iterable[tuple[Statement, Row]]:
    """What every connection must know of an address, by what the batch knows, as rows of its statements."""
    purposes = {one.key: one for one in batch.purposes.all()}
    people = [said_by(batch, who, address.wide) for who in address.subjects] or [
        Said({}, batch.state.stops_of([address.wide]))
    ]
    subject = address.subjects[0] if address.subjects else None
    deadline = connections.deadline(_facts(batch, subject), now)
    at = to_micros(now)
    heard = batch.heard.get(address.wide, ())
    for reach in batch.reaches:
        for scope, stopped in levels_of(reach, people, purposes).items():
            key = (reach.connection, scope, address.wide)
            came_from_there = (reach.connection, scope) in heard
            due = to_micros(deadline.honour_by), deadline.law
            if stopped and came_from_there:
                known = True, version, CONFIRMED, at, *due, at, version, at, HEARD
                yield HEARD_LEVEL, (*key, subject, None, *known)
            elif stopped:
                yield STOP_LEVEL, (*key, subject, address.sealed, True, version, PENDING, at, *due, at)
            elif came_from_there:
                nothing_due = None, None
                row: Row = (*key, subject, address.sealed, False, version, PENDING, at, *nothing_due, at)
                yield REOPEN_LEVEL, row
            else:
                yield OPEN_LEVEL, (*key, subject, address.sealed, version, at, at)


def levels_of(reach: Reach, people: Sequence[Said], purposes: Mapping[str, Purpose]) -> dict[str, bool]:
    """The levels of an address: of several people who share it, a stop of one holds for all."""
    levels: dict[str, bool] = {}
    for said in people:
        for scope, stopped in wanted_levels(reach, said, purposes).items():
            levels[scope] = levels.get(scope, False) or stopped
    return levels


def said_by(batch: Batch, subject: str, wide: bytes) -> Said:
    stops = batch.state.stops_of(batch.people.wides_of(subject) | {wide})
    return Said(batch.state.standings.get(subject, {}), stops)


def _facts(batch: Batch, subject: str | None) -> Facts:
    facts = batch.facts.get(subject) if subject is not None else None
    return rows.facts_of(facts) if facts else NO_FACTS
