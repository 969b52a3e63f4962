"""The levels that wait to be pushed, and what became of them; `level_rows` is how they are born."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prefcenter.storage.database import AnyDatabase, Row, Statement, Tx
from prefcenter.storage.fields import from_micros, to_micros
from prefcenter.storage.level_rows import ANSWER, ECHO
from prefcenter.storage.vault import CannotUnseal, Vault

#: One level of a provider's own word: the scope, the address, and whether it is a stop.
Heard = tuple[str, bytes, bool]

# What is due at a connection, stops before resumes; a resume waits for the snapshot, and for the stops of
# the same address. What is taken counts as sent before it is: an echo may be faster than the answer.
_CLAIM = """
UPDATE level SET token = token + 1, next_at = $3, sent = version, sent_at = $2,
    first_at = coalesce(first_at, $2), stop_sent = stop_sent OR stopped,
    resume_sent = resume_sent OR NOT stopped
WHERE id {among} (
    SELECT id FROM level AS l WHERE connection = $1 AND state = 'pending' AND stopped = $5 AND next_at <= $2
    AND ($5 OR NOT EXISTS (SELECT 1 FROM level AS s WHERE s.connection = l.connection AND s.wide = l.wide
        AND s.state = 'pending' AND s.stopped))
    ORDER BY next_at LIMIT $4 {skip_locked}){end}
RETURNING id, scope, stopped, sealed, version, attempts, first_at, token
"""
_CLAIMS = {
    "postgres": _CLAIM.format(among="= ANY (ARRAY", skip_locked="FOR UPDATE SKIP LOCKED", end=")"),
    "sqlite": _CLAIM.format(among="IN", skip_locked="", end=""),
}

# What became of an attempt, from whoever holds the newest lease. One that changed since stays due: a new stop
# does not wait for the schedule of the resume before it.
_FINISH = Statement(
    postgres="""
UPDATE level SET
    state = CASE WHEN v.state = 'pending' OR level.version = v.version THEN v.state ELSE 'pending' END,
    attempts = CASE WHEN level.version = v.version THEN attempts + v.counted ELSE attempts END,
    next_at = CASE WHEN level.version = v.version THEN v.next_at ELSE level.next_at END,
    last_status = v.last_status, last_error = v.last_error,
    confirmed = CASE WHEN v.state = 'confirmed' THEN v.version ELSE confirmed END,
    confirmed_by = CASE WHEN v.state = 'confirmed' THEN v.confirmed_by ELSE level.confirmed_by END,
    ended_at = CASE WHEN v.state <> 'pending' AND level.version = v.version THEN v.at END,
    sealed = CASE WHEN v.state <> 'confirmed' OR level.version <> v.version THEN sealed END,
    stop_sent = stop_sent AND NOT (v.state = 'confirmed' AND NOT v.stopped),
    resume_sent = resume_sent AND NOT (v.state = 'confirmed' AND v.stopped)
FROM unnest($1::bigint[], $2::int[], $3::bigint[], $4::boolean[], $5::text[], $6::bigint[], $7::int[],
    $8::text[], $9::text[], $10::bigint[], $11::int[])
    AS v(id, token, version, stopped, state, next_at, last_status, last_error, confirmed_by, at, counted)
WHERE level.id = v.id AND level.token = v.token AND level.state = 'pending'
""",
    sqlite="""
UPDATE level SET
    state = CASE WHEN ?5 = 'pending' OR version = ?3 THEN ?5 ELSE 'pending' END,
    attempts = CASE WHEN version = ?3 THEN attempts + ?11 ELSE attempts END,
    next_at = CASE WHEN version = ?3 THEN ?6 ELSE next_at END, last_status = ?7, last_error = ?8,
    confirmed = CASE WHEN ?5 = 'confirmed' THEN ?3 ELSE confirmed END,
    confirmed_by = CASE WHEN ?5 = 'confirmed' THEN ?9 ELSE confirmed_by END,
    ended_at = CASE WHEN ?5 <> 'pending' AND version = ?3 THEN ?10 END,
    sealed = CASE WHEN ?5 <> 'confirmed' OR version <> ?3 THEN sealed END,
    stop_sent = stop_sent AND NOT (?5 = 'confirmed' AND NOT ?4),
    resume_sent = resume_sent AND NOT (?5 = 'confirmed' AND ?4)
WHERE id = ?1 AND token = ?2 AND state = 'pending'
""",
)

# The provider's own report of what was sent to it: (connection, scope, wide, stopped, happened, at). One of
# something that happened before this was sent is of an earlier time, and confirms nothing.
ECHOED = Statement(
    postgres=f"""
UPDATE level SET state = 'confirmed', confirmed = sent, confirmed_by = '{ECHO}', ended_at = v.at,
    sealed = NULL,
    stop_sent = stop_sent AND v.stopped, resume_sent = resume_sent AND NOT v.stopped
FROM unnest($1::text[], $2::text[], $3::bytea[], $4::boolean[], $5::bigint[], $6::bigint[])
    AS v(connection, scope, wide, stopped, happened, at)
WHERE level.connection = v.connection AND level.scope = v.scope AND level.wide = v.wide
    AND level.stopped = v.stopped AND level.sent = level.version AND level.state = 'pending'
    AND level.sent_at < v.happened + 1000000
""",
    sqlite=f"""
UPDATE level SET state = 'confirmed', confirmed = sent, confirmed_by = '{ECHO}', ended_at = ?6, sealed = NULL,
    stop_sent = stop_sent AND ?4, resume_sent = resume_sent AND NOT ?4
