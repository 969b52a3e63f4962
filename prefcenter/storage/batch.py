"""What one transaction of the journal knows and is about to write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from prefcenter.domain.choices import Entry
from prefcenter.domain.decide import Dossier
from prefcenter.domain.facts import NO_FACTS
from prefcenter.domain.purposes import Purpose
from prefcenter.domain.regimes import Regimes
from prefcenter.domain.scopes import Reach
from prefcenter.domain.standing import State
from prefcenter.domain.third_parties import Disclosures, ToBeTold
from prefcenter.storage import rows
from prefcenter.storage.database import Row, Statement
from prefcenter.storage.outbox import Endpoint
from prefcenter.storage.people import Contact, People
from prefcenter.storage.units import StoredAnswer
from prefcenter.storage.vault import Vault


class Purposes(Protocol):
    """The applied catalog, retired purposes included."""

    def find(self, key: str) -> Purpose | None: ...

    def all(self) -> Iterable[Purpose]: ...

    @property
    def regimes(self) -> Regimes: ...

    @property
    def disclosures(self) -> Disclosures: ...


class Turned(NamedTuple):
    """A (purpose, channel) on which a fact, a change of address or a void turned the answer for a person."""

    subject: str
    purpose: Purpose
    channel: str
    allowed: bool


class Ended(NamedTuple):
    """What an entry ended for a person, as a third party must hear, and the address that it is about."""

    entry: Entry
    contact: Contact
    told: ToBeTold


@dataclass(slots=True)
class Batch:
    """What is known and what is to be written while the units of one transaction are recorded.

    `turned`: by the `seq` of entries that are no choices. `evidence`: of facts, sealed, by `seq`, where some
    of them are voided. `untold`: entries that no tool hears of.
    `reaches`: what every connection to a provider reaches; `touched`: entries that may change what these must
    know; `spoken`: addresses in the clear, by their wide form, of which nobody may be known; `heard`:
    (connection, scope) of what a provider said itself.
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
    evidence: dict[int, bytes] = field(default_factory=dict)
    new_entries: list[Entry] = field(default_factory=list)
    untold: set[int] = field(default_factory=set)
    turned: dict[int, tuple[Turned, ...]] = field(default_factory=dict)
    ledger: list[Row] = field(default_factory=list)
    payloads: list[Row] = field(default_factory=list)
    wordings: list[Row] = field(default_factory=list)
    new_facts: dict[str, int] = field(default_factory=dict)
    new_claims: list[Row] = field(default_factory=list)
    companions: list[tuple[Statement, Row]] = field(default_factory=list)
    deliveries: list[Row] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    reaches: Sequence[Reach] = ()
    touched: list[Entry] = field(default_factory=list)
    spoken: dict[bytes, str] = field(default_factory=dict)
    heard: dict[bytes, set[tuple[str, str]]] = field(default_factory=dict)
    snapshot_needed: bool = False


def dossier_of(batch: Batch, subject: str | None, wides: Iterable[bytes]) -> Dossier:
    """What is known, within this transaction, of a person with these addresses; None: of the addresses."""
    stops = batch.state.stops_of(wides)
    if subject is None:
        return Dossier(stops=stops)
    facts = batch.facts.get(subject)
    return Dossier(
        standings=dict(batch.state.standings.get(subject, {})),
        stops=stops,
        facts=rows.facts_of(facts) if facts else NO_FACTS,
        known_since=batch.people.known_since.get(subject),
    )
