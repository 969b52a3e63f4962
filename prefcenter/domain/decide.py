"""The answer to "may I send?": one pure function for one recipient or a million."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from prefcenter.domain.choices import Cause, Proof, Status, as_strong
from prefcenter.domain.facts import NO_FACTS, Facts
from prefcenter.domain.interest import Way, way_without_yes
from prefcenter.domain.purposes import PROCESSING_KINDS, Basis, Purpose, Terms
from prefcenter.domain.regimes import Regime, Regimes, add_months
from prefcenter.domain.standing import VALID, Standing, StandingKey, Stop, covers, outlives

#: Precedence of reasons (docs/rules.md): a lower rank speaks first.
RANK: dict[Cause, int] = {
    Cause.ERASED: 1,
    Cause.BOUNCED: 2,
    Cause.COMPLAINED: 3,
    Cause.ALL_MARKETING: 4,
    Cause.OBJECTED: 5,
    Cause.WITHDRAWN: 5,
    Cause.REFUSED: 5,
    Cause.SIGNAL: 6,
}

#: Whoever may be mailed without a choice, and the reason that says so.
_WITHOUT_CHOICE = {
    Basis.CONTRACT: "contract",
    Basis.LEGAL_OBLIGATION: "legal_obligation",
    Basis.VITAL_INTEREST: "vital_interest",
}

_NOT_VALID = {
    Status.REQUESTED: "requested",
    Status.DEFERRED: "deferred",
    Status.INVALIDATED: "invalidated",
    Status.EXPIRED: "expired",
    Status.INFORMED: "never_asked",
}

#: Relationships that keep a yes from ageing: a customer is no prospect.
_KEEPS_FRESH = frozenset({"customer", "client_user"})


class Decision(NamedTuple):
    """`since` and `entry` name the moment and the ledger entry that decide, where there is one. `version`
    is of the terms that they agreed to, or were told of; `pending_version` a newer one that they did not.
    `review_due`: allowed, but so old that somebody should look at it.
    """

    allowed: bool
    reason: str
    regime: str | None = None
    basis: str | None = None
    proof: Proof | None = None
    version: int | None = None
    since: datetime | None = None
    entry: str | None = None
    until: datetime | None = None
    missing: tuple[str, ...] = ()
    pending_version: int | None = None
    review_due: bool = False


def decide(
    purpose: Purpose | None,
    *,
    channel: str,
    regime: Regime,
    standing: Standing | None,
    stops: Sequence[Stop],
    now: datetime,
    facts: Facts = NO_FACTS,
    known_since: datetime | None = None,
    version: int | None = None,
    recipient: str | None = None,
) -> Decision:
    """Say whether a message of this purpose may be sent on this channel.

    `stops` are those of every address of the person; the ones that do not cover the purpose are passed over.
    `known_since`: since when we have data on the person. `version`, `recipient`: what is to be sent is of
    this version, or goes to this third party: nobody agreed to what they were not shown.
    """
    held = _decide(purpose, channel, regime, standing, stops, now, facts, known_since)
    if not held.allowed or purpose is None:
        return held
    if version is None and recipient is None:
        return held
    # Where nobody is asked, the catalog says it all.
    terms = agreed = purpose.terms_of(held.version or purpose.version)
    if standing is not None and held.reason == "consent":
        agreed = purpose.terms_of(standing.version)
    # A third party that the catalog names no more gets nothing, whoever agreed to it.
    still_named = recipient is None or recipient in purpose.recipients
    if still_named and _shown(terms, version, recipient) and _shown(agreed, version, recipient):
        return held
    if still_named and _shown(agreed, version, recipient):
        return held._replace(allowed=False, reason="not_in_force", until=agreed.in_force_at)
    return held._replace(allowed=False, reason="choice_pending", pending_version=purpose.version)


def _shown(terms: Terms, version: int | None, recipient: str | None) -> bool:
    newer = version is not None and version > terms.version
    return not newer and (recipient is None or recipient in terms.recipients)


@dataclass(frozen=True, kw_only=True, slots=True)
class Dossier:
    """What is known of whoever has an address, when a decision is made. Where nobody has it, stops may stand.

    `stops`: of every address of the person. `known_since`: since when we have data on them.
    """

    standings: Mapping[StandingKey, Standing] = field(default_factory=dict)
    stops: Sequence[Stop] = ()
    facts: Facts = NO_FACTS
    known_since: datetime | None = None


def may_send(
    purpose: Purpose | None,
    channel: str,
    known: Dossier,
    *,
    regimes: Regimes,
    now: datetime,
    version: int | None = None,
    recipient: str | None = None,
) -> Decision:
    """`decide` with all that is known of a person, under the regime that their facts ask for."""
    return decide(
        purpose,
        channel=channel,
        regime=regimes.of(known.facts.country),
        standing=known.standings.get((purpose.key, channel)) if purpose else None,
        stops=known.stops,
        now=now,
        facts=known.facts,
        known_since=known.known_since,
        version=version,
        recipient=recipient,
    )


def _decide(
    purpose: Purpose | None,
    channel: str,
    regime: Regime,
    standing: Standing | None,
    stops: Sequence[Stop],
    now: datetime,
    facts: Facts,
    known_since: datetime | None,
) -> Decision:
    if purpose is None or purpose.retired or channel not in purpose.channels:
        return Decision(allowed=False, reason="unknown_purpose", regime=regime.name)
    if standing is not None and regime.expires is not None:
        standing = _unless_run_out(standing, regime, facts, now)
    stop = _first_stop(purpose, channel, standing, stops)
    if stop is not None:
        return Decision(
            allowed=False,
            reason=stop.cause.value,
            regime=regime.name,
            basis=purpose.basis,
            since=stop.recorded_at,
            entry=stop.entry,
        )
    if purpose.basis in _WITHOUT_CHOICE:
        reason = _WITHOUT_CHOICE[Basis(purpose.basis)]
        return Decision(allowed=True, reason=reason, regime=regime.name, basis=purpose.basis)
    if facts.age_band is not None and _is_minor(purpose, regime, facts.age_band, standing):
        return Decision(allowed=False, reason="minor", regime=regime.name, basis=purpose.basis)
    if standing is not None and standing.until is not None and standing.until > now:
        return _held(regime, standing, allowed=False, reason="deferred")
    if standing is not None and standing.status in VALID:
        return _consented(purpose, channel, regime, standing, facts, now)
    missing: tuple[str, ...] = ()
    if purpose.basis != Basis.CONSENT:
        way = way_without_yes(purpose, channel, regime, facts, standing, known_since, now)
        if way.allowed or (way.allowed is not None and purpose.basis is None and way.reason in _SAYS_MORE):
            return _by_way(purpose, regime, way)
        if purpose.basis == Basis.LEGITIMATE_INTEREST:
            return _by_way(purpose, regime, way)
        missing = way.missing if purpose.similar_to_purchase else ()
    if standing is None or (standing.status is Status.DEFERRED and standing.until is not None):
        # A pause that ran out leaves whoever never answered where they were.
        return Decision(
            allowed=False, reason="never_asked", regime=regime.name, basis=Basis.CONSENT, missing=missing
        )
    return _held(regime, standing, allowed=False, reason=_NOT_VALID[standing.status], missing=missing)


#: Where the basis is left to the regime: what says more than that nobody was asked.
_SAYS_MORE = frozenset({"expired", "choice_pending", "not_in_force"})


def _is_minor(purpose: Purpose, regime: Regime, age_band: str, standing: Standing | None) -> bool:
    """Below the digital age a person's own yes is none (GDPR Art. 8); no profile and no sale below 16 without
    one; below 13 nothing."""
    if not purpose.is_marketing:
        return False
    if age_band == "under_13" or regime.is_minor(age_band):
        return True
    asked_first = purpose.kind in PROCESSING_KINDS and age_band == "13_15"
    return asked_first and (standing is None or standing.status not in VALID)


def _first_stop(
    purpose: Purpose, channel: str, standing: Standing | None, stops: Sequence[Stop]
) -> Stop | None:
    if not stops:
        return None
    standing_stops = [
        stop
        for stop in stops
        if covers(stop, purpose, channel) and _blocks(stop, purpose) and not outlives(standing, stop)
    ]
    return min(standing_stops, key=lambda stop: (RANK[stop.cause], -stop.seq), default=None)


def _blocks(stop: Stop, purpose: Purpose) -> bool:
    """Contract and legal obligation look at bounces only; erasure leaves them as well."""
    if purpose.is_a_choice:
        return True
    if purpose.basis == Basis.VITAL_INTEREST:
        return stop.cause in (Cause.BOUNCED, Cause.ERASED)
    return stop.cause is Cause.BOUNCED


def _unless_run_out(standing: Standing, regime: Regime, facts: Facts, now: datetime) -> Standing:
    """A yes that ran out is none any more, whether or not the clock has recorded it yet."""
    if standing.status not in VALID:
        return standing
    end = expires_at(standing, regime, facts, now)
    return standing if end is None or now < end else standing._replace(status=Status.EXPIRED, at=end)


def _consented(
    purpose: Purpose, channel: str, regime: Regime, standing: Standing, facts: Facts, now: datetime
) -> Decision:
    if purpose.require_proof is not None and not as_strong(standing.proof, purpose.require_proof):
        missing = (f"proof:{purpose.require_proof}",)
        return _held(regime, standing, allowed=False, reason="requested", missing=missing)
    version, waits_until = _in_force(purpose, channel, standing.version, now)
    if version is None:
        return _held(regime, standing, allowed=False, reason="not_in_force")._replace(until=waits_until)
    review = months_after(regime.review_due, standing, facts, now)
    return Decision(
        allowed=True,
        reason="consent",
        regime=regime.name,
        basis=Basis.CONSENT,
        proof=standing.proof,
        version=version,
        since=standing.at,
        entry=standing.entry,
        pending_version=purpose.version if purpose.version > standing.version else None,
        review_due=review is not None and now >= review,
    )


def _in_force(
    purpose: Purpose, channel: str, agreed: int, now: datetime
) -> tuple[int | None, datetime | None]:
    """The newest version in force of those agreed to: a notice holds back what is new, not what was.

    None, and until when: all of it on this channel is still to come.
    """
    if agreed >= purpose.version and (purpose.in_force_at is None or purpose.in_force_at <= now):
        return agreed, None
    here = [terms for terms in (*purpose.earlier, purpose.terms) if channel in terms.channels]
    begun = [terms for terms in here if terms.in_force_at is None or terms.in_force_at <= now]
    known = [terms.version for terms in begun if terms.version <= agreed]
    if known:
        return known[-1], None
    waits = purpose.terms_of(agreed).in_force_at
    if begun and (waits is None or waits <= now):
        # They said yes on this channel before a version had it.
        return agreed, None
    ahead = [terms.in_force_at for terms in here if terms.in_force_at is not None]
    return None, waits if waits is not None and waits > now else min(ahead, default=None)


def expires_at(standing: Standing, regime: Regime, facts: Facts, now: datetime) -> datetime | None:
    """When a yes ends by the regime's rule; None: never by itself."""
    return months_after(regime.expires, standing, facts, now)


