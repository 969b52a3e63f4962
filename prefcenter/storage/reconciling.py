"""Comparing a provider's list with `level`: what was seen is kept as fingerprints in a temporary table."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import msgspec

from prefcenter.domain.choices import Cause
from prefcenter.domain.comparing import Held
from prefcenter.storage.database import AnyDatabase, Row, Statement, Tx, insert
from prefcenter.storage.fields import from_micros, to_micros
from prefcenter.storage.level_rows import CONFIRMED, RECONCILIATION
from prefcenter.storage.vault import CannotUnseal, Vault

#: Levels that are looked at, and pushed again, in one transaction.
CHUNK = 1000

_FORGET = "DROP TABLE IF EXISTS listed"
_BEGIN = "CREATE TEMPORARY TABLE listed (wide {kind} NOT NULL)"
_KINDS = {"postgres": "bytea", "sqlite": "BLOB"}
_SEEN = insert("listed", {"wide": "bytea"})
_INDEX = "CREATE INDEX listed_wide ON listed (wide)"
_LEVELS = (
    "SELECT connection, scope, wide, stopped, state, said_at, ended_at, version FROM level WHERE wide {keys}"
)
_CAUSES = (
    f"SELECT wide, cause FROM stop WHERE cause IN ('{Cause.COMPLAINED}', '{Cause.BOUNCED}') AND wide {{keys}}"
)
_KEYS = "SELECT connection, event_key FROM hook_event WHERE event_key {keys}"

_CONFIRM = Statement(
    postgres=f"""
UPDATE level SET state = 'confirmed', confirmed = level.version, confirmed_by = '{RECONCILIATION}',
    ended_at = v.at, sealed = NULL, last_error = NULL, resume_sent = FALSE
FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[])
    AS v(connection, scope, wide, version, at)
WHERE level.connection = v.connection AND level.scope = v.scope AND level.wide = v.wide
    AND level.version = v.version AND level.stopped AND level.state <> 'confirmed'
""",
    sqlite=f"""
UPDATE level SET state = 'confirmed', confirmed = version, confirmed_by = '{RECONCILIATION}', ended_at = ?5,
    sealed = NULL, last_error = NULL, resume_sent = FALSE
WHERE connection = ?1 AND scope = ?2 AND wide = ?3 AND version = ?4 AND stopped AND state <> 'confirmed'
""",
)

# Stopped and known there long enough, and not in the list; with the address, where somebody still has it.
_MISSING = """
SELECT l.id, l.version, coalesce(l.sealed, (SELECT c.sealed FROM contact_point c
    WHERE c.wide = l.wide AND c.channel = 'email' ORDER BY c.id LIMIT 1))
FROM level l WHERE l.connection = $1 AND l.scope = $2 AND l.stopped AND l.state = 'confirmed'
    AND l.ended_at < $3 AND l.id > $4 AND NOT EXISTS (SELECT 1 FROM listed s WHERE s.wide = l.wide)
ORDER BY l.id LIMIT $5
"""
_PUSH_AGAIN = Statement(
    postgres="""
UPDATE level SET state = 'pending', sealed = v.sealed, attempts = 0, first_at = NULL, next_at = v.at,
    last_status = NULL, last_error = NULL, sent_at = NULL, ended_at = NULL, confirmed_by = NULL
FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[]) AS v(id, version, sealed, at)
WHERE level.id = v.id AND level.version = v.version AND level.stopped AND level.state = 'confirmed'
""",
    sqlite="""
UPDATE level SET state = 'pending', sealed = ?3, attempts = 0, first_at = NULL, next_at = ?4,
    last_status = NULL, last_error = NULL, sent_at = NULL, ended_at = NULL, confirmed_by = NULL
WHERE id = ?1 AND version = ?2 AND stopped AND state = 'confirmed'
""",
)
_RECORD = (
    "INSERT INTO reconciliation (connection, state, started_at, ended_at, counts, examples, error) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7)"
)
_RECONCILED = "UPDATE connection_state SET reconciled_at = $1 WHERE name = $2"
_RUNS = (
    "SELECT connection, state, started_at, ended_at, counts, examples, error FROM reconciliation "
    "WHERE connection = $1 ORDER BY started_at DESC, id DESC LIMIT $2"
)


class Missing(NamedTuple):
    """A level that the provider does not list. `sealed` None: nobody has the address any more."""

    id: int
    version: int
    sealed: bytes | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One comparison. `state`: done or failed (`error` says why). `examples`: masked addresses."""

    connection: str
    state: str
    started_at: datetime
    ended_at: datetime
    counts: Mapping[str, int]
    examples: Mapping[str, Sequence[str]]
    error: str | None = None


