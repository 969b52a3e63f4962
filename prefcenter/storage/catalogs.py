"""The applied catalog: the database is the truth, and every past state of it is kept (docs/rules.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from types import MappingProxyType

import msgspec

from prefcenter.catalog import Catalog, Notice, digest, from_json, to_json
from prefcenter.catalog.regimes import regimes_from_json, regimes_to_json, shipped_regimes
from prefcenter.domain.catalog_changes import (
    Change,
    What,
    changed_recipients,
    changed_rules,
    compare,
    notice_in_force_at,
    refusals,
    versioned,
)
from prefcenter.domain.purposes import Purpose
from prefcenter.domain.regime_rows import effective
from prefcenter.domain.regimes import Regimes
from prefcenter.domain.third_parties import Disclosures, disclosures_of
from prefcenter.storage import statements
from prefcenter.storage.database import AnyDatabase, Row, Tx, insert
from prefcenter.storage.fields import from_micros, to_micros
from prefcenter.storage.in_force import InForce, in_force_after
from prefcenter.storage.outbox import PURPOSE_CHANGED, delivery_row, event_body
from prefcenter.storage.vault import Vault

_LATEST = "SELECT (SELECT max(id) FROM catalog), (SELECT max(id) FROM regimes)"
_CATALOGS = "SELECT body, applied_at, id FROM catalog ORDER BY id"
_REGIMES = "SELECT body, applied_at FROM regimes ORDER BY id"
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
_NOTICES = "SELECT version, url, published, change, in_force_at FROM notice"
_ADD_NOTICE = insert(
    "notice",
    {"version": "text", "url": "text", "published": "text", "change": "text", "in_force_at": "bigint"},
)


_ADD_REGIMES = insert("regimes", {"digest": "text", "body": "text", "applied_at": "bigint"})


class CannotApply(Exception):
    """The catalog asks for what `apply` must not do by itself; `changes` says what and why."""

    def __init__(self, changes: Sequence[Change]) -> None:
        super().__init__("; ".join(change.detail for change in changes))
        self.changes = changes


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """What an `apply` would do, or did: `wanted` with its versions, and the changes of purposes and rules.

    `notice_in_force_at`: of a notice that is new; None: no new one.
    """

    wanted: Catalog
    regimes: Regimes
    changes: Sequence[Change]
    notice_in_force_at: datetime | None
    nothing_to_do: bool

    @property
    def digest(self) -> str:
        return digest(self.wanted)


class Catalogs:
    """The catalog in force in this process. `refresh` keeps it within a second of the database."""

    def __init__(self, database: AnyDatabase, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._latest: tuple[int | None, int | None] = (None, None)
        self._now = self._nothing = InForce(regimes=effective(shipped_regimes(), {}))
        self._past: list[tuple[datetime, InForce]] = []
        self._disclosures: Disclosures = {}

    @property
    def in_force(self) -> InForce:
        return self._now

    @property
    def current(self) -> Catalog | None:
        """None before the first `apply`."""
        return self._now.catalog

    @property
    def regimes(self) -> Regimes:
        return self._now.regimes

    @property
    def disclosures(self) -> Disclosures:
        """Every third party that any purpose ever had."""
        return self._disclosures

    def find(self, key: str) -> Purpose | None:
        """A purpose of any catalog ever applied; a removed one says `retired`."""
        return self._now.find(key)

    def all(self) -> Iterable[Purpose]:
        """The purposes in force, in the order of the file."""
        return self._now.all()

    def as_of(self, moment: datetime) -> InForce:
        """What was in force at that moment; nothing before the first `apply`."""
        found = [in_force for applied_at, in_force in self._past if applied_at <= moment]
        return found[-1] if found else self._nothing

    @property
    def rules_changed(self) -> list[datetime]:
        """When the rules of a country became other ones, in order."""
        return [
            at
            for (_, before), (at, after) in pairwise(self._past)
            if before.regimes.digest != after.regimes.digest
        ]

    async def refresh(self) -> bool:
        """Load what another process applied since. Returns whether there was anything."""
        async with self._database.read() as tx:
            found = (await tx.fetch(_LATEST))[0]
            if (found[0], found[1]) == self._latest:
                return False
            await self._load(tx)
        return True

    async def _load(self, tx: Tx) -> None:
        catalogs = [
            (from_json(body.encode()), from_micros(at), id_) for body, at, id_ in await tx.fetch(_CATALOGS)
        ]
        regimes = [
            (regimes_from_json(body.encode()), from_micros(at)) for body, at in await tx.fetch(_REGIMES)
        ]
        found = (await tx.fetch(_LATEST))[0]
        self._latest = (found[0], found[1])
        self._past = _past_of([(catalog, at) for catalog, at, _ in catalogs], regimes)
        self._now = self._past[-1][1] if self._past else self._nothing
        self._disclosures = disclosures_of((at, catalog.purposes) for catalog, at, _ in catalogs)

    async def apply(self, wanted: Catalog, clock: Callable[[], datetime]) -> Planned:
        """Put a catalog in force. Raises CannotApply; does nothing where it is in force already."""
        async with self._database.ledger() as tx:
            # Looked at once nothing is recorded any more: what was, while we waited, was under the old one.
            now = clock()
            await self._load(tx)
            planned = await self._plan(tx, wanted, now)
            if refused := refusals(planned.changes):
                raise CannotApply(refused)
            if planned.nothing_to_do:
                return planned
            await self._write(tx, planned, now)
            await self._tell(tx, planned.changes, now)
        await self.refresh()
        return planned

    async def plan(self, wanted: Catalog, now: datetime) -> Planned:
        """What `apply` would do now, and what it would refuse (`catalog_changes.refusals`)."""
        async with self._database.read() as tx:
            return await self._plan(tx, wanted, now)

    async def _plan(self, tx: Tx, wanted: Catalog, now: datetime) -> Planned:
        applied = self._now.purposes if self._now.catalog is not None else None
        notices = {row[0]: row for row in await tx.fetch(_NOTICES)}
        names = {key: one.name for key, one in wanted.recipients.items()}
        known = {key: one.name for key, one in self._now.recipients.items()}
        regimes = effective(shipped_regimes(), wanted.regimes)
        changes = (
            *compare(applied, wanted.purposes),
            *changed_recipients(known, names, wanted.purposes),
            *_changed_notice(wanted.notice, notices),
            *(changed_rules(self._now.regimes, regimes) if applied is not None else ()),
        )
        in_force_at = awaited = None
        notice = wanted.notice
        if notice is not None and notice.version in notices:
            # One that is yet to begin holds back what is added later under it too.
            awaited = from_micros(notices[notice.version][4])
        elif notice is not None:
            in_force_at = awaited = notice_in_force_at(
                notice.published,
                substantial=notice.change == "substantial",
                replaces_one=applied is not None and bool(notices),
                now=now,
            )
        held_back = awaited if awaited is not None and awaited > now else None
        purposes = versioned(wanted.purposes, applied, changes, in_force_at=held_back, now=now)
        made = replace(wanted, purposes=MappingProxyType(purposes))
        current = self._now.catalog
        same = current is not None and digest(current) == digest(made)
        return Planned(
            wanted=made,
            regimes=regimes,
            changes=changes,
            notice_in_force_at=in_force_at,
            nothing_to_do=same and regimes.digest == self._now.regimes.digest,
        )

    async def _write(self, tx: Tx, planned: Planned, now: datetime) -> None:
        at = to_micros(now)
        wanted = planned.wanted
        await tx.many(_ADD_CATALOG, [(digest(wanted), to_json(wanted).decode(), at)])
        id_ = (await tx.fetch(_LATEST))[0][0]
        if self._latest[1] is None or planned.regimes.digest != self._now.regimes.digest:
            body = regimes_to_json(planned.regimes).decode()
            await tx.many(_ADD_REGIMES, [(planned.regimes.digest, body, at)])
        touched = {change.purpose: change.what for change in planned.changes if change.purpose}
        versions = []
        for key, what in touched.items():
            purpose = wanted.purposes.get(key) or self._now.purposes[key]
            versions.append((key, purpose.version, id_, what.value, body_of(purpose), at))
        await tx.many(_ADD_VERSION, versions)
        notice = wanted.notice
        if notice is not None and planned.notice_in_force_at is not None:
            row = (*_notice_row(notice), to_micros(planned.notice_in_force_at))
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
                if not change.purpose:
                    continue
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


def _notice_row(notice: Notice) -> tuple[str, str, str, str]:
    return notice.version, notice.url, notice.published.isoformat(), notice.change


def _changed_notice(notice: Notice | None, known: Mapping[str, Row]) -> Iterator[Change]:
    """A notice that was applied is what people were told: another text is another version."""
    if notice is None or notice.version not in known:
        return
    if tuple(known[notice.version][:4]) != _notice_row(notice):
        detail = f"[notice] version {notice.version!r} was applied with other content; give it a new version"
        yield Change(purpose="", what=What.FORBIDDEN, detail=detail)


def _past_of(
    catalogs: Sequence[tuple[Catalog, datetime]], regimes: Sequence[tuple[Regimes, datetime]]
) -> list[tuple[datetime, InForce]]:
    """Every state of what was in force, from when on it was, in order."""
    past = []
    for moment in sorted({at for _, at in (*catalogs, *regimes)}):
        seen = [catalog for catalog, at in catalogs if at <= moment]
        rules = [one for one, at in regimes if at <= moment]
        if seen:
            past.append(
                (moment, in_force_after(seen, rules[-1] if rules else effective(shipped_regimes(), {})))
            )
    return past
