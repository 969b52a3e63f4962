"""Any history, in any order of arrival: the state is what the ledger adds up to, and what the tables say."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from prefcenter.domain.choices import Action, Source
from prefcenter.domain.decide import decide
from prefcenter.domain.regimes import OPT_IN
from prefcenter.storage.units import Claim, FactsItem, Outcome, StoredAnswer, Unit, UnitRefused
from prefcenter.storage.verify import verify
from tests.domain.book import Item, Refused, Said
from tests.domain.oracle import Oracle
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
    random_tick,
    ref_to,
    stops,
    ticks,
    who_at,
    yeses,
)
from tests.storage.ledgers import (
    CATALOG,
    NOW,
    VAULT,
    Ledger,
    close_ledger,
    fingerprints,
    item,
    open_ledger,
)

TABLES = "ledger payload stop standing contact_point external_id subject fact idempotency_key".split()


class JournalMachine(RuleBasedStateMachine):
    """Says things to the journal and to the oracle, and compares."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.ledger: Ledger = self.runner.run(self._open())
        self.oracle = Oracle(catalog=CATALOG.purposes)
        self.now: datetime = NOW
        self.entries: dict[int, str] = {}
        self.last: Command | None = None
        self.keys = count(1)

    async def _open(self) -> Ledger:
        ledger = await open_ledger(self.url)
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
                self.now += random_tick(source)

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

    @rule(address=addresses, external=externals, since=st.dates(date(2025, 12, 30), date(2026, 1, 3)))
    def is_a_customer(self, address: str, external: str | None, since: date) -> None:
        told = {"relationship": {"kind": "customer", "since": f"{since}T00:00:00Z"}}
        unit = Unit(now=self.now, facts=(FactsItem(ref=ref_to(address, external), facts=told),))
        try:
            self.oracle.say_customer(who_at(address, external), since, self.now)
        except Refused:
            with pytest.raises(UnitRefused):
                self.runner.run(self.ledger.journal.record(unit))
        else:
            self.runner.run(self.ledger.journal.record(unit))

    @rule(command=commands)
    def with_an_idempotency_key(self, command: Command) -> None:
        """The first answer under a key is the answer; whatever comes later under it does nothing."""

        def respond(outcome: Outcome) -> StoredAnswer:
            return StoredAnswer(200, str(outcome.results[0].seq).encode())

        claim = Claim(api_key="tool", key=str(next(self.keys)), fingerprint=b"body")
        unit = replace(self._unit(command), claim=claim, respond=respond)
        expected = self._oracle_says(self._said(command))
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
        self.now += tick

    # --- what must hold ---------------------------------------------------------------------------------

    @invariant()
    def decisions_are_those_of_the_tables(self) -> None:
        people = self.runner.run(self.ledger.reader.people_at([fingerprints(a) for a in SPELLINGS]))
        for (address, wide), person in zip(SPELLINGS.items(), people, strict=True):
            for purpose, channel in WHERE + NOWHERE:
                decision = decide(
                    CATALOG.find(purpose),
                    channel=channel,
                    regime=OPT_IN,
                    standing=person.standings.get((purpose, channel)),
                    stops=person.stops,
                    facts=person.facts,
                    now=self.now,
                )
                expected = self.oracle.may_send(wide, address, purpose, channel, self.now)
                assert (decision.allowed, decision.reason) == expected, (address, purpose, channel)

    @invariant()
    def the_ledger_is_whole_and_the_state_is_its_sum(self) -> None:
        assert self.runner.run(verify(self.ledger.database, CATALOG, VAULT)) == []
        assert self.runner.run(self.ledger.reader.head()) == len(self.oracle.history)

    # --- underneath -------------------------------------------------------------------------------------

    def say(self, command: Command) -> None:
        self._all([command], together=False)

    def _all(self, said: list[Command], *, together: bool) -> None:
        self.last = said[-1]
        units = [self._unit(command) for command in said]
        expected = [self._oracle_says(one) for one in [self._said(command) for command in said]]
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

    def _oracle_says(self, said: Said) -> Item | None:
        before = len(self.oracle.history)
        try:
            return self.oracle.say(said)
        except Refused:
            assert len(self.oracle.history) == before
            return None

    def _moment(self, command: Command) -> dict[str, Any]:
        shown = None if command.shown_ago is None else max(0, len(self.oracle.history) - command.shown_ago)
        return {
            "stated": None if command.stated is None else self.now + command.stated,
            "shown": shown,
            "until": None if command.pause is None else self.now + command.pause,
        }

    def _said(self, command: Command) -> Said:
        purpose, channel = command.where
        return Said(
            who=who_at(command.address, command.external, link=command.link, create=command.create),
            action=command.action,
            source=command.source,
            purpose=purpose,
            channel=channel,
            now=self.now,
            proof=command.proof,
            wording=command.wording,
            undoes=command.undoes,
            **self._moment(command),
        )

    def _unit(self, command: Command) -> Unit:
        moment = self._moment(command)
        said = item(
            command.action,
            command.source,
            ref_to(command.address, command.external, link=command.link, create=command.create),
            *command.where,
            stated_at=moment["stated"],
            shown_seq=moment["shown"],
            until=moment["until"],
            proof=command.proof,
            wording=command.wording,
            undoes=None if command.undoes is None else self.entries[command.undoes],
        )
        return Unit(now=self.now, choices=(said,))


@pytest.fixture
def machine(database_url: str) -> Iterator[type[JournalMachine]]:
    yield type("Machine", (JournalMachine,), {"url": database_url})


def test_any_history_adds_up_and_agrees_with_the_tables(machine: type[JournalMachine]) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=8, stateful_step_count=25))


@pytest.mark.torture
def test_very_many_histories_add_up_and_agree_with_the_tables(machine: type[JournalMachine]) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=400, stateful_step_count=100))
