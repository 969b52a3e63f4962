"""Mails of ours waiting to be sent: claimed under a lease, finished under a fencing token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from prefcenter.storage.database import AnyDatabase, Row, Statement, Tx, insert
from prefcenter.storage.fields import from_micros, to_micros
from prefcenter.storage.people import new_id

PENDING, SENT, FAILED = "pending", "sent", "failed"
#: No longer needed when its turn came: answered, run out, or nobody is there any more.
DROPPED = "dropped"

#: Longer than composing and handing over one mail may take (`mail.smtp`).
LEASE = timedelta(seconds=60)


class Priority(IntEnum):
    """Which mails go first: a person waits for a confirmation, nobody for a question."""

    CONFIRMATION = 0
    THIRD_PARTY = 1
    NOTICE = 5
    ASK = 9


ADD_MAIL = insert(
    "mail",
    {
        "id": "text",
        "kind": "text",
        "about": "text",
        "priority": "int",
        "state": "text",
        "attempts": "int",
        "created_at": "bigint",
        "next_at": "bigint",
        "token": "int",
    },
)

# One look into the index for each priority, however many mails wait for a later time.
_DUE = """
SELECT p.priority FROM ({priorities}) AS p WHERE EXISTS (
    SELECT 1 FROM mail m WHERE m.state = 'pending' AND m.priority = p.priority AND m.next_at <= $1)
ORDER BY p.priority
""".format(priorities=" UNION ALL ".join(f"SELECT {one.value} AS priority" for one in Priority))

# Another worker's are passed over. The lease is the new due time.
_CLAIM = """
UPDATE mail SET token = token + 1, attempts = attempts + 1, next_at = $3 WHERE id {among} (
    SELECT id FROM mail WHERE state = 'pending' AND priority = $1 AND next_at <= $2
    ORDER BY next_at LIMIT $4 {skip_locked}){end}
RETURNING id, kind, about, attempts, created_at, token
"""
_CLAIMS = {
    # An array is made once; a subquery after IN may be run again for each row, and pass over other ones.
    "postgres": _CLAIM.format(among="= ANY (ARRAY", skip_locked="FOR UPDATE SKIP LOCKED", end=")"),
    "sqlite": _CLAIM.format(among="IN", skip_locked="", end=""),
}

# Only whoever holds the newest lease may say what became of a mail.
_FINISH = """
UPDATE mail SET state = $1, next_at = $2, last_error = $3, digest = COALESCE($4, digest), ended_at = $5
WHERE id = $6 AND token = $7 AND state = 'pending' RETURNING id
"""

# Nobody needs what waits about this any more.
DROP_MAILS_ABOUT = Statement(
    postgres="""
UPDATE mail AS m SET state = 'dropped', ended_at = v.ended_at
FROM unnest($1::text[], $2::text[], $3::bigint[]) AS v(kind, about, ended_at)
WHERE m.kind = v.kind AND m.about = v.about AND m.state = 'pending'
""",
    sqlite="UPDATE mail SET state = 'dropped', ended_at = ?3 "
    "WHERE kind = ?1 AND about = ?2 AND state = 'pending'",
)

# What is to be sent, before it is: whoever answers it may be faster than we write down that it went out.
_BEGIN = """
UPDATE mail SET digest = $1, next_at = $2 WHERE id = $3 AND token = $4 AND state = 'pending' RETURNING id
"""

_COUNTS = "SELECT kind, state, count(*) FROM mail GROUP BY kind, state"
_NEWEST_FAILURE = """
SELECT kind, last_error FROM mail WHERE state = 'failed' ORDER BY ended_at DESC, id LIMIT 1
"""

_SENT_ABOUT = """
SELECT digest FROM mail WHERE about = $1 AND kind = $2 AND digest IS NOT NULL ORDER BY created_at DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class ClaimedMail:
    """A mail that is ours until the lease ends.

    `attempts` counts this one. `about` is what its kind says: a confirmation's id, a campaign's `asked` row….
    """

    id: str
    kind: str
    about: str
    attempts: int
    created_at: datetime
    token: int


