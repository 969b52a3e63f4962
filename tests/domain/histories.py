"""Random histories of one person: a few purposes, much said of them, and a catalog that changes meanwhile."""

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

from prefcenter.domain.choices import Action, Proof, Source
from tests.domain.allowing import as_answer
from tests.domain.in_memory import InMemory
from tests.domain.world import PLACES
from tests.storage.commands import Command, random_command, random_facts, random_tick

ADA = "ada@example.com"
#: Stops of everything would drown the rest.
_RARE = {Action.COMPLAIN, Action.BOUNCE, Action.ERASE, Action.SIGNAL}
_MORE = [Action.NOTIFY, Action.NOTIFY, Action.DECLINE, Action.ASK, Action.EXPIRE, Action.REQUEST, Action.GIVE]
#: What an operator may have to take back.
_BY_MACHINE: list[dict[str, Any]] = [
    {"action": Action.GIVE, "source": Source.IMPORT, "wording": "I agree.", "stated": timedelta(days=-1)},
    {"action": Action.WITHDRAW, "source": Source.PROVIDER, "stated": None},
    {"action": Action.COMPLAIN, "source": Source.PROVIDER, "stated": None},
]
#: Where there is more than one way to a yes, more often.
_WITHOUT_A_YES = [("tips", "email"), ("offers", "email"), ("sharing", "email"), ("events", "email")]
_PLACES = [*PLACES, *_WITHOUT_A_YES * 2]
#: What may be sent is often of a version, or to somebody.
_SENT = [(None, None)] * 20 + [(version, None) for version in (1, 2, 3)] + [(None, "partner"), (2, "lab")]
#: Changes, notices of them, and answers, as the months go by.
_ABOUT_CHANGES = [*[Action.NOTIFY] * 6, *_MORE, Action.DEFER, Action.DECLINE]
_MONTHS = [timedelta(seconds=1), timedelta(days=10), timedelta(days=30), timedelta(days=31)]


class History:
    """What is said under one seed. `run` says it all, and holds every answer against the oracle's."""

    def __init__(self, seed: int) -> None:
        self.source = random.Random(seed)
        self.world = InMemory()
        self.of_changes = self.source.random() < 0.3
        self.focus = self.source.sample(_WITHOUT_A_YES if self.of_changes else _PLACES, 2)
        steps = self.world.catalog.steps
        if self.of_changes:
            steps[:] = [step for step in steps if step[0] in {purpose for purpose, _ in self.focus}]
        else:
            self.source.shuffle(steps)

    def run(self) -> None:
        if self.of_changes or self.source.random() < 0.7:
            self._facts()
        for _ in range(self.source.randint(2, 16)):
            self._something_happens()
            if self.source.random() < 0.5:
                self.world.now += self.source.choice(_MONTHS) if self.of_changes else random_tick(self.source)
        self._compare()

    def _something_happens(self) -> None:
        chance = self.source.random()
        if chance < (0.05 if self.of_changes else 0.2):
            self._facts()
        elif chance < 0.35:
            self.world.catalog.step(self.world.now)
        elif chance < 0.45 and self.world.oracle.history:
            self.void(self._place())
        else:
            self.say(self._command())

    def _facts(self) -> None:
        facts = random_facts(self.source, self.world.now)
        if self.of_changes:
            # Somebody who may be written to, mostly.
            facts["country"] = self.source.choice(["US", "XB", "DE", "CA"])
            facts.pop("age_band", None)
        self.world.say_facts(ADA, facts)

    def say(self, command: Command) -> None:
        self.world.say(command)

    def void(self, place: int) -> None:
        self.world.void(place)

    def _place(self) -> int:
        """A line, mostly one that may be voided."""
        lines = self.world.oracle.history
        machines = [item for item in lines if item.source in (Source.PROVIDER, Source.IMPORT, Source.SYSTEM)]
        choices = [item for item in machines if item.action is not Action.FACT]
        return self.source.choice([*choices * 4, *machines] or lines).place

    def _command(self) -> Command:
        source = self.source
        command = replace(random_command(source), address=ADA, external=None, link=False, create=True)
        if self.of_changes:
            command = _by_link(command, source.choice(_ABOUT_CHANGES))
            return replace(command, where=source.choice(self.focus), version=source.choice([None, 1, 2, 3]))
        where = source.choice(self.focus) if source.random() < 0.85 else command.where
        if source.random() < 0.15:
            return replace(command, where=where, **source.choice(_BY_MACHINE))
        if source.random() < 0.35:
            command = _by_link(command, source.choice(_MORE))
        if command.action in _RARE and source.random() < 0.8:
            command = replace(command, action=Action.WITHDRAW)
        return replace(command, where=where)

    def _compare(self) -> None:
        """Now, and at each moment to come at which an answer may become another one, and right beside it."""
        world, known = self.world, self.world.known(ADA)
        version, recipient = self.source.choice(_SENT)
        sent = {"version": version, "recipient": recipient}
        for now in [world.now, *sorted(world.edges(self.focus, ADA))]:
            for purpose, channel in self.focus:
                decision = world.decision(known, purpose, channel, now, **sent)
                expected = world.expected(ADA, purpose, channel, now, **sent)
                assert as_answer(decision) == expected, (purpose, channel, str(now), sent)


def _by_link(command: Command, action: Action) -> Command:
    return replace(command, action=action, source=Source.CHOICE_LINK, proof=Proof.CONFIRMED)
