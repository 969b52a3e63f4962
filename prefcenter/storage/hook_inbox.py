"""What providers tell is kept here before they are answered: many requests in one transaction."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import structlog

from prefcenter.storage.database import AnyDatabase, Row, StorageUnavailable, Tx, insert
from prefcenter.storage.fields import to_micros

#: Events that share one transaction at most. More would only lengthen the wait of the first.
MOST_EVENTS = 5_000

_KEEP = insert(
    "hook_event",
    {
        "connection": "text",
        "event_key": "text",
        "body_digest": "bytea",
        "body": "bytea",
        "state": "text",
        "received_at": "bigint",
        "kind": "text",
        "wide": "bytea",
        "next_at": "bigint",
    },
    "ON CONFLICT (connection, event_key) DO NOTHING",
)
_KEEP_AND_TELL = f"{_KEEP.postgres} RETURNING connection, event_key"
_SEEN = "SELECT connection, event_key, body_digest FROM hook_event WHERE event_key {keys}"

log = structlog.get_logger(__name__)

_Key = tuple[str, str]


class Arrived(NamedTuple):
    """An event, ready to be kept. `key`: the provider's own, at most 255 characters. `digest`: of what it
    says; `body`: the same, sealed. `wide`: of its address, where that is one."""

    connection: str
    key: str
    digest: bytes
    body: bytes
    kind: str
    wide: bytes | None


class HookInbox:
    """Requests waiting at the same moment share one transaction (group commit).

    `on_kept` is called once something new is durable.
    """

    def __init__(self, database: AnyDatabase, on_kept: Callable[[], None] | None = None) -> None:
        self._database = database
        self._on_kept = on_kept
        self._waiting: list[tuple[Sequence[Arrived], datetime, asyncio.Future[None]]] = []
        self._flusher: asyncio.Task[None] | None = None

    async def keep(self, arrived: Sequence[Arrived], now: datetime) -> None:
        """Durable when it returns. What came before is not kept again: the same is the same event, and other
        words under its key are rejected and logged. Raises StorageUnavailable: nothing was kept."""
        if not arrived:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrived, now, future))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        await future

    async def close(self) -> None:
        """Wait until everything handed in is kept or refused."""
        while self._flusher is not None:
            await asyncio.wait([self._flusher])

    async def _flush(self) -> None:
        try:
            while self._waiting:
                # One turn of the loop lets requests that arrived together be kept together.
                await asyncio.sleep(0)
                batch, size = 0, 0
                while batch < len(self._waiting) and (not batch or size < MOST_EVENTS):
                    size += len(self._waiting[batch][0])
                    batch += 1
                taken, self._waiting = self._waiting[:batch], self._waiting[batch:]
                await self._settle(taken)
        finally:
            self._flusher = None
            for _, _, future in self._waiting:
                future.cancel()
            self._waiting = []

    async def _settle(
        self, taken: Sequence[tuple[Sequence[Arrived], datetime, asyncio.Future[None]]]
    ) -> None:
        try:
            await self._commit([(one, now) for arrived, now, _ in taken for one in arrived])
        except Exception as error:  # each waiting request must hear of it
            if len(taken) > 1 and not isinstance(error, StorageUnavailable):
                # Whatever the poison is, the neighbours must not drink it.
                for one in taken:
                    await self._settle([one])
                return
            for _, _, future in taken:
                if not future.done():
                    future.set_exception(error)
        else:
            for _, _, future in taken:
                if not future.done():
                    future.set_result(None)

    async def _commit(self, arrived: Iterable[tuple[Arrived, datetime]]) -> None:
        first: dict[_Key, tuple[Arrived, datetime]] = {}
        rejected: list[_Key] = []
        for one, now in arrived:
            key = one.connection, one.key
            held = first.setdefault(key, (one, now))[0]
            if held.digest != one.digest:
                rejected.append(key)
        # Sorted, so that two processes never wait for each other in a circle.
        rows = [_row(*first[key]) for key in sorted(first)]
        async with self._database.write() as tx:
            seen = await self._keep(tx, rows)
        digests = {key: one.digest for key, (one, _) in first.items()}
        rejected += [key for key, digest in seen.items() if digests[key] != digest]
        for connection, event_key in rejected:
            # Hashed: a key is the provider's own, and may be made of an address.
            hashed = hashlib.sha256(event_key.encode()).hexdigest()[:16]
            log.error(
                "hook event rejected: its id came before with other words", connection=connection, key=hashed
            )
        if len(seen) < len(rows) and self._on_kept is not None:
            self._on_kept()

    async def _keep(self, tx: Tx, rows: Sequence[Row]) -> Mapping[_Key, bytes]:
        """Keeps what is new; returns the digests of what was there."""
        if self._database.dialect == "sqlite":
            # Whoever writes is alone.
            seen = await _seen(tx, rows)
            await tx.many(_KEEP, rows)
            return seen
        columns = [list(column) for column in zip(*rows, strict=True)]
        kept = {(row[0], row[1]) for row in await tx.fetch(_KEEP_AND_TELL, *columns)}
        return await _seen(tx, [row for row in rows if (row[0], row[1]) not in kept])


async def _seen(tx: Tx, rows: Sequence[Row]) -> dict[_Key, bytes]:
    wanted = {(row[0], row[1]) for row in rows}
    found = await tx.among(_SEEN, "text", {key for _, key in wanted})
    return {(row[0], row[1]): bytes(row[2]) for row in found if (row[0], row[1]) in wanted}


def _row(one: Arrived, now: datetime) -> Row:
    at = to_micros(now)
    return one.connection, one.key, one.digest, one.body, "received", at, one.kind, one.wide, at
