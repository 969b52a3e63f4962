"""Writes what a batch came to, a set at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prefcenter.storage import rows, statements
from prefcenter.storage.batch import Batch
from prefcenter.storage.database import Row, Statement, Tx
from prefcenter.storage.events import born_of
from prefcenter.storage.fields import to_micros
from prefcenter.storage.third_parties import tasks_of

#: Rows of people who are new in the batch, of whom the table has nothing yet, and of the others.
_NewAndKnown = tuple[list[Row], list[Row]]


async def write(batch: Batch, tx: Tx) -> None:
    """One statement for all of it, where the database can."""
    if batch.endpoints and batch.new_entries:
        await _bear_events(batch, tx)
    await _drop(batch, tx)
    tasks = await tasks_of(batch, tx)
    await tx.together(
        [
            *_people(batch),
            (statements.ADD_LEDGER, batch.ledger),
            (statements.ADD_PAYLOAD, batch.payloads),
            *_state(batch),
            *_facts(batch),
            (statements.PUT_WORDING, list({row[0]: row for row in batch.wordings}.values())),
            (statements.ADD_DELIVERY, batch.deliveries),
            (statements.ADD_CLAIM, batch.new_claims),
            *tasks,
            *_by_statement(batch.companions),
        ]
    )


def _by_statement(pairs: Sequence[tuple[Statement, Row]]) -> Iterator[tuple[Statement, Sequence[Row]]]:
    """A thousand rows of one table are one statement, as everything here."""
    gathered: dict[Statement, list[Row]] = {}
    for statement, row in pairs:
        gathered.setdefault(statement, []).append(row)
    yield from gathered.items()


def _people(batch: Batch) -> Iterator[tuple[Statement, Sequence[Row]]]:
    people = batch.people
    yield statements.ADD_SUBJECT, [(id_, to_micros(at)) for id_, at in people.new_subjects.items()]
    contacts = []
    for contact, epoch in people.new_contacts.values():
        assert contact.address is not None
        sealed = batch.vault.seal(contact.address.encode())
        contacts.append(
            (contact.subject, contact.channel, sealed, contact.narrow, contact.wide, to_micros(epoch))
        )
    # Where an address may have changed hands, whoever gave it up comes first: one statement, in that order.
    all_new = all(subject in people.new_subjects for subject, _ in people.new_contacts)
    yield statements.ADD_CONTACT if all_new else statements.PUT_CONTACT, contacts
    yield statements.ADD_EXTERNAL_ID, list(people.new_external.items())


def _state(batch: Batch) -> Iterator[tuple[Statement, Sequence[Row]]]:
    state = batch.state
    stops = (state.stops.get(wide, {}).get(key) for wide, key in state.changed_stops)
    yield statements.PUT_STOP, [rows.stop_row(stop) for stop in stops if stop is not None]
    standings: _NewAndKnown = [], []
    for subject, key in state.changed_standings:
        standing = state.standings.get(subject, {}).get(key)
        if standing is not None:
            known = subject not in batch.people.new_subjects
            standings[known].append(rows.standing_row(standing))
    yield from zip((statements.ADD_STANDING, statements.PUT_STANDING), standings, strict=True)


def _facts(batch: Batch) -> Iterator[tuple[Statement, Sequence[Row]]]:
    facts: _NewAndKnown = [], []
    for subject, seq in batch.new_facts.items():
        known = subject not in batch.people.new_subjects
        facts[known].append((subject, seq, rows.facts_body(batch.facts[subject])))
    yield from zip((statements.ADD_FACT, statements.PUT_FACT), facts, strict=True)


async def _drop(batch: Batch, tx: Tx) -> None:
    """What the state no longer holds: undone stops, ended bounces, yeses of an address that was left."""
    state = batch.state
    for wide, (channel, purpose, cause) in state.changed_stops:
        if (channel, purpose, cause) not in state.stops.get(wide, {}):
            await tx.fetch(statements.DROP_STOP, wide, channel, purpose, cause.value)
    for subject, key in state.changed_standings:
        if key not in state.standings.get(subject, {}):
            await tx.fetch(statements.DROP_STANDING, subject, *key)


async def _bear_events(batch: Batch, tx: Tx) -> None:
    externals: dict[str, list[str]] = {}
    subjects = set(batch.people.by_subject)
    for subject, value in await tx.among(statements.EXTERNAL_IDS_OF, "text", subjects):
        externals.setdefault(subject, []).append(value)
    for value, subject in batch.people.new_external.items():
        externals.setdefault(subject, []).append(value)
    for entry in batch.new_entries:
        if entry.seq not in batch.untold:
            batch.deliveries += born_of(entry, batch, externals)
