"""Mail that came in and waits for the operator: what is kept, listed and closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prefcenter.storage.database import AnyDatabase, Row, Tx
from prefcenter.storage.fields import from_micros, to_micros
from prefcenter.storage.mail_queue import ADD_MAIL, Priority, mail_row
from prefcenter.storage.people import new_id
from prefcenter.storage.vault import Vault

OPEN, DONE = "open", "done"

#: The reason of a mail whose sender was asked, by mail, whether they meant it.
ASKED = "asked"

#: Of a mail that is kept: enough to read what somebody wrote, however many others are sent along.
MOST_KEPT = 256 * 1024
BODIES_KEPT = timedelta(days=30)
ROWS_KEPT = timedelta(days=90)

#: One address is asked back so often.
_ASKED_AGAIN = timedelta(days=1)

_COLUMNS = "id, reason, state, size, body, received_at, closed_at"
_KEEP = """
INSERT INTO mail_in (id, digest, reason, state, size, body, wide, received_at, closed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (digest) DO NOTHING RETURNING id
"""
_ONE = f"SELECT {_COLUMNS} FROM mail_in WHERE id = $1"
_OPEN = f"SELECT {_COLUMNS} FROM mail_in WHERE state = 'open' ORDER BY received_at, id LIMIT $1"
_CLOSE = "UPDATE mail_in SET state = 'done', closed_at = $1 WHERE id = $2 AND state = 'open' RETURNING id"
_COUNT = "SELECT count(*), min(received_at) FROM mail_in WHERE state = 'open'"
_LATELY = "SELECT 1 FROM mail_in WHERE wide = $1 AND reason = 'asked' AND received_at > $2 LIMIT 1"
_FORGET_BODIES = "UPDATE mail_in SET body = NULL WHERE body IS NOT NULL AND received_at < $1"
_FORGET = "DELETE FROM mail_in WHERE received_at < $1"
_MAIL = "SELECT kind, about FROM mail WHERE id = $1"


@dataclass(frozen=True, slots=True)
class KeptMail:
    """`body`: the first part of the mail, sealed; None once it was purged. `size`: octets of the whole."""

    id: str
    reason: str
    state: str
    size: int
    body: bytes | None
    received_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class MailInCounts:
    """How many mails wait for the operator, and since when the oldest does."""

    open: int
    oldest: datetime | None


class MailsIn:
    """Every method raises StorageUnavailable."""

    def __init__(self, database: AnyDatabase, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def keep(self, digest: bytes, reason: str, raw: bytes, now: datetime) -> bool:
        """Put a mail before the operator. False: it is there already, or was."""
        async with self._database.write() as tx:
            return await self._keep(tx, digest, reason, raw, now) is not None

    async def ask_back(self, digest: bytes, kind: str, wide: bytes, raw: bytes, now: datetime) -> bool:
        """Keep a mail, done with, and mail to its sender, of that kind, about it.

        False: the same mail was here, or that address was asked within a day; nothing is mailed then.
        """
        async with self._database.write() as tx:
            if await tx.fetch(_LATELY, wide, to_micros(now - _ASKED_AGAIN)):
                return False
            kept = await self._keep(tx, digest, ASKED, raw, now, wide=wide)
            if kept is not None:
                row = mail_row(kind=kind, about=kept, priority=Priority.CONFIRMATION, now=now)
                await tx.many(ADD_MAIL, [row])
        return kept is not None

    async def _keep(
        self, tx: Tx, digest: bytes, reason: str, raw: bytes, now: datetime, wide: bytes | None = None
    ) -> str | None:
        at = to_micros(now)
        state, closed = (OPEN, None) if wide is None else (DONE, at)
        body = self._vault.seal(raw[:MOST_KEPT])
        found = await tx.fetch(_KEEP, new_id(), digest.hex(), reason, state, len(raw), body, wide, at, closed)
        return found[0][0] if found else None

    async def find(self, id_: str) -> KeptMail | None:
        async with self._database.read() as tx:
            found = await tx.fetch(_ONE, id_)
        return _kept(found[0]) if found else None

    async def open(self, most: int) -> Sequence[KeptMail]:
        """Those that wait, the oldest first."""
        async with self._database.read() as tx:
            return [_kept(row) for row in await tx.fetch(_OPEN, most)]

    async def close(self, id_: str, now: datetime) -> bool:
        """The operator is done with it. False: it is not there, or was closed before."""
        async with self._database.write() as tx:
            return bool(await tx.fetch(_CLOSE, to_micros(now), id_))

    def unsealed(self, mail: KeptMail) -> bytes | None:
        """What is kept of the mail as it came; None once it was purged. Raises CannotUnseal."""
        return None if mail.body is None else self._vault.unseal(mail.body)


async def mail_in_counts(database: AnyDatabase) -> MailInCounts:
    async with database.read() as tx:
        [(number, oldest)] = await tx.fetch(_COUNT)
    return MailInCounts(number, None if oldest is None else from_micros(oldest))


async def mail_about(database: AnyDatabase, mail: str) -> tuple[str, str] | None:
    """The kind of a mail of ours, and what it is about; None: there is none (they are kept for 90 days)."""
    async with database.read() as tx:
        found = await tx.fetch(_MAIL, mail)
    return (found[0][0], found[0][1]) if found else None


async def forget_mails_in(tx: Tx, now: datetime) -> None:
    """What they say is kept for 30 days, that they came for 90."""
    await tx.fetch(_FORGET_BODIES, to_micros(now - BODIES_KEPT))
    await tx.fetch(_FORGET, to_micros(now - ROWS_KEPT))


def _kept(row: Row) -> KeptMail:
    return KeptMail(
        row[0],
        row[1],
        row[2],
        row[3],
        None if row[4] is None else bytes(row[4]),
        from_micros(row[5]),
        None if row[6] is None else from_micros(row[6]),
    )
