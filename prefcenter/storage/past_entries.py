"""Reads the part of the ledger that decides for some people, at any moment: a few statements for a set."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from prefcenter.domain.choices import Action
from prefcenter.storage import rows, statements
from prefcenter.storage.database import AnyDatabase, Tx
from prefcenter.storage.fields import from_micros, to_micros
from prefcenter.storage.past import Past, left_for
from prefcenter.storage.vault import Vault

# The addresses that somebody has now: where the search for former ones begins.
_HAVE = "SELECT subject_id, narrow, wide FROM contact_point WHERE subject_id {keys}"
_CREATED = "SELECT id, created_at FROM subject WHERE id {keys}"
_RECORDED_AT = "SELECT recorded_at FROM ledger WHERE seq = $1"
_FIRST_AFTER = "SELECT seq FROM ledger WHERE seq > $1 AND recorded_at > $2 ORDER BY seq LIMIT 1"

_WIDE = statements.LEDGER_COLUMNS.split(", ").index("wide")

#: What the clocks of two processes differ by at the very most.
_SKEW = timedelta(hours=1)


async def read_past(
    database: AnyDatabase, vault: Vault, *, wides: Iterable[bytes] = (), subjects: Iterable[str] = ()
) -> Past:
    """The part of the ledger that decides for these addresses and people, at any moment."""
    past = Past(vault)
    asked = set(wides)
    async with database.read() as tx:
        await _read_entries(past, tx, asked)
        people = {who for wide in asked for who in past.named_at(wide)} | set(subjects)
        for subject, narrow, wide in await tx.among(_HAVE, "text", people):
            past.have.setdefault(subject, []).append((bytes(narrow), bytes(wide)))
        for subject, created_at in await tx.among(_CREATED, "text", people):
            past.created[subject] = from_micros(created_at)
        wanted = asked | {wide for have in past.have.values() for _, wide in have}
        while wanted:
            await _read_entries(past, tx, wanted - set(past.entries))
            reached = {left for wide in wanted for left in left_for(past.entries[wide])}
            wanted = reached - set(past.entries)
        await _read_evidence(past, tx)
    return past


async def _read_entries(past: Past, tx: Tx, wides: set[bytes]) -> None:
    past.entries.update({wide: [] for wide in wides})
    for row in await tx.among(statements.ENTRIES_BY_WIDE, "bytea", wides):
        try:
            entry = rows.entry_from(row)
            left_for([entry])
        except ValueError:
            past.unreadable.add(bytes(row[_WIDE]))
        else:
            past.entries[entry.wide].append(entry)


async def _read_evidence(past: Past, tx: Tx) -> None:
    facts = (entry for found in past.entries.values() for entry in found if entry.action is Action.FACT)
    seqs = [entry.seq for entry in facts]
    for seq, sealed in await tx.among(statements.PAYLOADS, "bigint", seqs):
        past.evidence[seq] = bytes(sealed)


async def head_at(database: AnyDatabase, at: datetime) -> int:
    """The `seq` up to which everything was recorded by then: whatever came after it is named by changes."""
    async with database.read() as tx:
        found = await tx.fetch(statements.HEAD)
        low, high = 0, found[0][0] if found else 0
        head = high
        surely = to_micros(at - _SKEW)
        while low < high:
            middle = (low + high + 1) // 2
            if (await tx.fetch(_RECORDED_AT, middle))[0][0] <= surely:
                low = middle
            else:
                high = middle - 1
        after = await tx.fetch(_FIRST_AFTER, low, to_micros(at))
    return after[0][0] - 1 if after else head
