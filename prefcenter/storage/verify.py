"""Checks the ledger end to end: nothing changed, nothing missing, and the state is what it adds up to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from prefcenter.domain.choices import Effect
from prefcenter.domain.folding import fold
from prefcenter.domain.standing import State
from prefcenter.domain.voiding import is_voided
from prefcenter.storage import rows, statements
from prefcenter.storage.batch import Purposes
from prefcenter.storage.database import AnyDatabase, Row, Tx
from prefcenter.storage.vault import CannotUnseal, Vault

_CHUNK = 2_000
_MOST_PROBLEMS = 100

# One moment of the database, while others go on writing.
_SNAPSHOT = {"postgres": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "sqlite": "BEGIN"}

_NAMES = statements.LEDGER_COLUMNS.split(", ")
_COLUMNS = len(_NAMES)
_LEDGER = """
SELECT {columns}, ledger.digest, ledger.chain, payload.salt, payload.sealed
FROM ledger LEFT JOIN payload ON payload.seq = ledger.seq
WHERE ledger.seq > $1 ORDER BY ledger.seq LIMIT $2
""".replace("{columns}", ", ".join(f"ledger.{name}" for name in _NAMES))
_VOIDED = "SELECT target FROM ledger WHERE action = 'void'"
_STOPS = f"SELECT {statements.STOP_COLUMNS}, id FROM stop WHERE id > $1 ORDER BY id LIMIT $2"
_STANDINGS = f"SELECT {statements.STANDING_COLUMNS}, id FROM standing WHERE id > $1 ORDER BY id LIMIT $2"

#: What reading a row can raise once somebody has written nonsense into it.
_NONSENSE = (ValueError, TypeError, AttributeError, OverflowError, AssertionError, KeyError)


async def verify(database: AnyDatabase, purposes: Purposes, vault: Vault) -> list[str]:
    """What is wrong with the ledger, or with the stops and standings that stand on it; empty: nothing.

    The chain is read in constant memory; the state takes as much as all people's stops and standings do.
    Rows cut off at the very end leave a whole ledger: they show in the state, or against a seal.
    """
    async with database.read() as tx:
        await tx.fetch(_SNAPSHOT[database.dialect])
        try:
            voided = frozenset(row[0] for row in await tx.fetch(_VOIDED))
            ledger = _Ledger(purposes, vault, voided)
            async for row in _all(tx, _LEDGER, 0):
                ledger.take(row)
            problems = ledger.problems
            if not problems:
                problems = await _compare(tx, ledger.state)
        finally:
            await tx.fetch("ROLLBACK")
    if len(problems) > _MOST_PROBLEMS:
        more = len(problems) - _MOST_PROBLEMS
        return [*problems[:_MOST_PROBLEMS], f"and {more} more"]
    return problems


async def _all(tx: Tx, sql: str, key: int) -> AsyncIterator[Row]:
    """Every row of a statement that goes on after `$1`; `key`: the column that says where it ended."""
    after = 0
    while chunk := await tx.fetch(sql, after, _CHUNK):
        for row in chunk:
            yield row
        after = chunk[-1][key]


@dataclass(slots=True)
class _Ledger:
    """Follows the chain, and folds the entries as long as there is nothing wrong with them."""

    purposes: Purposes
    vault: Vault
    voided: frozenset[str]
    seq: int = 0
    chain: bytes = rows.GENESIS
    state: State = field(default_factory=State)
    problems: list[str] = field(default_factory=list)

    def take(self, row: Row) -> None:
        columns, (digest, chain, salt, sealed) = tuple(row[:_COLUMNS]), row[_COLUMNS:]
        seq = columns[0]
        if seq != self.seq + 1:
            gone = (
                f"entry {self.seq + 1} is"
                if seq == self.seq + 2
                else f"entries {self.seq + 1} to {seq - 1} are"
            )
            self.problems.append(f"{gone} missing")
        else:
            self.problems += self._changed(columns, digest, chain)
        self.problems += self._evidence(seq, digest, salt, sealed)
        self.seq, self.chain = seq, _bytes(chain)
        if not self.problems:
            self._fold(columns)

    def _changed(self, columns: Row, digest: object, chain: object) -> Iterator[str]:
        if rows.chain_value(self.chain, columns, _bytes(digest)) != _bytes(chain):
            yield f"entry {columns[0]} was changed, replaced or moved, or the one before it was"

    def _evidence(self, seq: int, digest: object, salt: object, sealed: object) -> Iterator[str]:
        if salt is None and sealed is None:
            return  # erased, as it may be
        try:
            payload = self.vault.unseal(_bytes(sealed))
        except CannotUnseal as error:
            yield f"the evidence of entry {seq} cannot be opened: {error}"
            return
        if rows.payload_digest(_bytes(salt), payload) != _bytes(digest):
            yield f"the evidence of entry {seq} is not what was recorded with it"

    def _fold(self, columns: Row) -> None:
        try:
            entry = rows.entry_from(columns)
            if is_voided(entry, self.voided):
                entry = entry._replace(effect=Effect.NONE)
            fold(self.state, entry, self.purposes.find)
        except _NONSENSE as error:
            self.problems.append(f"entry {columns[0]} makes no sense: {error}")
        self.state.changed_stops.clear()
        self.state.changed_standings.clear()


async def _compare(tx: Tx, state: State) -> list[str]:
    """Where the stored stops and standings differ from the ledger's. Uses the state up."""
    problems = []
    async for row in _all(tx, _STOPS, -1):
        try:
            stop = rows.stop_from(row[:-1])
        except _NONSENSE:
            problems.append(f"row {row[-1]} of stop makes no sense")
            continue
        if state.stops.get(stop.wide, {}).pop(stop.key, None) != stop:
            problems.append(f"row {row[-1]} of stop is not what the ledger adds up to")
    async for row in _all(tx, _STANDINGS, -1):
        try:
            standing = rows.standing_from(row[:-1])
        except _NONSENSE:
            problems.append(f"row {row[-1]} of standing makes no sense")
            continue
        if state.standings.get(standing.subject, {}).pop(standing.key, None) != standing:
            problems.append(f"row {row[-1]} of standing is not what the ledger adds up to")
    for stops in state.stops.values():
        problems += [f"the stop of entry {stop.seq} is not stored" for stop in stops.values()]
    for standings in state.standings.values():
        problems += [f"the standing of entry {one.entry} is not stored" for one in standings.values()]
    return problems


def _bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else b""
