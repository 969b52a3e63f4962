"""What a history adds up to, read from its start for every question (docs/rules.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from prefcenter.domain.choices import Action, Cause, Effect, Proof
from prefcenter.domain.purposes import Kind, Purpose
from tests.domain.book import Book, Item, Stand

GIVING = {Action.GIVE, Action.REAFFIRM}
MARKETING = {Kind.MARKETING, Kind.DISCLOSURE, Kind.SALE_OR_SHARING, Kind.TRACKING, Kind.PROFILING}


@dataclass(kw_only=True)
class Reading(Book):
    catalog: Mapping[str, Purpose]

    # --- the stops of an address ----------------------------------------------------------------------------

    def stops_at(self, wide: str, before: int | None = None) -> list[Item]:
        """Every stop that was said of this address, or came along as its owner moved in."""
        found: list[Item] = []
        for item in self.lines(before):
            if item.action is Action.ADDRESS_CHANGED and item.wide == wide:
                assert item.came_from is not None
                moved = self.stops_at(item.came_from, item.place)
                found += [stop for stop in moved if stop.cause is not Cause.BOUNCED]
            if item.wide != wide or item.effect is not Effect.APPLIED:
                continue
            if item.cause is not None:
                found.append(item)
            elif item.undoes is not None:
                found = [stop for stop in found if stop.place != item.undoes]
            elif item.action in GIVING and item.proof is Proof.CONFIRMED:
                lives = (item.channel, "*")
                found = [s for s in found if s.cause is not Cause.BOUNCED or s.channel not in lives]
        return found

    @staticmethod
    def blocks(stop: Item, purpose: Purpose, channel: str) -> bool:
        """The table "What a stop blocks", before anything has ended it."""
        here = stop.channel in ("*", channel)
        if stop.cause in (Cause.WITHDRAWN, Cause.REFUSED):
            return stop.purpose == purpose.key and here
        if stop.cause is Cause.OBJECTED:
            return stop.purpose == purpose.key
        if stop.cause is Cause.ALL_MARKETING:
            return purpose.kind in MARKETING and here
        if stop.cause is Cause.COMPLAINED:
            return purpose.kind in MARKETING
        if stop.cause is Cause.BOUNCED:
            return here
        if stop.cause is Cause.SIGNAL:
            return purpose.kind is Kind.SALE_OR_SHARING
        return stop.cause is Cause.ERASED

    # --- yeses, and what came over them ---------------------------------------------------------------------

    def stand(self, person: int, purpose: str, channel: str, before: int | None = None) -> Stand:
        stand = Stand()
        for item in self.lines(before):
            if item.person != person:
                continue
            if item.action is Action.ADDRESS_CHANGED:
                stand = _moved(stand, item)
            elif (item.purpose, item.channel) == (purpose, channel) and item.effect is not Effect.NONE:
                stand = self._then(stand, item, person)
        return stand

    def _then(self, stand: Stand, item: Item, person: int) -> Stand:
        yes = None if stand.word == "invalidated" else stand.yes
        if item.effect is Effect.PENDING or item.action in (Action.REQUEST, Action.ASK):
            if stand.word == "yes" and self.counts(stand, person, item.purpose, item.channel, item.place):
                return stand
            return replace(stand, word="requested", yes=yes, by=item.place)
        if item.action is Action.EXPIRE:
            return _ran_out(replace(stand, yes=yes), item)
        if item.action is Action.NOTIFY:
            told = stand.noticed is not None and stand.noticed[0] >= (item.version or 0)
            if told or item.version is None:
                return _at_least_informed(stand, item)
            stand = _settled(_at_least_informed(stand, item), item.time)
            return replace(stand, noticed=(item.version, item.time))
        said = max(stand.said or item.time, item.time)
        if item.action is Action.DECLINE:
            if item.version is None:
                return stand
            return replace(_declined(_at_least_informed(stand, item), item.version), said=said)
        if item.action in GIVING:
            version = item.version or 1
            declined = stand.declined if stand.declined and stand.declined > version else None
            return Stand(
                word="yes",
                yes=item,
                by=item.place,
                said=said,
                version=version,
                declined=declined,
                noticed=stand.noticed,
            )
        if item.action is Action.DEFER and stand.word == "yes":
            return replace(stand, until=item.until, said=said) if item.until else stand
        if item.action is Action.DEFER:
            return replace(stand, word="deferred", yes=yes, by=item.place, until=item.until, said=said)
        if item.action is Action.INVALIDATE:
            return replace(stand, word="invalidated", said=said)
        return stand

    def counts(self, stand: Stand, person: int, purpose: str, channel: str, before: int) -> bool:
        """A yes counts if it is greater than every stop that matches it."""
        if stand.word != "yes" or purpose not in self.catalog:
            return False
        stops = self.matching(person, purpose, channel, before)
        return all(self.answered(stop, stand, person) for stop in stops)

    def matching(self, person: int, purpose: str, channel: str, before: int | None = None) -> list[Item]:
        """Stops of the person's address that a consent can come after."""
        found = self.stops_at(self.home_of(person, before), before)
        rule = self.catalog[purpose]
        return [s for s in found if s.cause is not Cause.BOUNCED and self.blocks(s, rule, channel)]

    def answered(self, stop: Item, stand: Stand, person: int) -> bool:
        """Whether the yes came after the stop, or the stop is a late report of something before the yes."""
        yes = stand.yes
        if yes is None or stop.cause is Cause.BOUNCED or stand.word == "invalidated":
            return False
        return yes.place > stop.place or self._late(stop, yes, person)

    def _late(self, stop: Item, yes: Item, person: int) -> bool:
        older = stop.time < stop.now and stop.time + timedelta(minutes=5) < yes.time
        if not stop.by_itself or not older:
            return False
        stand = self.stand(person, yes.purpose, yes.channel, stop.place)
        return stand.yes == yes and self.counts(stand, person, yes.purpose, yes.channel, stop.place)


def _at_least_informed(stand: Stand, item: Item) -> Stand:
    if stand.word == "never_asked" and item.version is not None:
        return replace(stand, word="informed", by=item.place)
    return stand


def _settled(stand: Stand, now: datetime) -> Stand:
    """Notice of 30 days ago stays what it is, though there is notice of something newer."""
    version, at = stand.noticed or (0, now)
    over = stand.yes is None and at + timedelta(days=30) <= now
    return replace(stand, settled=max(stand.settled, version)) if over else stand


def _declined(stand: Stand, version: int) -> Stand:
    """No to a version: what they had said yes to before it stays; so do their noes to earlier ones."""
    if stand.word == "yes" and stand.version >= version:
        stand = replace(stand, version=version - 1) if version > 1 else replace(stand, word="invalidated")
    return replace(stand, declined=min(stand.declined or version, version))


def _ran_out(stand: Stand, item: Item) -> Stand:
    """A question that nobody answered is forgotten; not what was said, or told, before it."""
    if stand.word == "requested" and stand.yes is None:
        if stand.said is None and stand.noticed is None:
            return Stand()
        return replace(stand, word="informed", by=item.place)
    return replace(stand, word="expired", by=item.place)


def _moved(stand: Stand, item: Item) -> Stand:
    """With a new address yeses are as if never asked; a pause and a no to a change go along."""
    paused = stand.until is not None and stand.until > item.now
    if not paused and stand.declined is None:
        return Stand()
    return Stand(
        word="deferred" if paused else "informed",
        by=item.place,
        until=stand.until if paused else None,
        said=stand.said,
        declined=stand.declined,
    )
