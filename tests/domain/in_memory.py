"""A ledger without a database: one batch that is never written and remembers everything."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from prefcenter.domain.choices import Effect, Entry
from prefcenter.domain.decide import Decision, Dossier, may_send
from prefcenter.storage.batch import Batch, dossier_of
from prefcenter.storage.recording import record
from prefcenter.storage.units import Outcome, Unit, UnitRefused, UnitSpoiled
from tests.domain.allowing import Answer, no
from tests.domain.book import Refused
from tests.storage.commands import SPELLINGS, Command, who_at
from tests.storage.ledgers import VAULT, fingerprints, unit_of_void
from tests.storage.speaking import Speaker


class _Histories(dict[bytes, list[Entry]]):
    def __contains__(self, wide: object) -> bool:
        return True

    def __missing__(self, wide: bytes) -> list[Entry]:
        return self.setdefault(wide, [])


@dataclass
class InMemory(Speaker):
    """Says everything to the oracle and to the real recorder, and compares what they make of it."""

    batch: Batch = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.batch = Batch(self.catalog, VAULT, history=_Histories())

    def say(self, command: Command) -> None:
        unit = self.unit(command)
        expected = self.oracle_says(self.said(command))
        outcome = self._record(unit)
        assert (outcome is None) is (expected is None), command
        if outcome is not None and expected is not None:
            result = outcome.results[0]
            found = (result.seq, result.effect, result.reason)
            assert found == (expected.place, expected.effect, expected.reason), command
            self.entries[expected.place] = result.entry
            self.batch.past[result.entry] = self.batch.new_entries[result.seq - 1]

    def say_facts(self, address: str, facts: dict[str, Any]) -> None:
        self.oracle.say_facts(who_at(address, None), facts, self.now)
        self._record(self.unit_of_facts(address, None, facts))

    def void(self, place: int) -> None:
        """An operator voids a line, whoever said it."""
        entry = self.batch.new_entries[place - 1]
        self.batch.past[entry.entry] = entry
        self.batch.evidence = {seq: sealed for seq, _, sealed in self.batch.payloads}
        try:
            voided = self.oracle.void(place, self.now)
        except Refused:
            voided = None
        outcome = self._record(unit_of_void(entry, now=self.now))
        found = None if outcome is None else outcome.results[0].effect is Effect.APPLIED
        assert found is voided, (place, entry)

    def known(self, address: str) -> Dossier:
        """All that is known now of the one person at this address."""
        wide = fingerprints(address).wide
        at = self.batch.people.subjects_at(wide)
        return dossier_of(self.batch, at[0] if at else None, {wide})

    def decision(self, known: Dossier, purpose: str, channel: str, now: datetime, **sent: Any) -> Decision:
        found = self.catalog.find(purpose)
        return may_send(found, channel, known, regimes=self.catalog.regimes, now=now, **sent)

    def expected(self, address: str, purpose: str, channel: str, now: datetime, **sent: Any) -> Answer:
        case = self.oracle.case(SPELLINGS[address], address, purpose, channel)
        return no("unknown_purpose") if case is None else case.answer(now, **sent)

    def _record(self, unit: Unit) -> Outcome | None:
        try:
            return record(self.batch, unit)
        except (UnitRefused, UnitSpoiled):
            return None