def months_after(months: int | None, standing: Standing, facts: Facts, now: datetime) -> datetime | None:
    """So many calendar months after the yes, or after whatever showed since then that the person cares: the
    last contact that they began, or the last dealing as a customer. None: never."""
    if months is None:
        return None
    relationship = facts.relationship
    if relationship is None and facts.last_contact_at is None:
        return add_months(standing.at, months)
    if relationship is not None and relationship.kind not in _KEEPS_FRESH:
        relationship = None
    if relationship is not None and relationship.ongoing:
        return None
    shown = [standing.at]
    if facts.last_contact_at is not None:
        shown.append(facts.last_contact_at)
    if relationship is not None:
        shown.append(relationship.ended_at or relationship.last_at or relationship.since)
    return add_months(max(moment for moment in shown if moment <= max(now, standing.at)), months)


def _held(
    regime: Regime,
    standing: Standing,
    *,
    allowed: bool,
    reason: str,
    missing: tuple[str, ...] = (),
) -> Decision:
    valid = standing.status in VALID
    return Decision(
        allowed=allowed,
        reason=reason,
        regime=regime.name,
        basis=Basis.CONSENT,
        proof=standing.proof if valid else None,
        version=standing.version if valid else None,
        since=standing.at,
        entry=standing.entry,
        until=standing.until if reason == "deferred" else None,
        missing=missing,
    )


def _by_way(purpose: Purpose, regime: Regime, way: Way) -> Decision:
    newer = way.version is not None and purpose.version > way.version
    pending = newer or way.reason in ("choice_pending", "not_in_force")
    return Decision(
        allowed=bool(way.allowed),
        reason=way.reason,
        regime=regime.name,
        basis=Basis.LEGITIMATE_INTEREST,
        since=way.since,
        version=way.version,
        missing=way.missing,
        pending_version=purpose.version if pending else None,
    )
