"""May it be sent? Each condition of docs/rules.md and DESIGN.md 4.3 and 4.4 in its own words."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from prefcenter.domain.choices import Cause
from prefcenter.domain.decide import Decision
from prefcenter.domain.facts import Facts, OptOutOffered, Relationship
from prefcenter.domain.purposes import Basis, Kind, Purpose, Terms
from prefcenter.domain.regimes import Cell, Mode, Regime
from tests.domain.book import Item, Stand
from tests.domain.reading import MARKETING
from tests.domain.weighing import as_strong

OF_ONE_PURPOSE = {Cause.WITHDRAWN, Cause.REFUSED, Cause.OBJECTED}
GRAVEST_FIRST = [Cause.ERASED, Cause.BOUNCED, Cause.COMPLAINED, Cause.ALL_MARKETING]
PRECEDENCE = [*({cause} for cause in GRAVEST_FIRST), OF_ONE_PURPOSE, {Cause.SIGNAL}]
OF_DATA = {Kind.SALE_OR_SHARING, Kind.TRACKING, Kind.PROFILING}
#: The oldest that somebody of a band surely is; of the rest nothing is known.
SURELY = {"under_13": 0, "13_15": 13, "16_17": 16}
TO_OBJECT = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Answer:
    allowed: bool
    reason: str
    version: int | None = None
    missing: tuple[str, ...] = ()
    until: datetime | None = None
    pending: int | None = None
    review_due: bool = False


def as_answer(decision: Decision) -> Answer:
    """What the code answers, in the oracle's words."""
    return Answer(
        allowed=decision.allowed,
        reason=decision.reason,
        version=decision.version,
        missing=decision.missing,
        until=decision.until,
        pending=decision.pending_version,
        review_due=decision.review_due,
    )


