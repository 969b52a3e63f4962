"""The applied catalog: the database is the truth, and every past state of it is kept (docs/rules.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from prefcenter.catalog import Catalog, digest, from_json, to_json
from prefcenter.domain.catalog_changes import (
    Change,
    changed_recipients,
    compare,
    notice_in_force_at,
    refusals,
)
from prefcenter.domain.purposes import Purpose
from prefcenter.storage import statements
from prefcenter.storage.database import AnyDatabase, Tx, insert
from prefcenter.storage.fields import to_micros
from prefcenter.storage.outbox import PURPOSE_CHANGED, delivery_row, event_body
from prefcenter.storage.vault import Vault

_LATEST = "SELECT id FROM catalog ORDER BY id DESC LIMIT 1"
_ALL_BODIES = "SELECT body FROM catalog ORDER BY id"
_ADD_CATALOG = insert("catalog", {"digest": "text", "body": "text", "applied_at": "bigint"})
_ADD_VERSION = insert(
    "purpose_version",
    {
        "purpose": "text",
        "version": "int",
        "catalog_id": "bigint",
        "change": "text",
        "body": "text",
        "applied_at": "bigint",
    },
)
_NOTICES = "SELECT version FROM notice"
_ADD_NOTICE = insert(
    "notice",
    {"version": "text", "url": "text", "published": "text", "change": "text", "in_force_at": "bigint"},
)


class CannotApply(Exception):
    """The catalog asks for what `apply` must not do by itself; `changes` says what and why."""

    def __init__(self, changes: Sequence[Change]) -> None:
        super().__init__("; ".join(f"{change.purpose}: {change.detail}" for change in changes))
        self.changes = changes


@dataclass(frozen=True, slots=True)
class Applied:
    """What an `apply` came to. `changes` are those of purposes; others (controller, notice) have none."""

    digest: str
    changes: Sequence[Change]
    was_in_force: bool = False


class Catalogs:
    """The catalog in force in this process. `refresh` keeps it within a second of the database."""

    def __init__(self, database: AnyDatabase, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._id: int | None = None
        self._catalog: Catalog | None = None
        self._purposes: dict[str, Purpose] = {}
        self._recipients: dict[str, str] = {}

    @property
    def current(self) -> Catalog | None:
        """None before the first `apply`."""
        return self._catalog

    def find(self, key: str) -> Purpose | None:
        """A purpose of any catalog ever applied; a removed one says `retired`."""
        return self._purposes.get(key)

    def all(self) -> Iterable[Purpose]:
        """The purposes in force, in the order of the file."""
        return [purpose for purpose in self._purposes.values() if not purpose.retired]

    async def refresh(self) -> bool:
        """Load the newest catalog if another process applied one. Returns whether it did."""
        async with self._database.read() as tx:
            rows = await tx.fetch(_LATEST)
            if not rows or rows[0][0] == self._id:
                return False
            bodies = [row[0] for row in await tx.fetch(_ALL_BODIES)]
        self._take(rows[0][0], bodies)
        return True

    def _take(self, id_: int, bodies: Sequence[str]) -> None:
        catalogs = [from_json(body.encode()) for body in bodies]
        current = catalogs[-1]
        past: dict[str, Purpose] = {}
        for catalog in catalogs[:-1]:
            past.update(catalog.purposes)
        retired = {
            key: replace(purpose, retired=True)
            for key, purpose in past.items()
            if key not in current.purposes
        }
        self._recipients = {key: one.name for catalog in catalogs for key, one in catalog.recipients.items()}
        self._id, self._catalog = id_, current
        self._purposes = {**current.purposes, **retired}

    async def apply(self, wanted: Catalog, now: datetime) -> Applied:
        """Put a catalog in force. Raises CannotApply; does nothing where it is in force already."""
        async with self._database.ledger() as tx:
            rows = await tx.fetch(_LATEST)
            bodies = [row[0] for row in await tx.fetch(_ALL_BODIES)]
            if rows:
                self._take(rows[0][0], bodies)
            wanted = _with_versions(wanted, self._purposes)
            if self._catalog is not None and digest(self._catalog) == digest(wanted):
                return Applied(digest(wanted), (), was_in_force=True)
            changes = self.plan(wanted)
            if refused := refusals(changes):
                raise CannotApply(refused)
            await self._write(tx, wanted, changes, first=self._catalog is None, now=now)
            await self._tell(tx, changes, now)
        await self.refresh()
        return Applied(digest(wanted), changes)

    def plan(self, wanted: Catalog) -> tuple[Change, ...]:
        """What `apply` would change, and what it would refuse."""
        names = {key: one.name for key, one in wanted.recipients.items()}
        return (
            *compare(self._purposes or None, wanted.purposes),
            *changed_recipients(self._recipients, names, wanted.purposes),
        )

    async def _write(
        self, tx: Tx, wanted: Catalog, changes: Sequence[Change], *, first: bool, now: datetime
    ) -> None:
        at = to_micros(now)
        body = to_json(wanted).decode()
        await tx.many(_ADD_CATALOG, [(digest(wanted), body, at)])
        id_ = (await tx.fetch(_LATEST))[0][0]
        touched = {change.purpose: change.what for change in changes}
        versions = []
        for key, what in touched.items():
            purpose = wanted.purposes.get(key) or self._purposes[key]
            versions.append((key, purpose.version, id_, what.value, body_of(purpose), at))
        await tx.many(_ADD_VERSION, versions)
        notice = wanted.notice
        known = {row[0] for row in await tx.fetch(_NOTICES)}
        if notice is not None and notice.version not in known:
            in_force = notice_in_force_at(
                notice.published,
                substantial=notice.change == "substantial",
                replaces_one=not first and bool(known),
                now=now,
            )
            row = (
                notice.version,
                notice.url,
                notice.published.isoformat(),
                notice.change,
                to_micros(in_force),
            )
            await tx.many(_ADD_NOTICE, [row])

    async def _tell(self, tx: Tx, changes: Sequence[Change], now: datetime) -> None:
        """`purpose.changed` to every endpoint that asked for it, in the transaction of the change."""
        head = await tx.fetch(statements.HEAD)
        seq = head[0][0] if head else 0
        deliveries = []
        for endpoint, events in await tx.fetch(statements.ENDPOINTS):
            if PURPOSE_CHANGED not in events.split():
                continue
            for change in changes:
                data = {"purpose": change.purpose, "change": change.what, "detail": change.detail}
                body = event_body(PURPOSE_CHANGED, now, data)
                deliveries.append(
                    delivery_row(
                        self._vault, endpoint, seq, PURPOSE_CHANGED, body, suppressing=False, now=now
                    )
                )
        await tx.many(statements.ADD_DELIVERY, deliveries)


def body_of(purpose: Purpose) -> str:
    """The purpose's own words and terms, as they were applied."""
    return msgspec.json.encode(
        {name: getattr(purpose, name) for name in purpose.__slots__ if name != "translations"}
        | {"translations": dict(purpose.translations)},
        order="deterministic",
    ).decode()


def _with_versions(wanted: Catalog, applied: Mapping[str, Purpose]) -> Catalog:
    """A purpose keeps its version; only a material change would raise it."""
    purposes = {
        key: replace(purpose, version=applied[key].version) if key in applied else purpose
        for key, purpose in wanted.purposes.items()
    }
    return replace(wanted, purposes=purposes)
