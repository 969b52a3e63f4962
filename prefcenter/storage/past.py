"""What was known of people at a past moment: their part of the ledger, read whole, folded up to then.

"Known" is what this instance had committed by then. `seq` is the order of commits, and the clocks of
processes may differ: an entry counts when it, or one of the same people after it, was recorded by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from prefcenter.domain.addresses import Fingerprints, whose
from prefcenter.domain.choices import Action, Entry
from prefcenter.domain.decide import Dossier
from prefcenter.domain.facts import NO_FACTS, Facts, merged_facts
from prefcenter.domain.folding import refold
from prefcenter.domain.standing import FindPurpose, State
from prefcenter.domain.voiding import not_voided
from prefcenter.storage import rows
from prefcenter.storage.vault import Vault


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonThen(Dossier):
    """What was known then of whoever had an address. `subject` None: nobody had it, but stops may have stood.

    `seq`: of the last entry that was known.
    """

    subject: str | None = None
    matched: str | None = None
    seq: int = 0


class Unreadable(Exception):
    """Rows of the ledger that decide for somebody make no sense; nothing can be said of that person."""


@dataclass(frozen=True, slots=True)
class _Spelled:
    """Somebody at an address; `narrow` empty: which spelling they had is not known."""

    subject: str
    narrow: bytes


@dataclass(slots=True)
class Past:
    """Some people's part of the ledger, from its beginning to now. `have`: their addresses now, narrow and
    wide. `evidence`: of facts, sealed, by `seq`.

    Its methods raise whatever unreadable rows lead to (Unreadable, CannotUnseal, ValueError): that is the
    trouble of one person, not of the others.
    """

    vault: Vault
    entries: dict[bytes, list[Entry]] = field(default_factory=dict)
    have: dict[str, list[tuple[bytes, bytes]]] = field(default_factory=dict)
    created: dict[str, datetime] = field(default_factory=dict)
    evidence: dict[int, bytes] = field(default_factory=dict)
    unreadable: set[bytes] = field(default_factory=set)

    def wides_at(self, wide: bytes) -> set[bytes]:
        """Every address, now and before, of whoever was ever named at this one."""
        return self._reached({wide}, self.named_at(wide))

    def person_at(self, address: Fingerprints, at: datetime, find: FindPurpose) -> PersonThen:
        """Whoever had this address then; one spelling apart counts if it could only be one person."""
        wides = self.wides_at(address.wide)
        known, later = self._parted(wides, at)
        state = refold(known, find)
        there = sorted(who for who in state.people.get(address.wide, ()) if self._stays(who, later))
        alike = [_Spelled(who, self._spelling(who, address.wide, later)) for who in there]
        found, matched = whose(address.narrow, alike)
        if found is None:
            stops = state.stops_of([address.wide])
            return PersonThen(stops=stops, seq=_last(known))
        matched = matched if found.narrow else None
        return self._person(found.subject, known, state, at, matched)

    def person_named(self, subject: str, at: datetime, find: FindPurpose) -> PersonThen:
        """The person with this id; whoever was not known then is nobody."""
        wides = self._reached(set(), {subject})
        known, later = self._parted(wides, at)
        state = refold(known, find)
        if subject not in state.wides or not self._stays(subject, later):
            return PersonThen(seq=_last(known))
        return self._person(subject, known, state, at, None)

    def _person(
        self,
        subject: str,
        known: Sequence[Entry],
        state: State,
        at: datetime,
        matched: str | None,
    ) -> PersonThen:
        return PersonThen(
            standings=state.standings.get(subject, {}),
            stops=state.stops_of(state.wides[subject]),
            facts=self._facts(subject, known),
            known_since=self._known_since(subject, known, at),
            subject=subject,
            matched=matched,
            seq=_last(known),
        )

    def named_at(self, wide: bytes) -> set[str]:
        """Everybody who was ever known by this address."""
        return {entry.subject for entry in self.entries.get(wide, ()) if entry.subject is not None}

    def _reached(self, wides: set[bytes], people: Iterable[str]) -> set[bytes]:
        """Every address of these people, now and before, and all that stops may have come along from."""
        wanted = wides | {wide for who in people for _, wide in self.have.get(who, ())}
        found: set[bytes] = set()
        while wanted:
            found |= wanted
            wanted = {left for wide in wanted for left in left_for(self.entries.get(wide, ()))} - found
        return found

    def _parted(self, wides: set[bytes], at: datetime) -> tuple[list[Entry], list[Entry]]:
        """The entries known by then, and those that came later, in the order of `seq`."""
        if not self.unreadable.isdisjoint(wides):
            raise Unreadable("an entry of the ledger makes no sense; see `prefcenter verify`")
        entries = sorted(
            (entry for wide in wides for entry in self.entries.get(wide, ())), key=lambda entry: entry.seq
        )
        by_then = (n for n in range(len(entries), 0, -1) if entries[n - 1].recorded_at <= at)
        number = next(by_then, 0)
        return entries[:number], entries[number:]

    def _stays(self, subject: str, later: Iterable[Entry]) -> bool:
        """Whoever has no row any more went with their last entry: they were forgotten, or erased."""
        return subject in self.created or any(entry.subject == subject for entry in later)

    def _spelling(self, subject: str, wide: bytes, later: Iterable[Entry]) -> bytes:
        """The spelling that they have to this day; empty: they left the address, and nobody knows."""
        if any(entry.subject == subject and _leaves(entry) == wide for entry in later):
            return b""
        return next((narrow for narrow, one in self.have.get(subject, ()) if one == wide), b"")

    def _facts(self, subject: str, known: Iterable[Entry]) -> Facts:
        """What was said up to then, one after the other; what was erased is not known."""
        held: dict[str, Any] = {}
        for entry in not_voided(known):
            sealed = self.evidence.get(entry.seq)
            if entry.subject == subject and entry.action is Action.FACT and sealed is not None:
                said = msgspec.json.decode(self.vault.unseal(sealed), type=dict[str, Any])
                held = merged_facts(held, said[rows.FACTS])
        return rows.facts_of(held) if held else NO_FACTS

    def _known_since(self, subject: str, known: Iterable[Entry], at: datetime) -> datetime | None:
        first = (entry.recorded_at for entry in known if entry.subject == subject)
        since = self.created.get(subject) or next(first, None)
        return since if since is not None and since <= at else None


def _last(known: Sequence[Entry]) -> int:
    return known[-1].seq if known else 0


def left_for(entries: Iterable[Entry]) -> set[bytes]:
    """The addresses that somebody left for this one."""
    return {left for entry in entries if (left := _leaves(entry)) is not None}


def _leaves(entry: Entry) -> bytes | None:
    """The address that somebody left by this entry."""
    if entry.action is not Action.ADDRESS_CHANGED or entry.target is None:
        return None
    return bytes.fromhex(entry.target)
