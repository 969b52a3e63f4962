"""The rules of a jurisdiction, as `decide` asks for them. The rows themselves are data: regimes.toml."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType

#: The row of whoever lives nowhere that is known.
STRICT = "STRICT"

#: How long a basis lasts, in calendar months; None: it does not end by itself.
Months = int | None


class Mode(StrEnum):
    """What a cell asks for before the first message."""

    OPT_IN = "opt_in"
    OPT_OUT = "opt_out"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """What one channel asks for. `soft_opt_in` (ePrivacy Art. 13(2)) and `implied` (CASL s. 10(9)): the kinds
    of relationship that stand in for a yes, and for how long. `soft_since`: relationships that began before
    that moment do not count (a rule that is not retroactive), by kind."""

    mode: Mode = Mode.OPT_IN
    soft_opt_in: Mapping[str, Months] = field(default_factory=lambda: MappingProxyType({}))
    implied: Mapping[str, Months] = field(default_factory=lambda: MappingProxyType({}))
    soft_since: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))


#: A cell without a sourced rule.
CONSENT_ONLY = Cell()


@dataclass(frozen=True, kw_only=True, slots=True)
class Regime:
    """One row. `processing`: what selling, sharing, tracking and profiling ask for. `expires` ends a yes,
    `review_due` only flags an allowed answer, `remind_every` asks to tell people what they agreed to.
    `digital_age`: from which age a person's own yes is valid (GDPR Art. 8)."""

    name: str
    title: str = ""
    cells: Mapping[tuple[str, str | None], Cell] = field(default_factory=lambda: MappingProxyType({}))
    processing: Mode = Mode.OPT_IN
    double_opt_in: bool = True
    expires: Months = None
    review_due: Months = None
    remind_every: Months = None
    digital_age: int = 16

    def cell(self, channel: str, subscriber: str | None) -> Cell:
        """The cell of a channel for a sort of subscriber; consent only where there is none."""
        found = self.cells.get((channel, subscriber)) or self.cells.get((channel, None))
        return found or CONSENT_ONLY

    def is_minor(self, age_band: str | None) -> bool:
        """Whether a person's own yes is not valid here; a band that straddles the age counts as below it."""
        lowest = _LOWEST_AGE.get(age_band or "")
        return lowest is not None and lowest < self.digital_age


_LOWEST_AGE = {"under_13": 0, "13_15": 13, "16_17": 16}


@dataclass(frozen=True, kw_only=True, slots=True)
class Regimes:
    """Every row in force. `digest` names them in a decision."""

    rows: Mapping[str, Regime]
    digest: str = ""

    def of(self, country: str | None) -> Regime:
        """The row of a country or region (`DE`, `US-CA`); a region without one of its own has its country's.

        None and whatever has no row: STRICT.
        """
        if country:
            found = self.rows.get(country) or self.rows.get(country.partition("-")[0])
            if found is not None:
                return found
        return self.rows[STRICT]


#: Days that every month has.
_SHORTEST = 28


def add_months(moment: datetime, months: int) -> datetime:
    """The same day so many months later, by the calendar of UTC; or the last of that month (28 February)."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = moment.day
    if day > _SHORTEST:
        day = min(day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)