WHERE connection = ?1 AND scope = ?2 AND wide = ?3 AND stopped = ?4 AND sent = version AND state = 'pending'
    AND sent_at < ?5 + 1000000
""",
)

# A yes there that does not count here: what is stopped must be stopped there again.
_ADDRESS = "SELECT c.sealed FROM contact_point c WHERE c.wide = {wide} AND c.channel = 'email' LIMIT 1"
_AGAIN = (
    "state = 'pending', attempts = 0, first_at = NULL, sent_at = NULL, ended_at = NULL, confirmed_by = NULL"
)
OPENED_THERE = Statement(
    postgres=f"""
UPDATE level SET {_AGAIN}, next_at = v.at, sealed = ({_ADDRESS.format(wide="v.wide")})
FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[]) AS v(connection, scope, wide, at)
WHERE level.connection = v.connection AND level.scope = v.scope AND level.wide = v.wide
    AND level.stopped AND level.state = 'confirmed' AND EXISTS ({_ADDRESS.format(wide="v.wide")})
""",
    sqlite=f"""
UPDATE level SET {_AGAIN}, next_at = ?4, sealed = ({_ADDRESS.format(wide="?3")})
WHERE connection = ?1 AND scope = ?2 AND wide = ?3 AND stopped AND state = 'confirmed'
    AND EXISTS ({_ADDRESS.format(wide="?3")})
""",
)

_SENT = "SELECT connection, scope, wide, stop_sent, resume_sent FROM level WHERE wide {keys}"

_HURRY = "UPDATE level SET next_at = $1 WHERE connection = $2 AND state = 'pending' AND next_at > $1"

# Dead letters, and what a pause kept waiting, are due at once.
_REPLAY = """
UPDATE level SET state = 'pending', attempts = 0, first_at = NULL, next_at = $1, ended_at = NULL,
    last_error = NULL
WHERE connection = $2 AND (state = 'failed' OR (state = 'pending' AND next_at > $1)) RETURNING state
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A level that is ours until the lease ends; `attempts` are those before this one. `address` None: no
    configured key opens it."""

    id: int
    scope: str
    stopped: bool
    address: str | None
    version: int
    attempts: int
    first_at: datetime
    token: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """What became of an attempt. `retry_at` None: it ended, in `state`. `counted` False: it was no fault of
    the level's own, so its schedule does not go on."""

    claimed: Claimed
    state: str
    retry_at: datetime | None = None
    status: int | None = None
    error: str | None = None
    counted: bool = True


class Levels:
    """What the worker asks of the database. Every method raises StorageUnavailable."""

    def __init__(self, database: AnyDatabase, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def claim(
        self, connection: str, stops: int, now: datetime, lease: timedelta, *, resumes: int
    ) -> list[Claimed]:
        """Due levels of one direction: so many stops as long as there are any, then so many resumes (0: none
        may leave)."""
        sql = _CLAIMS[self._database.dialect]
        until = to_micros(now + lease)
        async with self._database.write() as tx:
            found = await tx.fetch(sql, connection, to_micros(now), until, stops, True)
            if not found and resumes:
                found = await tx.fetch(sql, connection, to_micros(now), until, resumes, False)
        return [self._claimed(row) for row in found]

    def _claimed(self, row: Row) -> Claimed:
        id_, scope, stopped, sealed, version, attempts, first_at, token = row
        address = self._open(sealed) if sealed is not None else None
        return Claimed(id_, scope, bool(stopped), address, version, attempts, from_micros(first_at), token)

    def _open(self, sealed: bytes) -> str | None:
        # One that cannot be opened must not keep the others from going out.
        try:
            return self._vault.unseal(sealed).decode()
        except CannotUnseal:
            return None

    async def finish(self, finished: Sequence[Finished], now: datetime) -> None:
        async with self._database.write() as tx:
            await tx.many(_FINISH, [_row(one, now) for one in finished])

    async def hurry(self, connection: str, now: datetime) -> None:
        """The provider is back: what waited for a later try is due at once."""
        async with self._database.write() as tx:
            await tx.fetch(_HURRY, to_micros(now), connection)

    async def replay(self, connection: str, now: datetime) -> int:
        """Everything that failed, or waits for a later try, is due at once; how many."""
        async with self._database.write() as tx:
            return len(await tx.fetch(_REPLAY, to_micros(now), connection))


def _row(finished: Finished, now: datetime) -> Row:
    claimed = finished.claimed
    return (
        claimed.id,
        claimed.token,
        claimed.version,
        claimed.stopped,
        finished.state,
        to_micros(finished.retry_at or now),
        finished.status,
        None if finished.error is None else finished.error[:200],
        ANSWER,
        to_micros(now),
        int(finished.counted),
    )


async def echoes(tx: Tx, connection: str, said: Sequence[Heard]) -> set[Heard]:
    """Which of these reports of a connection are echoes of ours: what we sent comes back, whatever its time.

    A stop is one if we sent a stop there and no later resume is confirmed; a resume likewise.
    """
    found = await tx.among(_SENT, "bytea", {wide for _, wide, _ in said})
    sent = set()
    for name, scope, wide, stop_sent, resume_sent in found:
        if name == connection:
            sent |= {(scope, bytes(wide), True)} if stop_sent else set()
            sent |= {(scope, bytes(wide), False)} if resume_sent else set()
    return sent & set(said)