def mail_row(
    *,
    kind: str,
    about: str,
    priority: Priority,
    now: datetime,
    next_at: datetime | None = None,
) -> Row:
    """Of `ADD_MAIL`; the mail is due at once, or at `next_at`. Its id makes its Message-ID."""
    at = to_micros(now)
    due = at if next_at is None else to_micros(next_at)
    return (new_id(), kind, about, int(priority), PENDING, 0, at, due, 0)


class MailQueue:
    """What the worker asks of the database. Every method raises StorageUnavailable.

    `lease`: a worker that is not done with a mail by then is taken for dead.
    """

    def __init__(self, database: AnyDatabase, lease: timedelta = LEASE) -> None:
        self._database = database
        self._lease = lease

    async def claim(self, now: datetime, limit: int) -> list[ClaimedMail]:
        """Due mails, the most urgent first, then the longest due. Reads only, where nothing is due."""
        due = await self._due(now) if limit > 0 else []
        if not due:
            return []
        found: list[ClaimedMail] = []
        async with self._database.write() as tx:
            for priority in due:
                if len(found) < limit:
                    found += await self._claim_some(tx, priority, limit - len(found), now)
        return found

    async def is_due(self, now: datetime) -> bool:
        """Whether any mail is waiting to be sent now."""
        return bool(await self._due(now))

    async def _due(self, now: datetime) -> list[int]:
        async with self._database.read() as tx:
            return [row[0] for row in await tx.fetch(_DUE, to_micros(now))]

    async def _claim_some(self, tx: Tx, priority: int, most: int, now: datetime) -> list[ClaimedMail]:
        sql = _CLAIMS[self._database.dialect]
        rows = await tx.fetch(sql, priority, to_micros(now), to_micros(now + self._lease), most)
        return [ClaimedMail(row[0], row[1], row[2], row[3], from_micros(row[4]), row[5]) for row in rows]

    async def begin(self, claimed: ClaimedMail, digest: bytes, now: datetime) -> bool:
        """Keep what will be sent now, and take the lease anew. False: it was lost, so do not send."""
        async with self._database.write() as tx:
            due = to_micros(now + self._lease)
            return bool(await tx.fetch(_BEGIN, digest, due, claimed.id, claimed.token))

    async def finish(
        self,
        claimed: ClaimedMail,
        state: str,
        *,
        retry_at: datetime | None = None,
        error: str | None = None,
        digest: bytes | None = None,
        now: datetime,
    ) -> bool:
        """Write down what became of it. `retry_at` goes with PENDING; every other state is the end.

        False: the lease was lost, and somebody else says what becomes of it.
        """
        ended = None if state == PENDING else to_micros(now)
        async with self._database.write() as tx:
            rows = await tx.fetch(
                _FINISH,
                state,
                to_micros(retry_at or now),
                None if error is None else error[:200],
                digest,
                ended,
                claimed.id,
                claimed.token,
            )
        return bool(rows)

    async def digest_about(self, kind: str, about: str) -> bytes | None:
        """The SHA-256 of the newest mail of this kind about this, if any was made."""
        async with self._database.read() as tx:
            found = await tx.fetch(_SENT_ABOUT, about, kind)
        return bytes(found[0][0]) if found else None

    async def newest_failure(self) -> tuple[str, str] | None:
        """The kind of the mail that was given up last, and why; None: there is none of the last 90 days."""
        async with self._database.read() as tx:
            found = await tx.fetch(_NEWEST_FAILURE)
        return (found[0][0], found[0][1] or "no reason was kept") if found else None

    async def counts(self) -> dict[str, dict[str, int]]:
        """How many mails of each kind are in each state."""
        async with self._database.read() as tx:
            found = await tx.fetch(_COUNTS)
        counts: dict[str, dict[str, int]] = {}
        for kind, state, number in found:
            counts.setdefault(kind, {})[state] = number
        return counts
