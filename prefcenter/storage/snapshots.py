"""A connection's snapshot: the levels of everybody who is or was stopped, worked out a chunk at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from prefcenter.domain.levels import CHANNEL
from prefcenter.storage import statements
from prefcenter.storage.batch import Batch, Purposes
from prefcenter.storage.connections import DONE, UNDER_WAY
from prefcenter.storage.database import AnyDatabase, Row, Statement, Tx
from prefcenter.storage.level_rows import Address, Connections, rows_of
from prefcenter.storage.loading import load_people, load_stops
from prefcenter.storage.vault import Vault

#: Addresses in one transaction: opt-outs wait for it.
CHUNK = 200
#: Contact points that one look goes past at most.
LOOKED_AT = 5000

_STATE = "SELECT snapshot, after FROM connection_state WHERE name = $1"
_PROGRESS = "UPDATE connection_state SET snapshot = $1, after = $2 WHERE name = $3"

_NEXT_CONTACTS = (
    "SELECT id, wide, sealed, subject_id FROM contact_point "
    "WHERE id > $1 AND channel = $2 ORDER BY id LIMIT $3"
)
# The next addresses of people of whom anything was stopped, or has ended.
_NEXT = f"""
SELECT id, wide, sealed, subject_id FROM ({_NEXT_CONTACTS}) AS c
WHERE EXISTS (SELECT 1 FROM contact_point o JOIN stop s ON s.wide = o.wide WHERE o.subject_id = c.subject_id)
   OR EXISTS (SELECT 1 FROM standing t WHERE t.subject_id = c.subject_id
              AND t.status IN ('ConsentWithdrawn', 'ConsentRefused', 'ConsentExpired', 'ConsentInvalidated',
                               'LegitimateInterestObjected'))
ORDER BY id LIMIT $4
"""
_REACHED = f"SELECT max(id) FROM ({_NEXT_CONTACTS}) AS c"


class Snapshots:
    """In turns, each in the journal's own transaction: no choice comes between what is read and written."""

    def __init__(
        self, database: AnyDatabase, vault: Vault, purposes: Purposes, connections: Connections
    ) -> None:
        self._database = database
        self._vault = vault
        self._purposes = purposes
        self._connections = connections

    async def turn(self, name: str, now: datetime) -> bool:
        """Take the next addresses; whether there are more. Raises StorageUnavailable."""
        reaches = [one for one in self._connections.reaches() if one.connection == name]
        async with self._database.ledger() as tx:
            found = await tx.fetch(_STATE, name)
            if not reaches or not found or found[0][0] == DONE:
                return False
            after = found[0][1]
            batch = Batch(self._purposes, self._vault)
            batch.reaches = reaches
            rows = await tx.fetch(_NEXT, after, CHANNEL, LOOKED_AT, CHUNK)
            await self._take(batch, tx, rows, now)
            if len(rows) == CHUNK:
                reached = rows[-1][0]
            else:
                reached = (await tx.fetch(_REACHED, after, CHANNEL, LOOKED_AT))[0][0]
            over = reached is None
            await tx.fetch(_PROGRESS, DONE if over else UNDER_WAY, 0 if over else reached, name)
        return not over

    async def _take(self, batch: Batch, tx: Tx, found: Sequence[Row], now: datetime) -> None:
        await load_people(batch, tx, {bytes(wide) for _, wide, _, _ in found})
        await load_stops(batch, tx, set(batch.people.by_wide))
        head = await tx.fetch(statements.HEAD)
        version = head[0][0] if head else 0
        levels: dict[Statement, list[Row]] = {}
        for _, wide, sealed, _ in found:
            address = Address(bytes(wide), batch.people.subjects_at(bytes(wide)), bytes(sealed))
            for statement, row in rows_of(batch, address, version, now, self._connections):
                levels.setdefault(statement, []).append(row)
        for statement, made in levels.items():
            await tx.many(statement, made)
