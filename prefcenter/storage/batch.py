"""What one transaction of the journal knows and is about to write."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from prefcenter.domain.choices import Entry
from prefcenter.domain.purposes import Purpose
from prefcenter.domain.standing import State
from prefcenter.storage import rows
from prefcenter.storage.database import Row, Statement
from prefcenter.storage.outbox import Endpoint
from prefcenter.storage.people import People
from prefcenter.storage.units import StoredAnswer
from prefcenter.storage.vault import Vault


class Purposes(Protocol):
    """The applied catalog, retired purposes included."""

    def find(self, key: str) -> Purpose | None: ...

    def all(self) -> Iterable[Purpose]: ...


class Turned(NamedTuple):
    """A (purpose, channel) on which a fact, or a change of address, turned the answer."""

    purpose: Purpose
    channel: str
    allowed: bool


@dataclass(slots=True)
class Batch:
    """What is known and what is to be written while the units of one transaction are recorded.

    `turned`: by the `seq` of entries that are no choices.
    """

    purposes: Purposes
    vault: Vault
    seq: int = 0
    chain: bytes = rows.GENESIS
    state: State = field(default_factory=State)
    people: People = field(default_factory=People)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    endpoints: list[Endpoint] = field(default_factory=list)
    claims: dict[tuple[str, str], tuple[bytes, StoredAnswer]] = field(default_factory=dict)
    past: dict[str, Entry] = field(default_factory=dict)
    history: dict[bytes, list[Entry]] = field(default_factory=dict)
    new_entries: list[Entry] = field(default_factory=list)
    turned: dict[int, tuple[Turned, ...]] = field(default_factory=dict)
    ledger: list[Row] = field(default_factory=list)
    payloads: list[Row] = field(default_factory=list)
    wordings: list[Row] = field(default_factory=list)
    new_facts: dict[str, int] = field(default_factory=dict)
    new_claims: list[Row] = field(default_factory=list)
    companions: list[tuple[Statement, Row]] = field(default_factory=list)
    deliveries: list[Row] = field(default_factory=list)
