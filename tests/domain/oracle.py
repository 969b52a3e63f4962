"""What docs/rules.md says, walked literally: slow, plain, and sharing no rule with the code that it judges.

It keeps everything that was ever said as one list (book.py), reads what stands from the start of that list
(reading.py), weighs each thing that is said (weighing.py) and answers whether something may be sent
(allowing.py). Of the rules of countries it takes the data alone.
"""

from dataclasses import dataclass
from datetime import datetime

from prefcenter.storage import rows
from tests.domain.allowing import Answer, Case, no
from tests.domain.book import Stand
from tests.domain.weighing import STOPPING, Weighing, row_of

__all__ = ["STOPPING", "Answer", "Oracle"]


@dataclass(kw_only=True)
class Oracle(Weighing):
    def may_send(self, wide: str, narrow: str, purpose: str, channel: str, now: datetime) -> Answer:
        case = self.case(wide, narrow, purpose, channel)
        return case.answer(now) if case is not None else no("unknown_purpose")

    def case(self, wide: str, narrow: str, purpose: str, channel: str) -> Case | None:
        """All that decides for whoever has this address; None: there is no such purpose."""
        rule = self.catalog.get(purpose)
        if rule is None:
            return None
        person = self.at(wide, narrow)
        stand = self.stand(person, purpose, channel) if person else Stand()
        stops = [stop for stop in self.stops_at(wide) if self.blocks(stop, rule, channel)]
        facts = rows.facts_of(self.facts.get(person, {}) if person else {})
        return Case(
            purpose=rule,
            channel=channel,
            row=row_of(self.rows, facts.country),
            stand=stand,
            stops=stops,
            yes_over=[s for s in stops if person and self.answered(s, stand, person)],
            facts=facts,
            known_since=self.known_since.get(person) if person else None,
        )
