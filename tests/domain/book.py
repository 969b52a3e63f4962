"""What was said, in one list, and who lives at which address: the oracle's memory (docs/rules.md)."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from prefcenter.domain.choices import Action, Cause, Effect, Proof, Source


class Refused(Exception):
    """Nobody can be meant by this, or two people at once."""


@dataclass(frozen=True, kw_only=True)
class Who:
    """An address (None: named by the external id only). `narrow` None: a link, which knows the wide form."""

    wide: str | None = None
    narrow: str | None = None
    external: str | None = None
    create: bool = False


@dataclass(frozen=True, kw_only=True)
class Said:
    who: Who
    action: Action
    source: Source
    purpose: str
    channel: str
    now: datetime
    stated: datetime | None = None
    shown: int | None = None
    proof: Proof = Proof.NONE
    until: datetime | None = None
    wording: str | None = None
    undoes: int | None = None
    version: int | None = None


@dataclass(frozen=True, kw_only=True)
class Item:
    """One line of the history; `place` counts from 1 without gaps."""

    place: int
    action: Action
    wide: str
    person: int | None
    now: datetime
    time: datetime
    purpose: str = "*"
    channel: str = "*"
    effect: Effect = Effect.APPLIED
    reason: str | None = None
    source: Source = Source.SYSTEM
    by_itself: bool = False
    cause: Cause | None = None
    proof: Proof = Proof.NONE
    until: datetime | None = None
    undoes: int | None = None
    came_from: str | None = None
    about: int | None = None
    version: int | None = None


@dataclass(kw_only=True)
class Stand:
    """Where a person stands on (purpose, channel): the newest yes, and what came over it since.

    `said`: the latest time stated for what they said of it; None: nothing yet. `version`: that of the yes, or
    the one before a version that they took their yes to back. `declined`: the first that they said no to.
    `noticed`: the newest that they had notice of, and when. `settled`: the newest that was theirs by notice
    and silence as notice of a newer one came.
    """

    word: str = "never_asked"
    yes: Item | None = None
    by: int | None = None
    until: datetime | None = None
    said: datetime | None = None
    version: int = 1
    declined: int | None = None
    noticed: tuple[int, datetime] | None = None
    settled: int = 0


@dataclass
class Book:
    history: list[Item] = field(default_factory=list)
    homes: dict[int, tuple[str, str]] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    facts: dict[int, dict[str, Any]] = field(default_factory=dict)
    known_since: dict[int, datetime] = field(default_factory=dict)
    told: dict[int, tuple[int, dict[str, Any]]] = field(default_factory=dict)

    def write(self, **what: Any) -> Item:
        item = Item(place=len(self.history) + 1, **what)
        self.history.append(item)
        return item

    def at(self, wide: str, narrow: str | None) -> int | None:
        """Whoever has exactly this address; else the only one with another spelling of it."""
        exact = [person for person, home in self.homes.items() if home[0] == narrow]
        alike = [person for person, home in self.homes.items() if home[1] == wide]
        return exact[0] if exact else alike[0] if len(alike) == 1 else None

    def apart(self, who: Who) -> list[Who]:
        """The address, and whoever has the id, where that is not the same person."""
        named = self.names.get(who.external) if who.external else None
        living = self.at(who.wide, who.narrow) if who.wide else None
        if who.wide is None or named is None or named == living:
            return [who]
        return [Who(wide=who.wide, narrow=who.narrow), Who(external=who.external)]

    def whose(self, who: Who, now: datetime) -> tuple[int | None, str, bool]:
        named = self.names.get(who.external) if who.external else None
        living = self.at(who.wide, who.narrow) if who.wide else None
        if named is not None and living is not None and named != living:
            raise Refused
        person = living if named is None else named
        if who.wide is None:
            if person is None:
                raise Refused
            return person, self.homes[person][1], False
        fresh = False
        if living is None and person is not None and not who.create:
            raise Refused
        if living is None and who.create and who.narrow is not None:
            fresh = True
            before = None
            if person is None:
                person = len(self.homes) + 1
                self.known_since[person] = now
            else:
                before = self.homes[person][1]
            self.homes[person] = (who.narrow, who.wide)
            if before is not None:
                self.write(
                    action=Action.ADDRESS_CHANGED,
                    wide=who.wide,
                    person=person,
                    now=now,
                    time=now,
                    came_from=before,
                )
        if who.external and who.create and person is not None:
            self.names.setdefault(who.external, person)
        return person, self.homes[person][1] if person else who.wide, fresh

    def say_facts(self, who: Who, said: dict[str, Any], now: datetime) -> None:
        """What is said replaces what was, but for an age not known; a way out that was offered stays."""
        person, wide, fresh = self.whose(who, now)
        assert person is not None
        before = self.facts.get(person, {})
        after = _told_again(before, said)
        if fresh or after != before:
            line = self.write(action=Action.FACT, wide=wide, person=person, now=now, time=now)
            self.told[line.place] = person, said
        self.facts[person] = after

    # --- what was taken out of effect -----------------------------------------------------------------------

    def void(self, place: int, now: datetime) -> bool:
        """An operator takes a machine's word out of effect; False: it was, before."""
        item = self.history[place - 1]
        by_machine = item.source in (Source.PROVIDER, Source.IMPORT) and item.action not in _OF_ENTRIES
        if item.effect is Effect.NONE or not (by_machine or item.action is Action.FACT):
            raise Refused
        if self.is_void(item):
            return False
        self.write(
            action=Action.VOID,
            wide=item.wide,
            person=None,
            now=now,
            time=now,
            purpose=item.purpose,
            channel=item.channel,
            source=Source.OPERATOR,
            about=place,
        )
        if item.action is Action.FACT:
            person = self.told.pop(place)[0]
            self.facts[person] = {}
            for who, said in self.told.values():
                if who == person:
                    self.facts[person] = _told_again(self.facts[person], said)
        return True

    def is_void(self, item: Item) -> bool:
        return item.place in self._gone()

    def _gone(self) -> set[int | None]:
        """What was voided, and what only said that something ran out which was."""
        voided = {one.about for one in self.history if one.action is Action.VOID}
        ends = (one for one in self.history if one.action is Action.EXPIRE and one.about in voided)
        return voided | {one.place for one in ends}

    def lines(self, before: int | None = None) -> list[Item]:
        """What was said, less what was taken out of effect to this day."""
        lines = self.history[: None if before is None else before - 1]
        gone = self._gone()
        return [replace(item, effect=Effect.NONE) if item.place in gone else item for item in lines]

    def home_of(self, person: int, before: int | None) -> str:
        """Where the person lived just before that place."""
        for item in self.history[before - 1 if before else len(self.history) :]:
            if item.action is Action.ADDRESS_CHANGED and item.person == person:
                assert item.came_from is not None
                return item.came_from
        return self.homes[person][1]

    def people_at(self, wide: str) -> Iterator[int]:
        return (person for person, home in self.homes.items() if home[1] == wide)


def _told_again(before: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    after = {**before, **said}
    if said.get("age_band") == "unknown" and before.get("age_band"):
        after["age_band"] = before["age_band"]
    offered = before.get("relationship", {}).get("opt_out_offered")
    if offered is not None and "opt_out_offered" not in after["relationship"]:
        after["relationship"] = {**after["relationship"], "opt_out_offered": offered}
    return after


#: Words about lines, and about where somebody lives.
_OF_ENTRIES = {Action.VOID, Action.INVALIDATE, Action.EXPIRE, Action.ADDRESS_CHANGED}


def reach(cause: Cause, purpose: str, channel: str) -> tuple[str, str]:
    """The (purpose, channel) on which a stop of this cause is one and the same."""
    if cause in (Cause.WITHDRAWN, Cause.REFUSED):
        return purpose, channel
    if cause is Cause.OBJECTED:
        return purpose, "*"
    return "*", channel if cause in (Cause.ALL_MARKETING, Cause.BOUNCED) else "*"
