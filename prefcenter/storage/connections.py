"""How it goes with each connection to a provider: running or paused, its breaker, its lease, its snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from prefcenter.domain.scopes import Reach
from prefcenter.storage.database import AnyDatabase, Row, insert
from prefcenter.storage.fields import from_micros, to_micros

RUNNING, PAUSED = "running", "paused"
#: The token of whoever has no lease yet.
NO_LEASE = -1
NEEDED, UNDER_WAY, DONE = "needed", "running", "done"

_ADD = insert(
    "connection_state",
    {"name": "text", "state": "text", "snapshot": "text", "scopes": "text", "created_at": "bigint"},
    "ON CONFLICT (name) DO NOTHING",
)
# Other scopes than before: what is stopped has to be worked out anew.
_REMAPPED = """
UPDATE connection_state SET scopes = $1, snapshot = 'needed', after = 0
WHERE name = $2 AND (scopes IS NULL OR scopes <> $1)
"""
_LEASE = """
UPDATE connection_state SET lease_until = $1, token = CASE WHEN token = $2 THEN token ELSE token + 1 END
WHERE name = $3 AND (token = $2 OR lease_until <= $4) RETURNING token, state, open_until, failures, snapshot
"""
_LOOK = "SELECT state, open_until, failures, snapshot FROM connection_state WHERE name = $1 AND token = $2"
_LET_GO = "UPDATE connection_state SET lease_until = 0 WHERE name = $1 AND token = $2"
_PAUSE = (
    "UPDATE connection_state SET state = 'paused', reason = $1, open_until = $2, "
    "since = CASE WHEN state = 'paused' THEN since ELSE $3 END WHERE name = $4"
)
_RUN = (
    "UPDATE connection_state SET state = 'running', reason = NULL, since = NULL, failures = 0, "
    "open_until = NULL WHERE name = $1 AND (state <> 'running' OR failures <> 0 OR open_until IS NOT NULL)"
)
_FAILED = "UPDATE connection_state SET failures = $1, open_until = $2, reason = $3 WHERE name = $4"
_PROBLEMS = "UPDATE connection_state SET problems = $1, checked_at = $2 WHERE name = $3"
_ALL = (
    "SELECT name, state, reason, since, failures, open_until, snapshot, alarm, alarm_at, problems, "
    "checked_at, reconciled_at FROM connection_state ORDER BY name"
)


@dataclass(frozen=True, slots=True)
class Lease:
    """This process works the connection till `until`. `open_until`: until then its breaker is open."""

    token: int
    until: datetime
    paused: bool
    open_until: datetime | None
    failures: int
    snapshot: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionNow:
    """What an operator is told of a connection. `problems`: what the last start check found."""

    name: str
    state: str
    reason: str | None
    since: datetime | None
    failures: int
    open_until: datetime | None
    snapshot: str
    alarm: str | None
    alarm_at: datetime | None
    problems: Sequence[str]
    checked_at: datetime | None
    reconciled_at: datetime | None


def _time(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)


class ConnectionStates:
    """Every method raises StorageUnavailable."""

    def __init__(self, database: AnyDatabase) -> None:
        self._database = database

    async def know(self, reaches: Sequence[Reach], now: datetime) -> None:
        """A row for each connection; a new one, or one that is mapped otherwise, needs a snapshot."""
        # Under the ledger's lock, so that no turn of a snapshot writes over that it is needed anew.
        async with self._database.ledger() as tx:
            rows = [(one.connection, RUNNING, NEEDED, _scopes(one), to_micros(now)) for one in reaches]
            await tx.many(_ADD, rows)
            for one in reaches:
                await tx.fetch(_REMAPPED, _scopes(one), one.connection)

    async def lease(self, name: str, token: int, now: datetime, until: datetime) -> Lease | None:
        """Take the connection, or keep it by the `token` of the last lease; None: another process has it."""
        async with self._database.write() as tx:
            found = await tx.fetch(_LEASE, to_micros(until), token, name, to_micros(now))
        if not found:
            return None
        mine, state, open_until, failures, snapshot = found[0]
        return Lease(mine, until, state == PAUSED, _time(open_until), failures, snapshot)

    async def look(self, lease: Lease, name: str) -> Lease | None:
        """The lease as it is now; None: it was lost."""
        async with self._database.read() as tx:
            found = await tx.fetch(_LOOK, name, lease.token)
        if not found:
            return None
        state, open_until, failures, snapshot = found[0]
        return Lease(lease.token, lease.until, state == PAUSED, _time(open_until), failures, snapshot)

    async def let_go(self, name: str, token: int) -> None:
        async with self._database.write() as tx:
            await tx.fetch(_LET_GO, name, token)

    async def pause(self, name: str, reason: str, now: datetime, try_again: datetime) -> None:
        async with self._database.write() as tx:
            await tx.fetch(_PAUSE, reason[:200], to_micros(try_again), to_micros(now), name)

    async def run(self, name: str) -> None:
        """It works: no pause, no failures, the breaker closed."""
        async with self._database.write() as tx:
            await tx.fetch(_RUN, name)

    async def failed(self, name: str, failures: int, open_until: datetime | None, reason: str) -> None:
        """So many failures in a row; until `open_until` nothing is tried."""
        until = None if open_until is None else to_micros(open_until)
        async with self._database.write() as tx:
            await tx.fetch(_FAILED, failures, until, reason[:200], name)

    async def checked(self, name: str, problems: Sequence[str], now: datetime) -> None:
        text = msgspec.json.encode(list(problems)).decode() if problems else None
        async with self._database.write() as tx:
            await tx.fetch(_PROBLEMS, text, to_micros(now), name)

    async def all(self) -> Mapping[str, ConnectionNow]:
        async with self._database.read() as tx:
            found = await tx.fetch(_ALL)
        return {row[0]: _now(row) for row in found}


def _scopes(reach: Reach) -> str:
    scopes = {scope: sorted(held) for scope, held in sorted(reach.scopes.items())}
    return msgspec.json.encode(scopes).decode()


def _now(row: Row) -> ConnectionNow:
    (
        name,
        state,
        reason,
        since,
        failures,
        open_until,
        snapshot,
        alarm,
        alarm_at,
        problems,
        checked,
        compared,
    ) = row
    return ConnectionNow(
        name=name,
        state=state,
        reason=reason,
        since=_time(since),
        failures=failures,
        open_until=_time(open_until),
        snapshot=snapshot,
        alarm=alarm,
        alarm_at=_time(alarm_at),
        problems=msgspec.json.decode(problems, type=list[str]) if problems else (),
        checked_at=_time(checked),
        reconciled_at=_time(compared),
    )
