"""Any history, in any order of arrival: the state is what the ledger adds up to, and what the tables say."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from prefcenter.domain.choices import Action, Effect, Source
from prefcenter.domain.decide import may_send
from prefcenter.storage.units import Claim, Outcome, StoredAnswer, Unit, UnitRefused
from prefcenter.storage.verify import verify
from tests.domain.allowing import as_answer
from tests.domain.book import Refused
from tests.storage.commands import (
    NOWHERE,
    SPELLINGS,
    WHERE,
    Command,
    addresses,
    commands,
    externals,
    others,
    random_command,
    random_facts,
    random_tick,
    stops,
    ticks,
    who_at,
    yeses,
)
from tests.storage.ledgers import VAULT, Ledger, close_ledger, fingerprints, open_ledger, unit_of_void
from tests.storage.speaking import Speaker

TABLES = "ledger payload stop standing contact_point external_id subject fact idempotency_key".split()


class JournalMachine(RuleBasedStateMachine):
    """Says things to the journal and to the oracle, and compares."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.speaker = Speaker()
        self.oracle, self.entries = self.speaker.oracle, self.speaker.entries
        self.ledger: Ledger = self.runner.run(self._open())
        self.last: Command | None = None
        self.keys = count(1)

    async def _open(self) -> Ledger:
        ledger = await open_ledger(self.url, self.speaker.catalog)
        for table in TABLES:
            await ledger.change(f"DELETE FROM {table}")
        return ledger

    def teardown(self) -> None:
        self.runner.run(close_ledger(self.ledger))
        self.runner.close()

    # --- saying things ----------------------------------------------------------------------------------

    @initialize(external=externals)
    def people_sign_up(self, external: str | None) -> None:
        yes = Command(address="bo@example.com", action=Action.GIVE, source=Source.FORM, where=WHERE[0])
        self.say(yes)
        self.say(replace(yes, address="ada@example.com", external=external))

    @rule(stop=stops)
    def somebody_stops(self, stop: Command) -> None:
        self.say(stop)

    @rule(yes=yeses)
    def somebody_says_yes(self, yes: Command) -> None:
        self.say(yes)

    @rule(other=others)
    def something_else_is_said(self, other: Command) -> None:
        self.say(other)

    @rule(several=st.lists(commands, min_size=2, max_size=6), again=st.booleans())
    def several_at_once(self, several: list[Command], again: bool) -> None:
        self._all([*several, several[0]] if again else several, together=True)

    @rule(seed=st.integers(0, 2**32))
    def a_busy_day(self, seed: int) -> None:
        source = random.Random(seed)
        for _ in range(6):
            several = [random_command(source) for _ in range(source.choice([1, 1, 1, 4]))]
            self._all(several, together=len(several) > 1)
            self.decisions_are_those_of_the_tables()
            if source.random() < 0.3:
                self.undo(0, None, any_entry=False)
            if source.random() < 0.4:
                self.speaker.now += random_tick(source)
            if source.random() < 0.2:
                self.is_told_of(source.choice(list(SPELLINGS)), None, source.randrange(2**32))
            if source.random() < 0.2:
                self.the_catalog_changes()
            if source.random() < 0.5:
                self.an_operator_voids(source.randrange(6))

    @rule()
    def the_same_again(self) -> None:
        if self.last is not None:
            self.say(self.last)

    @rule(ago=st.integers(0, 1), address=st.none() | addresses, any_entry=st.booleans())
    def undo(self, ago: int, address: str | None, any_entry: bool) -> None:
        """Take back a recent stop, or something that is none; by another's address, that must do nothing."""
        items = [i for i in self.oracle.history if i.place in self.entries and (any_entry or i.cause)]
        if len(items) > ago:
            past = items[-1 - ago]
            at = address or next(one for one, wide in SPELLINGS.items() if wide == past.wide)
            self.say(
                Command(
                    address=at,
                    action=Action.INVALIDATE,
                    source=Source.PAGE,
                    where=(past.purpose, past.channel),
                    undoes=past.place,
                    link=True,
                )
            )

    @rule(ago=st.integers(0, 8))
    def an_operator_voids(self, ago: int) -> None:
        """What a machine said is taken out of effect; what anybody else said must stay."""
        if len(self.oracle.history) <= ago:
            return
        place = len(self.oracle.history) - ago
        [entry] = self.runner.run(self.ledger.reader.changes(place - 1, 1))
        try:
            voided = self.oracle.void(place, self.speaker.now)
        except Refused:
            with pytest.raises(UnitRefused):
                self.runner.run(self.ledger.journal.record(unit_of_void(entry, now=self.speaker.now)))
            return
        outcome = self.runner.run(self.ledger.journal.record(unit_of_void(entry, now=self.speaker.now)))
        assert (outcome.results[0].effect is Effect.APPLIED) is voided

    @rule(address=addresses, external=externals, seed=st.integers(0, 2**32))
    def is_told_of(self, address: str, external: str | None, seed: int) -> None:
        """Facts on a person: where they live, how old they are, what they have to do with us."""
        now = self.speaker.now
        facts = random_facts(random.Random(seed), now)
        unit = self.speaker.unit_of_facts(address, external, facts)
        try:
            self.oracle.say_facts(who_at(address, external), facts, now)
        except Refused:
            with pytest.raises(UnitRefused):
                self.runner.run(self.ledger.journal.record(unit))
        else:
            self.runner.run(self.ledger.journal.record(unit))

    @rule()
    def the_catalog_changes(self) -> None:
        self.speaker.catalog.step(self.speaker.now)

    @rule(command=commands)
    def with_an_idempotency_key(self, command: Command) -> None:
        """The first answer under a key is the answer; whatever comes later under it does nothing."""

        def respond(outcome: Outcome) -> StoredAnswer:
            return StoredAnswer(200, str(outcome.results[0].seq).encode())

        claim = Claim(api_key="tool", key=str(next(self.keys)), fingerprint=b"body")
        unit = replace(self.speaker.unit(command), claim=claim, respond=respond)
        expected = self.speaker.oracle_says(self.speaker.said(command))
        for again in (False, True):
            if expected is None:
                with pytest.raises(UnitRefused):
                    self.runner.run(self.ledger.journal.record(unit))
                return
            outcome = self.runner.run(self.ledger.journal.record(unit))
            assert outcome.replayed is again
            assert outcome.answer == StoredAnswer(200, str(expected.place).encode())
            if not again:
                self.entries[expected.place] = outcome.results[0].entry

    @rule(tick=ticks)
    def time_passes(self, tick: timedelta) -> None:
        self.speaker.now += tick

    # --- what must hold ---------------------------------------------------------------------------------

    @invariant()
    def decisions_are_those_of_the_tables(self) -> None:
        people = self.runner.run(self.ledger.reader.people_at([fingerprints(a) for a in SPELLINGS]))
        catalog, now = self.speaker.catalog, self.speaker.now
        for (address, wide), person in zip(SPELLINGS.items(), people, strict=True):
            for purpose, channel in WHERE + NOWHERE:
                found = may_send(catalog.find(purpose), channel, person, regimes=catalog.regimes, now=now)
                expected = self.oracle.may_send(wide, address, purpose, channel, now)
                assert as_answer(found) == expected, (address, purpose, channel)

    @invariant()
    def the_ledger_is_whole_and_the_state_is_its_sum(self) -> None:
        assert self.runner.run(verify(self.ledger.database, self.speaker.catalog, VAULT)) == []
        assert self.runner.run(self.ledger.reader.head()) == len(self.oracle.history)

    # --- underneath -------------------------------------------------------------------------------------

    def say(self, command: Command) -> None:
        self._all([command], together=False)

    def _all(self, said: list[Command], *, together: bool) -> None:
        self.last = said[-1]
        units = [self.speaker.unit(command) for command in said]
        expected = [self.speaker.oracle_says(one) for one in [self.speaker.said(command) for command in said]]
        outcomes = self.runner.run(self._record(units, together=together))
        for wanted, outcome in zip(expected, outcomes, strict=True):
            if wanted is None:
                assert isinstance(outcome, UnitRefused), outcome
                continue
            assert isinstance(outcome, Outcome), outcome
            result = outcome.results[0]
            assert (result.seq, result.effect, result.reason) == (wanted.place, wanted.effect, wanted.reason)
            assert self.entries.setdefault(wanted.place, result.entry) == result.entry

    async def _record(self, units: list[Unit], *, together: bool) -> list[Outcome | BaseException]:
        record = self.ledger.journal.record
        if together:
            return await asyncio.gather(*(record(unit) for unit in units), return_exceptions=True)
        return [(await asyncio.gather(record(unit), return_exceptions=True))[0] for unit in units]


@pytest.fixture
def machine(database_url: str) -> Iterator[type[JournalMachine]]:
    yield type("Machine", (JournalMachine,), {"url": database_url})


def test_any_history_adds_up_and_agrees_with_the_tables(machine: type[JournalMachine]) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=8, stateful_step_count=25))


@pytest.mark.torture
def test_very_many_histories_add_up_and_agree_with_the_tables(machine: type[JournalMachine]) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=400, stateful_step_count=100))