@dataclass(kw_only=True)
class Case:
    """One purpose on one channel for one person. `stops`: at their address; `yes_over`: older ones."""

    purpose: Purpose
    channel: str
    row: Regime
    stand: Stand = field(default_factory=Stand)
    stops: list[Item] = field(default_factory=list)
    yes_over: list[Item] = field(default_factory=list)
    facts: Facts = field(default_factory=Facts)
    known_since: datetime | None = None

    # --- one question after the other -----------------------------------------------------------------------

    def answer(self, now: datetime, version: int | None = None, recipient: str | None = None) -> Answer:
        """With what is to be sent: of this version, to this third party."""
        answer = self.plain_answer(now)
        if not answer.allowed or (version is None and recipient is None):
            return answer
        current = self._versions[-1]
        held = self._terms(answer.version) if answer.version else current
        agreed = self._terms(self.stand.version) if answer.reason == "consent" else held
        fits = [
            (version is None or version <= one.version) and (recipient is None or recipient in one.recipients)
            for one in (held, agreed)
        ]
        dropped = recipient is not None and recipient not in current.recipients
        if all(fits) and not dropped:
            return answer
        if fits[1] and not dropped:
            return replace(answer, allowed=False, reason="not_in_force", until=agreed.in_force_at)
        return replace(answer, allowed=False, reason="choice_pending", pending=current.version)

    def plain_answer(self, now: datetime) -> Answer:
        rule = self.purpose
        if rule.retired or self.channel not in rule.channels:
            return no("unknown_purpose")
        if stop := self._first_stop(now):
            return no(stop.value)
        if rule.basis in (Basis.CONTRACT, Basis.LEGAL_OBLIGATION, Basis.VITAL_INTEREST):
            return Answer(allowed=True, reason=str(rule.basis))
        if self._too_young(now):
            return no("minor")
        yes = self._has_yes(now)
        if self.stand.until is not None and self.stand.until > now:
            version = self.stand.version if yes else None
            return replace(no("deferred"), until=self.stand.until, version=version)
        if yes:
            return self._by_consent(now)
        way = self._without_consent(now) if rule.basis != Basis.CONSENT else no("")
        if way.allowed or rule.basis == Basis.LEGITIMATE_INTEREST:
            return way
        if way.reason in ("expired", "choice_pending", "not_in_force"):
            return way
        missing = way.missing if rule.similar_to_purchase else ()
        return replace(no(self._word()), missing=missing)

    def _word(self) -> str:
        """What to say of somebody who has not said yes, or whose yes is over."""
        if self.stand.word == "yes":
            return "expired"
        over = self.stand.word == "deferred" and self.stand.until is not None
        return "never_asked" if over or self.stand.word == "informed" else self.stand.word

    def _first_stop(self, now: datetime) -> Cause | None:
        stops = self.stops
        basis = self.purpose.basis
        if basis in (Basis.CONTRACT, Basis.LEGAL_OBLIGATION):
            stops = [stop for stop in stops if stop.cause is Cause.BOUNCED]
        elif basis == Basis.VITAL_INTEREST:
            stops = [stop for stop in stops if stop.cause in (Cause.BOUNCED, Cause.ERASED)]
        if self._has_yes(now):
            stops = [stop for stop in stops if stop not in self.yes_over]
        by_rank = ([stop for stop in stops if stop.cause in rank] for rank in PRECEDENCE)
        of_rank = next((found for found in by_rank if found), [])
        return max(of_rank, key=lambda stop: stop.place).cause if of_rank else None

    def _too_young(self, now: datetime) -> bool:
        age = SURELY.get(self.facts.age_band or "")
        if age is None or self.purpose.kind not in MARKETING:
            return False
        asked_first = self.purpose.kind in OF_DATA and age < 16 and not self._has_yes(now)
        return age < 13 or age < self.row.digital_age or asked_first

    # --- a yes ----------------------------------------------------------------------------------------------

    def _has_yes(self, now: datetime) -> bool:
        if self.stand.word != "yes":
            return False
        end = self.runs_until(self.row.expires, now)
        return end is None or now < end

    def runs_until(self, months: int | None, now: datetime) -> datetime | None:
        """So many months after their last sign: the yes, a contact that they began, a deal."""
        assert self.stand.yes is not None
        deals = self.facts.relationship
        if deals is not None and deals.kind not in ("customer", "client_user"):
            deals = None
        if months is None or (deals is not None and deals.ongoing):
            return None
        last_deal = (deals.ended_at or deals.last_at or deals.since) if deals is not None else None
        signs = [self.facts.last_contact_at, last_deal]
        given = self.stand.yes.time
        past = [sign for sign in signs if sign is not None and (sign <= now or sign <= given)]
        return later(max([given, *past]), months)

    def _by_consent(self, now: datetime) -> Answer:
        assert self.stand.yes is not None
        agreed, newest = self.stand.version, self._versions[-1].version
        if not as_strong(self.stand.yes.proof, self.purpose.require_proof):
            missing = (f"proof:{self.purpose.require_proof}",)
            return replace(no("requested"), version=agreed, missing=missing)
        here = [one for one in self._versions if self.channel in one.channels]
        begun = [one for one in here if one.in_force_at is None or now >= one.in_force_at]
        held = [one.version for one in begun if one.version <= agreed]
        waits = self._terms(agreed).in_force_at
        waits = waits if waits is not None and waits > now else None
        if not held and (waits or not begun):
            first = min((one.in_force_at for one in here if one.in_force_at), default=None)
            return replace(no("not_in_force"), version=agreed, until=waits or first)
        review = self.runs_until(self.row.review_due, now)
        return Answer(
            allowed=True,
            reason="consent",
            version=max(held, default=agreed),
            pending=newest if newest > agreed else None,
            review_due=review is not None and now >= review,
        )

    @property
    def _versions(self) -> list[Terms]:
        return [*self.purpose.earlier, self.purpose.terms]

    def _terms(self, version: int) -> Terms:
        return [one for one in self._versions if one.version <= version][-1]

    # --- without a yes --------------------------------------------------------------------------------------

    def _without_consent(self, now: datetime) -> Answer:
        cell = self._cell()
        if cell.mode is Mode.OPT_OUT:
            return self._told("opt_out_regime", now)
        kinds = cell.implied or cell.soft_opt_in
        if not kinds:
            return replace(no("no_relationship"), missing=("regime",))
        deals = self._deals(now)
        fits = deals is not None and deals.kind in kinds
        if fits and deals is not None and deals.kind in cell.soft_since:
            fits = deals.since >= cell.soft_since[deals.kind]
        missing = [] if fits else ["relationship"]
        if not cell.implied:
            missing += [] if self.purpose.similar_to_purchase else ["similar_to_purchase"]
            missing += [] if self._way_out_offered(deals, now) else ["opt_out_offered"]
        if missing or deals is None:
            return replace(no("no_relationship"), missing=tuple(missing))
        if (end := relationship_until(deals, kinds[deals.kind])) is not None and now >= end:
            return no("expired")
        return self._told("implied_consent" if cell.implied else "soft_opt_in", now)

    def _cell(self) -> Cell:
        if self.purpose.kind in OF_DATA:
            return Cell(mode=self.row.processing)
        cells = self.row.cells if self.purpose.kind is not Kind.DISCLOSURE else {}
        found = [cells.get((self.channel, who)) for who in (self.facts.subscriber, None)]
        return next((cell for cell in found if cell is not None), Cell())

    def _deals(self, now: datetime) -> Relationship | None:
        """A relationship that has begun, without what is said of the future."""
        deals = self.facts.relationship
        if deals is None or deals.since > now:
            return None
        return deals if deals.last_at is None or deals.last_at <= now else replace(deals, last_at=None)

    def _way_out_offered(self, deals: Relationship | None, now: datetime) -> bool:
        if deals is None or deals.opt_out_offered is False:
            return False
        if _offered_by(deals.opt_out_offered, now) and _as_it_began(deals):
            return True
        day = self.purpose.soft_opt_in.offered_since if self.purpose.soft_opt_in else date.max
        since = deals.since.astimezone(UTC)
        return date(since.year, since.month, since.day) >= day

    def _told(self, reason: str, now: datetime) -> Answer:
        """Of what is newer than their data they had notice, and time to object, or it waits."""
        newest = self._versions[-1].version
        known = [one for one in self._versions if self._knows_of(one, now)]
        begun = [one for one in known if one.in_force_at is None or now >= one.in_force_at]
        if not begun:
            return replace(no("not_in_force" if known else "choice_pending"), pending=newest)
        held = begun[-1]
        pending = newest if newest > held.version else None
        if self.channel not in held.channels:
            return replace(no("choice_pending"), version=held.version, pending=newest)
        return Answer(allowed=True, reason=reason, version=held.version, pending=pending)

    def _knows_of(self, terms: Terms, now: datetime) -> bool:
        if self.stand.declined is not None and terms.version >= self.stand.declined:
            return False
        if terms.since is None or terms.version <= self.stand.settled:
            return True
        deals = self.facts.relationship
        began = deals.since if deals is not None else None
        firsts = [one for one in (self.known_since, began) if one is not None]
        if firsts and min(firsts) >= terms.since:
            return True
        version, at = self.stand.noticed or (0, now)
        return version >= terms.version and now >= at + TO_OBJECT

    # --- when any of it changes -----------------------------------------------------------------------------

    def edges(self, now: datetime) -> Iterator[datetime]:
        """The moments after which the answer may be another one, though nothing is said."""
        deals, offered = self.facts.relationship, None
        if self.stand.until:
            yield self.stand.until
        if self.stand.noticed:
            yield self.stand.noticed[1] + TO_OBJECT
        yield from (one.in_force_at for one in self._versions if one.in_force_at)
        if self.stand.word == "yes":
            ends = (self.runs_until(months, now) for months in (self.row.expires, self.row.review_due))
            yield from (end for end in ends if end is not None)
        if deals is not None:
            offered = deals.opt_out_offered
            yield from (moment for moment in (deals.since, deals.last_at, deals.ended_at) if moment)
            kinds = {**self._cell().implied, **self._cell().soft_opt_in}
            if (end := relationship_until(deals, kinds.get(deals.kind))) is not None:
                yield end
        if isinstance(offered, OptOutOffered):
            yield offered.at


def relationship_until(deals: Relationship, months: int | None) -> datetime | None:
    """From when it ended, else from the last deal, else from when it began; never while it goes on."""
    if months is None or deals.ongoing:
        return None
    return later(deals.ended_at or deals.last_at or deals.since, months)


def later(moment: datetime, months: int) -> datetime:
    """One month after the other on the calendar of UTC; then back to a day that there is."""
    utc = moment.astimezone(UTC)
    year, month, day = utc.year, utc.month, utc.day
    for _ in range(months):
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    while True:
        try:
            return utc.replace(year=year, month=month, day=day)
        except ValueError:
            day -= 1


def _offered_by(offered: OptOutOffered | bool | None, now: datetime) -> bool:
    return isinstance(offered, OptOutOffered) and offered.at <= now and offered.wording.strip() != ""


def _as_it_began(deals: Relationship) -> bool:
    """On the day before, that day, or the day after, by the calendar of UTC."""
    assert isinstance(deals.opt_out_offered, OptOutOffered)
    midnight = deals.since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    day = timedelta(days=1)
    return midnight - day <= deals.opt_out_offered.at < midnight + 2 * day


def no(reason: str) -> Answer:
    return Answer(allowed=False, reason=reason)
