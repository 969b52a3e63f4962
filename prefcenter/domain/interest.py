"""What may be sent without a yes: soft opt-in, implied consent, opt-out (docs/rules.md)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from prefcenter.domain.facts import Facts, OptOutOffered, Relationship
from prefcenter.domain.purposes import PROCESSING_KINDS, Kind, Purpose, Terms
from prefcenter.domain.regimes import CONSENT_ONLY, Cell, Mode, Regime, add_months
from prefcenter.domain.standing import Standing

#: Time to object after notice of something new, before it may begin (seed policy: 30 days).
TIME_TO_OBJECT = timedelta(days=30)
#: In days of UTC: many know only the day, and that by a clock of their own.
AS_IT_BEGAN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Way:
    """A way to send without a yes. `reason` says which, or why not: then `missing` has what would be needed.

    `allowed` None: there is no such way here at all.
    """

    allowed: bool | None
    reason: str
    since: datetime | None = None
    version: int | None = None
    missing: tuple[str, ...] = ()


def way_without_yes(
    purpose: Purpose,
    channel: str,
    regime: Regime,
    facts: Facts,
    standing: Standing | None,
    known_since: datetime | None,
    now: datetime,
) -> Way:
    """How this regime lets a purpose that does not insist on consent be sent to whoever said nothing."""
    cell = _cell(purpose, channel, regime, facts)
    if cell.mode is Mode.OPT_OUT:
        return _once_told(Way(True, "opt_out_regime"), purpose, channel, facts, standing, known_since, now)
    way = _by_relationship(purpose, cell, facts, now)
    if way.allowed:
        return _once_told(way, purpose, channel, facts, standing, known_since, now)
    return way


def _cell(purpose: Purpose, channel: str, regime: Regime, facts: Facts) -> Cell:
    if purpose.kind in PROCESSING_KINDS:
        return Cell(mode=regime.processing)
    if purpose.kind is Kind.DISCLOSURE:
        # Handing an address on is not writing to it: no regime's rule for mail stands in for that yes.
        return CONSENT_ONLY
    return regime.cell(channel, facts.subscriber)


def _by_relationship(purpose: Purpose, cell: Cell, facts: Facts, now: datetime) -> Way:
    relationship = facts.relationship
    if relationship is not None and relationship.since > now:
        relationship = None
    if relationship is not None and relationship.last_at is not None and relationship.last_at > now:
        # Nobody reports the future.
        relationship = replace(relationship, last_at=None)
    if not cell.implied and not cell.soft_opt_in:
        return Way(None, "no_relationship", missing=("regime",))
    kinds, reason = (cell.implied, "implied_consent") if cell.implied else (cell.soft_opt_in, "soft_opt_in")
    accepted = relationship if relationship is not None and _accepts(cell, kinds, relationship) else None
    missing = [] if accepted is not None else ["relationship"]
    if not cell.implied:
        missing += _missing_offer(purpose, relationship, now)
    if accepted is None or missing:
        return Way(False, "no_relationship", missing=tuple(missing))
    ended = runs_out(accepted, kinds[accepted.kind])
    if ended is not None and now >= ended:
        return Way(False, "expired", since=ended)
    return Way(True, reason, since=accepted.since)


def _accepts(cell: Cell, kinds: Iterable[str], relationship: Relationship) -> bool:
    since = cell.soft_since.get(relationship.kind)
    return relationship.kind in kinds and (since is None or relationship.since >= since)


def runs_out(relationship: Relationship, months: int | None) -> datetime | None:
    """When a relationship no longer stands in for a yes: so many calendar months after it ended, else after
    the last dealing, else after it began. None: it does not end by itself, or is ongoing."""
    if months is None or relationship.ongoing:
        return None
    return add_months(relationship.ended_at or relationship.last_at or relationship.since, months)


def _missing_offer(purpose: Purpose, relationship: Relationship | None, now: datetime) -> list[str]:
    """The conditions of ePrivacy Art. 13(2) beyond the relationship that are not shown to be met."""
    missing = [] if purpose.similar_to_purchase else ["similar_to_purchase"]
    if relationship is None or not (
        _offered_to_them(relationship, now) or _offered_to_all(purpose, relationship)
    ):
        missing.append("opt_out_offered")
    return missing


def _offered_to_them(relationship: Relationship, now: datetime) -> bool:
    """In words, and as their address was collected: not years before it, nor after (Art. 13(2))."""
    offered = relationship.opt_out_offered
    if not isinstance(offered, OptOutOffered) or offered.at > now or not offered.wording.strip():
        return False
    return abs(_day(offered.at) - _day(relationship.since)) <= AS_IT_BEGAN


def _offered_to_all(purpose: Purpose, relationship: Relationship) -> bool:
    declared = purpose.soft_opt_in
    if relationship.opt_out_offered is False or declared is None:
        return False
    return declared.offered_since <= _day(relationship.since)


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _once_told(
    way: Way,
    purpose: Purpose,
    channel: str,
    facts: Facts,
    standing: Standing | None,
    known_since: datetime | None,
    now: datetime,
) -> Way:
    """Where the data is older than a purpose, or a change of it, they had to be told, with time to object."""
    told = [t for t in (*purpose.earlier, purpose.terms) if _told(t, facts, standing, known_since, now)]
    held = [t for t in told if t.in_force_at is None or t.in_force_at <= now]
    if not held:
        return Way(False, "not_in_force" if told else "choice_pending")
    if channel not in held[-1].channels:
        return Way(False, "choice_pending", version=held[-1].version)
    return Way(True, way.reason, way.since, held[-1].version)


def _told(
    terms: Terms, facts: Facts, standing: Standing | None, known_since: datetime | None, now: datetime
) -> bool:
    if standing is not None and standing.declined is not None and standing.declined <= terms.version:
        # Whoever said no is not brought further by silence about what came after.
        return False
    if terms.since is None or (standing is not None and _is_settled(terms, standing)):
        return True
    relationship = facts.relationship
    data_since = known_since
    if relationship is not None:
        # What they were offered later is no notice: whoever was there before is told, and has time to object.
        data_since = relationship.since if data_since is None else min(data_since, relationship.since)
    if data_since is not None and data_since >= terms.since:
        return True
    return (
        standing is not None
        and standing.noticed is not None
        and standing.noticed_at is not None
        and standing.noticed >= terms.version
        and standing.noticed_at + TIME_TO_OBJECT <= now
    )


def _is_settled(terms: Terms, standing: Standing) -> bool:
    """Whether it was theirs, by notice and silence, as notice of a newer one came (`Standing.version`)."""
    if standing.seq is not None or standing.noticed is None:
        return False
    return terms.version <= standing.version < standing.noticed
