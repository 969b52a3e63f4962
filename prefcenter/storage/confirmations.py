"""Confirmations that people were asked for by mail (double opt-in): born with the request, gone with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from prefcenter.domain.mail_retries import CONFIRM_LIFE
from prefcenter.storage.database import AnyDatabase, Row, Statement, insert
from prefcenter.storage.fields import from_micros, to_micros

_COLUMNS = "id, subject_id, wide, channel, entries, created_at, expires_at, confirmed_at"
_FIND = f"SELECT {_COLUMNS} FROM confirmation WHERE id = $1"
_PAST = f"SELECT {_COLUMNS} FROM confirmation WHERE expires_at < $1 ORDER BY expires_at, id LIMIT $2"

ADD_CONFIRMATION = insert(
    "confirmation",
    {
        "id": "text",
        "subject_id": "text",
        "wide": "bytea",
        "channel": "text",
        "entries": "text",
        "created_at": "bigint",
        "expires_at": "bigint",
    },
)

# The first answer is the one that counts.
MARK_CONFIRMED = Statement(
    postgres="""
UPDATE confirmation AS c SET confirmed_at = v.confirmed_at
FROM unnest($1::text[], $2::bigint[]) AS v(id, confirmed_at)
WHERE c.id = v.id AND c.confirmed_at IS NULL
""",
    sqlite="UPDATE confirmation SET confirmed_at = ?2 WHERE id = ?1 AND confirmed_at IS NULL",
)

DROP_CONFIRMATION = Statement(
    postgres="DELETE FROM confirmation WHERE id = ANY ($1::text[])",
    sqlite="DELETE FROM confirmation WHERE id = ?1",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Confirmation:
    """`entries`: the ids of those that wait. None of them: a person who came by a request that was refused,
    kept to be looked at when a request would have run out."""

    id: str
    subject: str
    wide: bytes
    channel: str
    entries: tuple[str, ...]
    created_at: datetime
    confirmed_at: datetime | None = None

    @property
    def expires_at(self) -> datetime:
        """The last moment at which it can be answered."""
        return self.created_at + CONFIRM_LIFE


def confirmation_row(confirmation: Confirmation) -> Row:
    """Of `ADD_CONFIRMATION`."""
    return (
        confirmation.id,
        confirmation.subject,
        confirmation.wide,
        confirmation.channel,
        " ".join(confirmation.entries),
        to_micros(confirmation.created_at),
        to_micros(confirmation.expires_at),
    )


class Confirmations:
    """Reads of committed state. Every method raises StorageUnavailable."""

    def __init__(self, database: AnyDatabase) -> None:
        self._database = database

    async def find(self, confirmation: str) -> Confirmation | None:
        async with self._database.read() as tx:
            found = await tx.fetch(_FIND, confirmation)
        return _confirmation(found[0]) if found else None

    async def past(self, now: datetime, limit: int) -> Sequence[Confirmation]:
        """Some of those that can no longer be answered, the oldest first."""
        async with self._database.read() as tx:
            return [_confirmation(row) for row in await tx.fetch(_PAST, to_micros(now), limit)]


def _confirmation(row: Row) -> Confirmation:
    return Confirmation(
        id=row[0],
        subject=row[1],
        wide=bytes(row[2]),
        channel=row[3],
        entries=tuple(row[4].split()),
        created_at=from_micros(row[5]),
        confirmed_at=None if row[7] is None else from_micros(row[7]),
    )
