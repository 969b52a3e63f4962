"""People who are known by nothing but a request that nobody confirmed are forgotten."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from prefcenter.domain.choices import Action, Effect
from prefcenter.storage import rows, statements
from prefcenter.storage.database import AnyDatabase, Tx
from prefcenter.storage.fields import from_micros

_CHUNK = 200

# Whoever is held by anything but the ledger and plain facts stays.
_KNOWN_BY_LITTLE = """
SELECT s.id, s.created_at, f.body FROM subject s LEFT JOIN fact f ON f.subject_id = s.id
WHERE s.id {keys}
AND NOT EXISTS (SELECT 1 FROM standing x WHERE x.subject_id = s.id)
AND NOT EXISTS (SELECT 1 FROM external_id x WHERE x.subject_id = s.id)
AND NOT EXISTS (SELECT 1 FROM confirmation x WHERE x.subject_id = s.id)
AND NOT EXISTS (SELECT 1 FROM asked x WHERE x.subject_id = s.id)
AND NOT EXISTS (SELECT 1 FROM task x WHERE x.subject_id = s.id)
"""

#: Facts that are said along with a request, and show no relationship with the person.
_PLAIN_FACTS = frozenset({"country", "language", "age_band", "subscriber"})

# Rows of `mail` hold ids only, and go 90 days after they ended.
_FORGET = (
    "DELETE FROM contact_point WHERE subject_id {keys}",
    "DELETE FROM fact WHERE subject_id {keys}",
    "DELETE FROM subject WHERE id {keys}",
)


async def purge_unconfirmed(database: AnyDatabase, subjects: Iterable[str]) -> int:
    """Forget those of these people who came by an unconfirmed request alone; returns how many.

    Address, facts and evidence go. The ledger's rows stay, with fingerprints that name nobody: they keep
    the address from being asked again at once, and `verify` finds nothing wrong. Raises StorageUnavailable.
    """
    forgotten = 0
    everybody = sorted(set(subjects))
    for start in range(0, len(everybody), _CHUNK):
        # Under the ledger's lock: a yes of this moment came before, and keeps them, or makes them anew.
        async with database.ledger() as tx:
            forgotten += await _purge(tx, everybody[start : start + _CHUNK])
    return forgotten


async def _purge(tx: Tx, subjects: Collection[str]) -> int:
    born = {
        id_: from_micros(created_at)
        for id_, created_at, facts in await tx.among(_KNOWN_BY_LITTLE, "text", subjects)
        if set(rows.facts_dict(facts) if facts else ()) <= _PLAIN_FACTS
    }
    wides = {
        bytes(wide)
        for _, _, _, wide, _, _ in await tx.among(statements.CONTACTS_BY_SUBJECT, "text", set(born))
    }
    entries = [rows.entry_from(row) for row in await tx.among(statements.ENTRIES_BY_WIDE, "bytea", wides)]
    mine = [entry for entry in entries if entry.subject in born]
    kept = {
        entry.subject
        for entry in mine
        if entry.effect is Effect.APPLIED
        and entry.action is not Action.EXPIRE
        # Facts of the very call that asked.
        and not (entry.action is Action.FACT and entry.recorded_at == born[entry.subject or ""])
    }
    gone = born.keys() - kept
    if gone:
        await tx.among(
            "DELETE FROM payload WHERE seq {keys}", "bigint", [e.seq for e in mine if e.subject in gone]
        )
        for sql in _FORGET:
            await tx.among(sql, "text", gone)
    return len(gone)
