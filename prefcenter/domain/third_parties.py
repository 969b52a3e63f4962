"""Which third parties must hear that a permission ended (GDPR Art. 19; *Proximus*, CJEU C-129/21)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from prefcenter.domain.choices import (
    Action,
    Cause,
    Choice,
    Entry,
    Source,
    Status,
    cause_of,
    scope_of,
    takes_away,
)
from prefcenter.domain.decide import Dossier, may_send
from prefcenter.domain.purposes import ANY, Basis, Purpose
from prefcenter.domain.regimes import Regimes
from prefcenter.domain.standing import (
    FindPurpose,
    Standing,
    Stop,
    counts,
    covers,
    newer_than,
    yields_to_newer_yes,
)

#: A third party that has not confirmed by then needs a call: it has the month that a controller has to act
#: on what a person asks (GDPR Art. 12(3)).
OVERDUE_AFTER = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Disclosure:
    """A third party of a purpose, from `version` on. `until`: when the catalog stopped naming it; None: it
    still does."""

    recipient: str
    version: int
    until: datetime | None = None


#: By purpose, retired ones too; only those that ever had a third party.
Disclosures = Mapping[str, Sequence[Disclosure]]


@dataclass(frozen=True, slots=True)
class ToBeTold:
    """What the third party was told after the entry `after` has told it this already."""

    recipient: str
    purpose: str
    after: int


@dataclass(frozen=True, slots=True)
class _Taken:
    version: int
    after: int


def disclosures_of(catalogs: Iterable[tuple[datetime, Mapping[str, Purpose]]]) -> Disclosures:
    """Every third party that there ever was, from all catalogs in the order they were applied."""
    found: dict[str, dict[str, Disclosure]] = {}
    for applied_at, purposes in catalogs:
        for key, parties in found.items():
            named = purposes[key].recipients if key in purposes else ()
            for recipient, held in parties.items():
                if recipient not in named and held.until is None:
                    parties[recipient] = replace(held, until=applied_at)
        for key, purpose in purposes.items():
            for recipient in purpose.recipients:
                parties = found.setdefault(key, {})
                first = parties[recipient].version if recipient in parties else purpose.version
                parties[recipient] = Disclosure(recipient, first)
    return {key: tuple(parties.values()) for key, parties in found.items()}


def concerns_third_parties(choice: Choice, disclosures: Disclosures, find: FindPurpose) -> bool:
    """Whether a stop's scope takes in a purpose with third parties: only then does it matter whose it is."""
    if not disclosures:
        return False
    cause = cause_of(choice.action, choice.purpose, None if choice.purpose == ANY else find(choice.purpose))
    scope = _scope(cause, choice.purpose, choice.channel)
    purposes = (find(key) for key in disclosures)
    return any(p is not None and p.is_a_choice and covers(scope, p, scope.channel) for p in purposes)


def ends_permissions(entry: Entry) -> bool:
    """Not a pause, which ends by itself. Whoever leaves an address leaves all that was allowed for it."""
    if entry.action is Action.DEFER:
        return False
    return takes_away(entry) or entry.action is Action.ADDRESS_CHANGED


def to_be_told(
    entry: Entry, before: Dossier, *, disclosures: Disclosures, find: FindPurpose, regimes: Regimes
) -> list[ToBeTold]:
    """The third parties that hold data of this person on what the entry ends.

    `before`: what was known of the person just before the entry.
    """
    if not ends_permissions(entry):
        return []
    told = []
    for key, parties in disclosures.items():
        purpose = find(key)
        taken = _taken(entry, purpose, before, regimes) if purpose is not None else None
        if taken is not None:
            held = (one.recipient for one in parties if _held(one, taken, before))
            told += [ToBeTold(recipient, key, taken.after) for recipient in held]
    return told


def _held(party: Disclosure, taken: _Taken, before: Dossier) -> bool:
    """Whoever came after a third party had left was never handed over to it."""
    came_late = (
        party.until is not None and before.known_since is not None and before.known_since >= party.until
    )
    return party.version <= taken.version and not came_late


