"""What is, or was, in force at a moment: the purposes, retired ones too, and the rules of every country."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from prefcenter.catalog import Catalog, Recipient, digest
from prefcenter.domain.purposes import Purpose
from prefcenter.domain.regimes import Regimes


@dataclass(frozen=True, kw_only=True)
class InForce:
    """`catalog` None: before the first `apply`. `recipients`: all third parties ever, as last known."""

    regimes: Regimes
    catalog: Catalog | None = None
    purposes: Mapping[str, Purpose] = field(default_factory=dict)
    recipients: Mapping[str, Recipient] = field(default_factory=dict)

    @cached_property
    def rules(self) -> str:
        """Names what a decision was made by: 64 hex digits over catalog and regimes."""
        catalog = digest(self.catalog) if self.catalog is not None else ""
        return hashlib.sha256(f"{catalog} {self.regimes.digest}".encode()).hexdigest()

    def find(self, key: str) -> Purpose | None:
        """A purpose of any catalog up to then; a removed one says `retired`."""
        return self.purposes.get(key)

    def all(self) -> Iterable[Purpose]:
        """The purposes in force, in the order of the file."""
        return [purpose for purpose in self.purposes.values() if not purpose.retired]

    def recipient(self, key: str) -> Recipient | None:
        """A third party of the catalog in force."""
        return self.catalog.recipients.get(key) if self.catalog is not None else None


def in_force_after(catalogs: Sequence[Catalog], regimes: Regimes) -> InForce:
    """What the last of these catalogs puts in force, after all the ones before it."""
    current = catalogs[-1]
    past: dict[str, Purpose] = {}
    for catalog in catalogs[:-1]:
        past.update(catalog.purposes)
    retired = {
        key: replace(purpose, retired=True) for key, purpose in past.items() if key not in current.purposes
    }
    recipients = {key: one for catalog in catalogs for key, one in catalog.recipients.items()}
    return InForce(
        regimes=regimes,
        catalog=current,
        purposes={**current.purposes, **retired},
        recipients=recipients,
    )