class Comparison:
    """One scope of a connection: what is seen of its list, on one database connection."""

    def __init__(self, database: AnyDatabase, tx: Tx, connection: str, scope: str) -> None:
        self._database = database
        self._tx = tx
        self._where = connection, scope

    async def see(self, wides: Sequence[bytes]) -> None:
        await self._tx.together([(_SEEN, [(wide,) for wide in wides])])

    async def held(self, wides: Collection[bytes]) -> dict[bytes, Held]:
        """Our levels of these addresses on the scope."""
        found = await self._tx.among(_LEVELS, "bytea", wides)
        return {bytes(row[2]): _held(row) for row in found if (row[0], row[1]) == self._where}

    async def causes(self, wides: Collection[bytes]) -> dict[bytes, set[Cause]]:
        """Complaints and bounces that stand for these addresses."""
        causes: dict[bytes, set[Cause]] = {}
        for wide, cause in await self._tx.among(_CAUSES, "bytea", wides):
            causes.setdefault(bytes(wide), set()).add(Cause(cause))
        return causes

    async def told(self, keys: Collection[str]) -> set[str]:
        """Which of these events were taken in before."""
        found = await self._tx.among(_KEYS, "text", keys)
        return {key for connection, key in found if connection == self._where[0]}

    async def confirm(self, found: Sequence[tuple[bytes, int]], now: datetime) -> None:
        """Levels, by address and version, that are so there."""
        rows = [(*self._where, wide, version, to_micros(now)) for wide, version in sorted(found)]
        async with self._database.write() as tx:
            await tx.many(_CONFIRM, rows)

    async def missing(self, before: datetime) -> AsyncIterator[list[Missing]]:
        """Levels confirmed before then that were not seen; once the whole list was."""
        await self._tx.fetch(_INDEX)
        if self._database.dialect == "postgres":
            await self._tx.fetch("ANALYZE listed")
        after = 0
        while rows := await self._tx.fetch(_MISSING, *self._where, to_micros(before), after, CHUNK):
            yield [Missing(row[0], row[1], row[2]) for row in rows]
            after = rows[-1][0]

    async def push_again(self, found: Sequence[Missing], now: datetime) -> None:
        async with self._database.write() as tx:
            await tx.many(_PUSH_AGAIN, [(one.id, one.version, one.sealed, to_micros(now)) for one in found])


@asynccontextmanager
async def comparing(database: AnyDatabase, connection: str, scope: str) -> AsyncIterator[Comparison]:
    """One at a time in a process. Raises StorageUnavailable."""
    async with database.read() as tx:
        await tx.fetch(_FORGET)
        await tx.fetch(_BEGIN.format(kind=_KINDS[database.dialect]))
        try:
            yield Comparison(database, tx, connection, scope)
        finally:
            await tx.fetch(_FORGET)


def opened(vault: Vault, sealed: bytes) -> str | None:
    """The address, for an example; None: no configured key opens it."""
    try:
        return vault.unseal(sealed).decode()
    except CannotUnseal:
        return None


async def record(database: AnyDatabase, run: Run) -> None:
    """Keep what a comparison came to. Raises StorageUnavailable."""
    counts, examples = (msgspec.json.encode(one).decode() for one in (run.counts, run.examples))
    times = to_micros(run.started_at), to_micros(run.ended_at)
    error = None if run.error is None else run.error[:200]
    async with database.write() as tx:
        await tx.fetch(_RECORD, run.connection, run.state, *times, counts, examples, error)
        if run.error is None:
            await tx.fetch(_RECONCILED, to_micros(run.ended_at), run.connection)


async def runs(database: AnyDatabase, connection: str, most: int = 5) -> list[Run]:
    """The newest comparisons of a connection. Raises StorageUnavailable."""
    async with database.read() as tx:
        return [_run(row) for row in await tx.fetch(_RUNS, connection, most)]


def _run(row: Row) -> Run:
    connection, state, started, ended, counts, examples, error = row
    return Run(
        connection=connection,
        state=state,
        started_at=from_micros(started),
        ended_at=from_micros(ended),
        counts=msgspec.json.decode(counts, type=dict[str, int]),
        examples=msgspec.json.decode(examples, type=dict[str, list[str]]),
        error=error,
    )


def _held(row: Row) -> Held:
    _, _, _, stopped, state, said, ended, version = row
    ended_at = None if ended is None else from_micros(ended)
    return Held(bool(stopped), state == CONFIRMED, from_micros(said), ended_at, version)
