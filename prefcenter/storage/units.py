"""What the journal is handed and what it hands back: one unit is recorded whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from prefcenter.domain.addresses import Fingerprints
from prefcenter.domain.choices import Choice, Effect
from prefcenter.domain.decide import Dossier
from prefcenter.domain.facts import Facts
from prefcenter.domain.standing import Standing
from prefcenter.storage.database import Row, Statement

#: The note of a stop whose names are not known as those of one person.
NAMES_DIFFER = "names_differ"


class UnitRefused(Exception):
    """This unit cannot be recorded as it is. `index`: which of its items; `field`: which part of it."""

    def __init__(
        self, message: str, *, index: int = 0, field: str = "subject", conflict: bool = False
    ) -> None:
        super().__init__(message)
        self.index = index
        self.field = field
        self.conflict = conflict


class UnitSpoiled(Exception):
    """A unit was refused after some of it had been taken up: its batch must be given up and begun again."""


class KeyReused(Exception):
    """The idempotency key came before with another body (RFC draft idempotency-key-header, section 2.7)."""


class Ref(msgspec.Struct, frozen=True, kw_only=True):
    """Who is meant: a known subject, an external id, an address, or (from a signed link) its wide form only.

    `create`: make a subject, or change their address, where nobody has it yet.
    """

    wide: bytes | None = None
    narrow: bytes | None = None
    address: str | None = None
    channel: str = "email"
    subject: str | None = None
    external_id: str | None = None
    create: bool = False


class FactsItem(msgspec.Struct, frozen=True, kw_only=True):
    """Facts on a person; `facts` holds only the fields that were said. `index`: its place in the request."""

    ref: Ref
    index: int = 0
    facts: Mapping[str, Any] = {}


class Seen(NamedTuple):
    """What was known of a person, and stood there, when the clock came by."""

    facts: Facts
    standing: Standing | None


class ChoiceItem(msgspec.Struct, frozen=True, kw_only=True):
    """A choice, whose it is, and the evidence that is sealed with it.

    `undoes`: the entry that an `invalidate` by the person or a `void` strikes out, or that an `expire` is
    about. `seen`: what an `expire` was concluded from; where that is otherwise by now, it has no effect.
    `index`: its place
    in the request. `heard`: the connection and its scope, where it is a provider's word about that.
    """

    ref: Ref
    index: int = 0
    choice: Choice
    evidence: Mapping[str, Any] = {}
    undoes: str | None = None
    seen: Seen | None = None
    heard: tuple[str, str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """An Idempotency-Key: who used it, and the digest of what they sent."""

    api_key: str
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An HTTP-free answer that is kept beside its idempotency key."""

    status: int
    body: bytes


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one choice, and what is known of its person after the unit.

    Of a `sparing` unit nobody asks what is known.

    The same click again is answered with the `entry` of the first. `wide`: the address that it is about.
    `note`: what the caller should look at. `also`: the entries of others whom the same stop stopped.
    """

    entry: str
    seq: int
    wide: bytes
    effect: Effect
    reason: str | None
    subject: str | None
    known: Dossier
    matched: str | None = None
    note: str | None = None
    also: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of a unit. `answer` is what its `respond` made, or what was stored the first time.

    `before`, `head`: the ledger's last `seq` before the unit and after it; 0 where it was recorded earlier.
    """

    results: tuple[Result, ...] = ()
    subjects: tuple[str, ...] = ()
    answer: StoredAnswer | None = None
    replayed: bool = False
    before: int = 0
    head: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """Recorded in one transaction, at the time `now`, with rows of other tables that belong to it.

    `told` False: tools hear only of what takes something away; `/v1/changes` has everything. `sparing`: what
    comes to nothing, or only repeats what stands, leaves no entry (a list that is imported every night).
    `alone`: nothing else is recorded in its transaction (voids need all that is connected, as it stands).
    """

    now: datetime
    facts: tuple[FactsItem, ...] = ()
    choices: tuple[ChoiceItem, ...] = ()
    companions: Callable[[Outcome], Sequence[tuple[Statement, Row]]] | None = None
    told: bool = True
    sparing: bool = False
    alone: bool = False
    claim: Claim | None = None
    respond: Callable[[Outcome], StoredAnswer] | None = None

    @property
    def items(self) -> tuple[FactsItem | ChoiceItem, ...]:
        return (*self.facts, *self.choices)


def ref_of(fingerprints: Fingerprints, address: str, *, create: bool = False) -> Ref:
    return Ref(wide=fingerprints.wide, narrow=fingerprints.narrow, address=address, create=create)
