"""What has run out, and who is due for a look or a reminder: what the clock records and counts.

`decide` counts with the same moments by itself, whether or not the clock has come by yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prefcenter.domain.choices import Status
from prefcenter.domain.decide import Decision, Dossier, expires_at, may_send, months_after
from prefcenter.domain.facts import Facts, Relationship
from prefcenter.domain.purposes import Basis, Purpose
from prefcenter.domain.regimes import Cell, Months, Regime, Regimes, add_months
from prefcenter.domain.standing import VALID, Standing, counts

_MOMENT = timedelta(microseconds=1)

#: A month that ends sooner makes a time of months shorter by so much: 31 January + 1 month is 28 February.
_CUT_OFF = timedelta(days=3)

#: What was sent without a yes, because nobody had objected.
_SENT_WITHOUT_YES = frozenset({"soft_opt_in", "implied_consent", "opt_out_regime"})


@dataclass(frozen=True, slots=True)
class RunOut:
    """What ended by itself, and exactly when. `entry`: of the yes; None: a relationship stood in for one."""

    purpose: str
    channel: str
    at: datetime
    entry: str | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What the clock has to say of one yes."""

    ran_out: RunOut | None = None
    review_due: bool = False
    remind_due: bool = False


_NOTHING = Look()


def given_before(regimes: Regimes, now: datetime) -> datetime | None:
    """No yes given after this can be due for anything yet; None: none ever is, by the rules in force."""
    months = [
        number
        for row in regimes.rows.values()
        for number in (row.expires, row.review_due, row.remind_every)
        if number is not None
    ]
    return add_months(now, -min(months)) + _CUT_OFF if months else None


def look_at(
    standing: Standing, known: Dossier, purpose: Purpose | None, regimes: Regimes, now: datetime
) -> Look:
    """Look at a valid yes. `known`: that standing, the person's facts, and the stops that may cover it.

    A yes that a stop has ended does not run out on top of that.
    """
    regime = regimes.of(known.facts.country)
    end = expires_at(standing, regime, known.facts, now)
    if end is not None and end <= now:
        if purpose is None or not counts(standing, known.stops, purpose):
            return _NOTHING
        return Look(RunOut(standing.purpose, standing.channel, end, standing.entry))
    review = months_after(regime.review_due, standing, known.facts, now)
    reminder = _reminder_at(standing, regime)
    if all(moment is None or now < moment for moment in (review, reminder)):
        return _NOTHING
    answer = may_send(purpose, standing.channel, known, regimes=regimes, now=now)
    if answer.reason != "consent":
        return _NOTHING
    return Look(review_due=answer.review_due, remind_due=reminder is not None and reminder <= now)


def _reminder_at(standing: Standing, regime: Regime) -> datetime | None:
    """So long after they agreed, or were last told of a change."""
    if regime.remind_every is None:
        return None
    told = standing.noticed_at
    return add_months(standing.at if told is None else max(standing.at, told), regime.remind_every)


def without_a_yes(purposes: Iterable[Purpose], regimes: Regimes) -> list[Purpose]:
    """The purposes that a relationship with an end may stand in for a yes to, by the rules in force."""
    ends = any(
        months is not None
        for row in regimes.rows.values()
        for cell in row.cells.values()
        for months in _kinds(cell).values()
    )
    asked = (None, Basis.LEGITIMATE_INTEREST)
    return [purpose for purpose in purposes if ends and purpose.basis in asked]


def over_by_facts(facts: Facts, purposes: Sequence[Purpose], regimes: Regimes, now: datetime) -> list[RunOut]:
    """Where a relationship no longer stands in for a yes, as far as the facts alone can tell."""
    relationship = facts.relationship
    if relationship is None or not _ends(relationship, regimes.of(facts.country)):
        return []
    alone = Dossier(facts=facts)
    return [
        RunOut(purpose.key, channel, end)
        for purpose in purposes
        for channel in purpose.channels
        if (end := over_since(purpose, channel, alone, regimes, now)) is not None
    ]


def _ends(relationship: Relationship, regime: Regime) -> bool:
    cells = (_kinds(cell) for cell in regime.cells.values())
    return not relationship.ongoing and any(kinds.get(relationship.kind) is not None for kinds in cells)


def _kinds(cell: Cell) -> Mapping[str, Months]:
    return cell.implied or cell.soft_opt_in


def over_since(
    purpose: Purpose, channel: str, known: Dossier, regimes: Regimes, now: datetime
) -> datetime | None:
    """Since when a relationship no longer stands in for a yes; None: it does, or it decides nothing here."""
    answer = _but_for_a_pause(purpose, channel, known, regimes, now)
    return answer.since if answer.reason == "expired" and answer.basis is Basis.LEGITIMATE_INTEREST else None


def is_new(run_out: RunOut, standing: Standing | None) -> bool:
    """Whether the end of a relationship may have to be recorded still, as far as the standing there tells.

    Not while a yes or a question stands there: what became of that is recorded first.
    """
    if standing is None:
        return True
    if standing.status is Status.EXPIRED:
        return standing.at < run_out.at
    return standing.status not in VALID and standing.status is not Status.REQUESTED


def last_moments(
    run_out: RunOut, known_since: datetime | None, rules_changed: Iterable[datetime]
) -> list[datetime]:
    """When a relationship was last of use, if it ever was while we knew the person: just before it ended,
    or just before the rules changed, since it may have ended by the new ones only."""
    ends = [run_out.at, *(changed for changed in rules_changed if changed > run_out.at)]
    return [end - _MOMENT for end in ends if known_since is not None and known_since < end]


def stood_in(purpose: Purpose, channel: str, known: Dossier, regimes: Regimes, then: datetime) -> bool:
    """Whether this could be sent without a yes, by what was known then and the rules of that day."""
    return _but_for_a_pause(purpose, channel, known, regimes, then).reason in _SENT_WITHOUT_YES


def _but_for_a_pause(
    purpose: Purpose, channel: str, known: Dossier, regimes: Regimes, now: datetime
) -> Decision:
    """A pause hides an end, and does not put it off."""
    standing = known.standings.get((purpose.key, channel))
    if standing is not None and standing.until is not None:
        known = Dossier(
            standings={standing.key: standing._replace(until=None)},
            stops=known.stops,
            facts=known.facts,
            known_since=known.known_since,
        )
    return may_send(purpose, channel, known, regimes=regimes, now=now)
