"""Says the same thing to the oracle and to the journal: who said what, in the words of each."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from prefcenter.domain.choices import Action
from prefcenter.storage.units import FactsItem, Unit
from tests.domain.book import Item, Refused, Said
from tests.domain.oracle import Oracle
from tests.domain.world import Catalog
from tests.storage.commands import SPELLINGS, Command, ref_to, who_at
from tests.storage.ledgers import NOW, item


@dataclass
class Speaker:
    """`entries`: the ledger's names of the oracle's lines."""

    catalog: Catalog = field(default_factory=Catalog)
    now: datetime = NOW
    entries: dict[int, str] = field(default_factory=dict)
    oracle: Oracle = field(init=False)

    def __post_init__(self) -> None:
        self.oracle = Oracle(catalog=self.catalog.purposes, rows=self.catalog.regimes.rows)

    def oracle_says(self, said: Said) -> Item | None:
        """What the oracle makes of it; None: nobody can be meant."""
        before = len(self.oracle.history)
        try:
            return self.oracle.say(said)
        except Refused:
            assert len(self.oracle.history) == before
            return None

    def said(self, command: Command) -> Said:
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
            undoes=self._ended(command),
            version=command.version,
            **self._moment(command),
        )

    def unit(self, command: Command) -> Unit:
        moment = self._moment(command)
        undoes = self._ended(command)
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
            version=command.version,
            undoes=None if undoes is None else self.entries[undoes],
        )
        return Unit(now=self.now, choices=(said,))

    def unit_of_facts(self, address: str, external: str | None, facts: dict[str, Any]) -> Unit:
        return Unit(now=self.now, facts=(FactsItem(ref=ref_to(address, external), facts=facts),))

    def edges(self, places: list[tuple[str, str]], address: str) -> set[datetime]:
        """The moments to come at which an answer may become another one, and those beside them."""
        beside = (timedelta(seconds=-1), timedelta(microseconds=-1), timedelta(0), timedelta(seconds=1))
        found = set()
        for place in places:
            case = self.oracle.case(SPELLINGS[address], address, *place)
            found |= set(case.edges(self.now)) if case is not None else set()
        return {edge + by for edge in found for by in beside if edge + by >= self.now}

    def _ended(self, command: Command) -> int | None:
        """What an `invalidate` or an `expire` is about; the latter names what stands there, or not."""
        if command.action is not Action.EXPIRE:
            return command.undoes
        person = self.oracle.at(SPELLINGS[command.address], command.address)
        if person is None or not command.ends:
            return next(iter(self.entries), None)
        stand = self.oracle.stand(person, *command.where)
        return stand.by if stand.word in ("yes", "requested") else None

    def _moment(self, command: Command) -> dict[str, Any]:
        shown = None if command.shown_ago is None else max(0, len(self.oracle.history) - command.shown_ago)
        return {
            "stated": None if command.stated is None else self.now + command.stated,
            "shown": shown,
            "until": None if command.pause is None else self.now + command.pause,
        }
