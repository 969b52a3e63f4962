"""What of the ledger came from a connection or an import, and was not voided yet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from prefcenter.domain.choices import Entry
from prefcenter.domain.voiding import may_be_voided
from prefcenter.storage import rows, statements
from prefcenter.storage.database import AnyDatabase, Row, Tx
from prefcenter.storage.fields import to_micros

#: Entries that are looked at together.
_AT_ONCE = 2_000
_PAGE = 500

_OF_EVENTS = """
SELECT first_seq, last_seq, received_at, id FROM hook_event
WHERE connection = $1 AND received_at <= $2 AND (received_at > $3 OR (received_at = $3 AND id > $4))
AND first_seq IS NOT NULL ORDER BY received_at, id LIMIT $5
"""
_OF_CHUNKS = """
SELECT first_seq, last_seq FROM import_chunk WHERE import_id = $1 AND first_seq > $2
ORDER BY first_seq LIMIT $3
"""
_ENTRIES = f"SELECT {statements.LEDGER_COLUMNS} FROM ledger WHERE seq {{keys}}"
_VOIDED = "SELECT target FROM ledger WHERE action = 'void' AND wide {keys}"
_IS_CONNECTION = (
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM hook_event WHERE connection = $1) "
    "OR EXISTS (SELECT 1 FROM connection_state WHERE name = $1)"
)
_CONNECTIONS = "SELECT name FROM connection_state ORDER BY name"
_IS_IMPORT = (
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM import_chunk WHERE import_id = $1) "
    "OR EXISTS (SELECT 1 FROM import_run WHERE id = $1)"
)


class Span(NamedTuple):
    """A span of time, both ends in it."""

    begin: datetime
    end: datetime


class Found(NamedTuple):
    """Entries that may be voided, and how many more of the same were voided before."""

    entries: Sequence[Entry]
    voided: int


class Origin(Protocol):
    """Where entries came from. `word`, `name`: as the evidence of their voids has it."""

    @property
    def word(self) -> str: ...

    @property
    def name(self) -> str: ...

    async def exists(self, tx: Tx) -> bool: ...

    async def ranges(self, tx: Tx, after: Row | None) -> Sequence[Row]:
        """The next ones: their first and last `seq`, and what else `after` needs to go on."""

    def takes(self, entry: Entry) -> bool: ...


class OfConnection(NamedTuple):
    """What a provider told in events that were received in the span."""

    name: str
    span: Span
    word: str = "connection"

    async def exists(self, tx: Tx) -> bool:
        return bool(await tx.fetch(_IS_CONNECTION, self.name))

    async def ranges(self, tx: Tx, after: Row | None) -> Sequence[Row]:
        at, id_ = (after[2], after[3]) if after is not None else (to_micros(self.span.begin), -1)
        return await tx.fetch(_OF_EVENTS, self.name, to_micros(self.span.end), at, id_, _PAGE)

    def takes(self, entry: Entry) -> bool:
        return may_be_voided(entry)


class OfImport(NamedTuple):
    """What a run of `import` recorded, in the span if there is one."""

    name: str
    span: Span | None
    word: str = "import"

    async def exists(self, tx: Tx) -> bool:
        return bool(await tx.fetch(_IS_IMPORT, self.name))

    async def ranges(self, tx: Tx, after: Row | None) -> Sequence[Row]:
        return await tx.fetch(_OF_CHUNKS, self.name, after[0] if after is not None else -1, _PAGE)

    def takes(self, entry: Entry) -> bool:
        within = self.span is None or self.span.begin <= entry.recorded_at <= self.span.end
        return within and may_be_voided(entry)


async def is_known(database: AnyDatabase, origin: Origin) -> bool:
    async with database.read() as tx:
        return await origin.exists(tx)


async def connections(database: AnyDatabase) -> Sequence[str]:
    async with database.read() as tx:
        return [name for (name,) in await tx.fetch(_CONNECTIONS)]


async def entries_from(database: AnyDatabase, origin: Origin) -> AsyncIterator[Found]:
    """All that may be voided of it, up to some 2 000 at a time, in constant memory."""
    seqs: list[int] = []
    after: Row | None = None
    while True:
        async with database.read() as tx:
            ranges = await origin.ranges(tx, after)
        if not ranges:
            break
        after = ranges[-1]
        for first, last, *_ in ranges:
            seqs += range(first, last + 1)
            if len(seqs) >= _AT_ONCE:
                yield await _read(database, origin, seqs)
                seqs = []
    if seqs:
        yield await _read(database, origin, seqs)


async def _read(database: AnyDatabase, origin: Origin, seqs: Sequence[int]) -> Found:
    async with database.read() as tx:
        found = [rows.entry_from(row) for row in await tx.among(_ENTRIES, "bigint", set(seqs))]
        taken = [entry for entry in found if origin.takes(entry)]
        voided = {row[0] for row in await tx.among(_VOIDED, "bytea", {entry.wide for entry in taken})}
    entries = sorted((e for e in taken if e.entry not in voided), key=lambda entry: entry.seq)
    return Found(entries, len(taken) - len(entries))
