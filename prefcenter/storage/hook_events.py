"""What providers told, waiting to be applied: claimed under a lease, finished under a fencing token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prefcenter.storage.database import AnyDatabase, Row, Statement
from prefcenter.storage.fields import from_micros, to_micros
from prefcenter.storage.levels import ECHOED
from prefcenter.storage.vault import CannotUnseal, Vault

#: Waiting; set aside for the operator. What else becomes of an event: `domain.heard.Became`.
RECEIVED, ASIDE = "received", "aside"

#: What a dead worker held is due again after it.
LEASE = timedelta(seconds=60)

_REASON = 200

_IS_DUE = "SELECT 1 FROM hook_event WHERE state = 'received' AND next_at <= $1 LIMIT 1"
_CLAIM = """
UPDATE hook_event SET token = token + 1, attempts = attempts + 1, next_at = $2 WHERE id {among} (
    SELECT id FROM hook_event WHERE state = 'received' AND next_at <= $1
    ORDER BY next_at LIMIT $3 {skip_locked}){end}
RETURNING id, connection, body, received_at, attempts, token
"""
_CLAIMS = {
    # An array is made once; a subquery after IN may be run again for each row, and pass over other ones.
    "postgres": _CLAIM.format(among="= ANY (ARRAY", skip_locked="FOR UPDATE SKIP LOCKED", end=")"),
    "sqlite": _CLAIM.format(among="IN", skip_locked="", end=""),
}

#: Only whoever holds the newest lease says what became of an event: a row is made by `finish_row`. Those that
#: leave entries are written in the transaction of these.
FINISH = Statement(
    postgres="""
UPDATE hook_event AS e SET state = v.state, reason = v.reason, next_at = v.next_at,
    first_seq = v.first_seq, last_seq = v.last_seq, wide = coalesce(v.wide, e.wide)
FROM unnest($1::bigint[], $2::int[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
    $8::bytea[]) AS v(id, token, state, reason, next_at, first_seq, last_seq, wide)
WHERE e.id = v.id AND e.token = v.token AND e.state = 'received'
""",
    sqlite="""
UPDATE hook_event SET state = ?3, reason = ?4, next_at = ?5, first_seq = ?6, last_seq = ?7,
    wide = coalesce(?8, wide)
WHERE id = ?1 AND token = ?2 AND state = 'received'
""",
)

# Not tried, so not counted as a try.
_LET_GO = Statement(
    postgres="UPDATE hook_event AS e SET attempts = attempts - 1, next_at = v.next_at "
    "FROM unnest($1::bigint[], $2::int[], $3::bigint[]) AS v(id, token, next_at) "
    "WHERE e.id = v.id AND e.token = v.token AND e.state = 'received'",
    sqlite="UPDATE hook_event SET attempts = attempts - 1, next_at = ?3 "
    "WHERE id = ?1 AND token = ?2 AND state = 'received'",
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """An event that is ours until the lease ends. `body` None: purged, or no configured key opens it."""

    id: int
    connection: str
    body: bytes | None
    received_at: datetime
    attempts: int
    token: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """What became of an event that left no entries. `retry_at`: it stays received, and due then.

    `echo`: the scope and address that it confirms, whether as stopped, and when it happened. `wide`: found
    out since.
    """

    claimed: Claimed
    state: str
    reason: str | None = None
    retry_at: datetime | None = None
    wide: bytes | None = None
    echo: tuple[str, bytes, bool, datetime] | None = None


class HookEvents:
    """Every method raises StorageUnavailable. `lease`: whoever is not done by then is taken for dead."""

    def __init__(self, database: AnyDatabase, vault: Vault, lease: timedelta = LEASE) -> None:
        self._database = database
        self._vault = vault
        self._lease = lease

    async def claim(self, most: int, now: datetime) -> list[Claimed]:
        """The oldest that are due."""
        # Asked at every turn of the worker, mostly for nothing, and whoever writes is in another's way.
        async with self._database.read() as tx:
            if not await tx.fetch(_IS_DUE, to_micros(now)):
                return []
        sql = _CLAIMS[self._database.dialect]
        async with self._database.write() as tx:
            found = await tx.fetch(sql, to_micros(now), to_micros(now + self._lease), most)
        return [
            Claimed(row[0], row[1], self._open(row[2]), from_micros(row[3]), row[4], row[5])
            for row in sorted(found, key=lambda row: int(row[0]))
        ]

    def _open(self, sealed: bytes | None) -> bytes | None:
        # One that cannot be opened must not keep the others from being applied.
        try:
            return None if sealed is None else self._vault.unseal(sealed)
        except CannotUnseal:
            return None

    async def finish(self, finished: Sequence[Finished], now: datetime) -> None:
        """Write down what became of events; an echo confirms its level in the same transaction."""
        if not finished:
            return
        echoes = sorted(
            (one.claimed.connection, *one.echo[:3], to_micros(one.echo[3]), to_micros(now))
            for one in finished
            if one.echo is not None
        )
        rows = [
            finish_row(one.claimed, one.state, now, reason=one.reason, retry_at=one.retry_at, wide=one.wide)
            for one in sorted(finished, key=lambda one: one.claimed.id)
        ]
        async with self._database.write() as tx:
            # Sorted, so that two workers never wait for each other in a circle.
            await tx.many(FINISH, rows)
            await tx.many(ECHOED, echoes)

    async def let_go(self, claimed: Sequence[Claimed], until: datetime) -> None:
        """There was no room to try these: they are due again then."""
        async with self._database.write() as tx:
            at = to_micros(until)
            await tx.many(
                _LET_GO, [(one.id, one.token, at) for one in sorted(claimed, key=lambda one: one.id)]
            )


def finish_row(
    claimed: Claimed,
    state: str,
    now: datetime,
    *,
    reason: str | None = None,
    retry_at: datetime | None = None,
    seqs: tuple[int | None, int | None] = (None, None),
    wide: bytes | None = None,
) -> Row:
    """A row of FINISH. `seqs`: the first and last entry that it left in the ledger."""
    return (
        claimed.id,
        claimed.token,
        state,
        None if reason is None else reason[:_REASON],
        to_micros(retry_at or now),
        *seqs,
        wide,
    )