def _taken(entry: Entry, purpose: Purpose, before: Dossier, regimes: Regimes) -> _Taken | None:
    """What the entry ends of a purpose, on all channels together."""
    if not purpose.is_a_choice:
        return None
    channels = {
        *purpose.channels,
        *(channel for key, channel in before.standings if key == purpose.key),
    }
    found = [
        one
        for channel in channels
        if reaches(entry, purpose, channel)
        and (one := _taken_on(channel, entry, purpose, before, regimes)) is not None
    ]
    if not found:
        return None
    return _Taken(max(one.version for one in found), max(one.after for one in found))


def _taken_on(
    channel: str, entry: Entry, purpose: Purpose, before: Dossier, regimes: Regimes
) -> _Taken | None:
    standing = before.standings.get((purpose.key, channel))
    status = standing.status if standing is not None else None
    if entry.action is Action.VOID and (standing is None or standing.entry != entry.target):
        # Something else has taken its place since.
        return None
    if entry.action is Action.EXPIRE and status is Status.REQUESTED:
        # A question that nobody answered.
        return None
    if standing is not None and standing.seq is not None:
        return _taken_from_yes(standing, standing.seq, entry, purpose, before)
    if purpose.basis is Basis.CONSENT:
        return None
    if entry.action is Action.EXPIRE:
        # Without a yes it is a relationship that ran out.
        return _Taken(purpose.version, 0 if status is Status.EXPIRED else entry.seq)
    return _handed_over_without_yes(channel, entry, purpose, before, regimes)


def _taken_from_yes(
    standing: Standing, yes: int, entry: Entry, purpose: Purpose, before: Dossier
) -> _Taken | None:
    stood = counts(standing, before.stops, purpose)
    if entry.cause is Cause.BOUNCED:
        bounces = (stop for stop in before.stops if stop.cause is Cause.BOUNCED)
        stood = stood and not any(covers(stop, purpose, standing.channel) for stop in bounces)
    elif stood and _leaves(entry, standing):
        return None
    # What did not stand any more was told of as it ended, or else is now: a repeat tells nobody twice.
    return _Taken(standing.version, entry.seq if stood else yes)


def _leaves(entry: Entry, standing: Standing) -> bool:
    """Whether it is an old stop that a machine reports late: the fold leaves a newer yes standing."""
    late = yields_to_newer_yes(entry.action, entry.source)
    return late and newer_than(standing, entry.occurred_at, entry.recorded_at)


def _handed_over_without_yes(
    channel: str, entry: Entry, purpose: Purpose, before: Dossier, regimes: Regimes
) -> _Taken | None:
    standings = dict(before.standings)
    if (paused := standings.get((purpose.key, channel))) is not None:
        standings[paused.key] = paused._replace(until=None)
    known = Dossier(
        standings=standings, stops=before.stops, facts=before.facts, known_since=before.known_since
    )
    # A purpose that was taken out of the catalog still has what was handed over for it.
    as_it_was = replace(purpose, retired=False)
    answer = may_send(as_it_was, channel, known, regimes=regimes, now=entry.recorded_at)
    return _Taken(answer.version or purpose.version, entry.seq) if answer.allowed else None


def reaches(entry: Entry, purpose: Purpose, channel: str) -> bool:
    """Whether an entry that ends something is about this purpose on this channel."""
    if entry.action is Action.ADDRESS_CHANGED:
        return True
    if entry.cause is None:
        return (entry.purpose, entry.channel) == (purpose.key, channel)
    return covers(_scope(entry.cause, entry.purpose, entry.channel), purpose, channel)


def _scope(cause: Cause, purpose: str, channel: str) -> Stop:
    """A stop of which only the scope matters."""
    key, on = scope_of(cause, purpose, channel)
    return Stop(b"", on, key, cause, Source.SYSTEM, 0, "", _NEVER, _NEVER)


_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
