"""What docs/rules.md says, walked literally: slow, plain, and sharing no rule with the code that it judges.

It keeps everything that was ever said as one list. Each question is answered from the start of that list.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from prefcenter.domain.choices import Action, Cause, Effect, Proof, Source
from prefcenter.domain.purposes import Basis, Kind, Purpose
from tests.domain.book import Book, Item, Refused, Said, Stand, Who, reach

STOPPING = {
    Action.REFUSE,
    Action.WITHDRAW,
    Action.OBJECT,
    Action.COMPLAIN,
    Action.BOUNCE,
    Action.ERASE,
    Action.SIGNAL,
}
GIVING = {Action.GIVE, Action.REAFFIRM}
BY_ITSELF = {Source.PROVIDER, Source.IMPORT, Source.SYSTEM}  # "complaint, provider or import"
SHOWN_A_PAGE = {Source.PAGE, Source.CONFIRMATION, Source.CHOICE_LINK}
OF_ONE_PURPOSE = {Cause.WITHDRAWN, Cause.REFUSED, Cause.OBJECTED}
NEEDS_THE_MAILBOX = {Cause.OBJECTED, Cause.COMPLAINED, Cause.ALL_MARKETING, Cause.ERASED}
THE_PERSON_THEMSELVES = {Proof.CONFIRMED, Proof.SIGNED_IN}
MARKETING = {Kind.MARKETING, Kind.DISCLOSURE, Kind.SALE_OR_SHARING, Kind.TRACKING, Kind.PROFILING}
GRAVEST_FIRST = [Cause.ERASED, Cause.BOUNCED, Cause.COMPLAINED, Cause.ALL_MARKETING]
PRECEDENCE = [*({cause} for cause in GRAVEST_FIRST), OF_ONE_PURPOSE, {Cause.SIGNAL}]


@dataclass(kw_only=True)
class Oracle(Book):
    catalog: Mapping[str, Purpose]
    customer_since: dict[int, date] = field(default_factory=dict)

    # --- what is said ---------------------------------------------------------------------------------------

    def say(self, said: Said) -> Item:
        """Write it down and return the line; one said within a minute before, if this only repeats it."""
        person, wide, fresh = self.whose(said.who, said.now)
        time = said.now if said.stated is None else min(said.stated, said.now)
        cause = self._cause(said) if said.action in STOPPING else None
        if cause is not None and not fresh and (same := self._same_click(said, wide, cause, time)):
            return same
        if person is None and said.action in GIVING | {Action.DEFER}:
            raise Refused
        effect, reason, proof = self._effect(said, person, wide, cause, time)
        undone = self._undone(said, wide)
        return self.write(
            action=said.action,
            wide=wide,
            person=None if undone else person,
            now=said.now,
            time=time,
            purpose=said.purpose,
            channel=said.channel,
            effect=effect,
            reason=reason,
            source=said.source,
            by_itself=said.action is Action.COMPLAIN or said.source in BY_ITSELF,
            cause=cause,
            proof=proof,
            until=said.until,
            undoes=undone.place if undone else None,
        )

    def say_customer(self, who: Who, since: date, now: datetime) -> None:
        person, wide, fresh = self.whose(who, now)
        assert person is not None
        if fresh or self.customer_since.get(person) != since:
            self.write(action=Action.FACT, wide=wide, person=person, now=now, time=now)
        self.customer_since[person] = since

    # --- the stops of an address ----------------------------------------------------------------------------

    def stops_at(self, wide: str, before: int | None = None) -> list[Item]:
        """Every stop that was said of this address, or came along as its owner moved in."""
        found: list[Item] = []
        for item in self.history[: None if before is None else before - 1]:
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

    def _cause(self, said: Said) -> Cause:
        fixed = {
            Action.COMPLAIN: Cause.COMPLAINED,
            Action.BOUNCE: Cause.BOUNCED,
            Action.ERASE: Cause.ERASED,
            Action.SIGNAL: Cause.SIGNAL,
        }
        if said.action in fixed:
            return fixed[said.action]
        if said.purpose == "*":
            return Cause.ALL_MARKETING
        purpose = self.catalog.get(said.purpose)
        if said.action is Action.OBJECT or (purpose and purpose.basis == Basis.LEGITIMATE_INTEREST):
            return Cause.OBJECTED
        return Cause.REFUSED if said.action is Action.REFUSE else Cause.WITHDRAWN

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

    # --- yeses ----------------------------------------------------------------------------------------------

    def stand(self, person: int, purpose: str, channel: str, before: int | None = None) -> Stand:
        stand = Stand()
        for item in self.history[: None if before is None else before - 1]:
            if item.person != person:
                continue
            if item.action is Action.ADDRESS_CHANGED:
                stand = Stand()
            elif (item.purpose, item.channel) == (purpose, channel):
                was, stand = stand, self._then(stand, item, person)
                if stand is not was:
                    stand.said = max(was.said or item.time, item.time)
        return stand

    def _then(self, stand: Stand, item: Item, person: int) -> Stand:
        if item.effect is Effect.PENDING or item.action is Action.REQUEST:
            if stand.word == "yes" and self.counts(stand, person, item.purpose, item.channel, item.place):
                return stand
            return Stand(word="requested", yes=stand.yes, by=item.place)
        if item.effect is Effect.NONE:
            return stand
        if item.action in GIVING:
            return Stand(word="yes", yes=item, by=item.place)
        if item.action is Action.DEFER and stand.word == "yes":
            return replace(stand, until=item.until or stand.until)
        if item.action is Action.DEFER:
            return Stand(word="deferred", yes=stand.yes, by=item.place, until=item.until)
        if item.action is Action.INVALIDATE:
            return Stand(word="invalidated", until=stand.until)
        return stand

    def counts(self, stand: Stand, person: int, purpose: str, channel: str, before: int) -> bool:
        """A yes counts if it is greater than every stop that matches it."""
        if stand.word != "yes":
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
        if yes is None or stop.cause is Cause.BOUNCED:
            return False
        return yes.place > stop.place or self._late(stop, yes, person)

    def _late(self, stop: Item, yes: Item, person: int) -> bool:
        older = stop.time < stop.now and stop.time + timedelta(minutes=5) < yes.time
        if not stop.by_itself or not older:
            return False
        stand = self.stand(person, yes.purpose, yes.channel, stop.place)
        return stand.yes == yes and self.counts(stand, person, yes.purpose, yes.channel, stop.place)

    # --- what counts ----------------------------------------------------------------------------------------

    def _effect(
        self, said: Said, person: int | None, wide: str, cause: Cause | None, time: datetime
    ) -> tuple[Effect, str | None, Proof]:
        if cause is not None:
            return Effect.APPLIED, None, said.proof
        if said.action in GIVING:
            assert person is not None
            return self._effect_of_yes(said, person, wide, time)
        if said.action is Action.INVALIDATE:
            reason = self._why_not_invalidate(said, person, wide)
            return (Effect.NONE if reason else Effect.APPLIED), reason, said.proof
        if person is not None and said.action is Action.DEFER:
            reason = self._why_no_pause(said, person, time)
            return (Effect.NONE if reason else Effect.APPLIED), reason, said.proof
        return Effect.APPLIED, None, said.proof

    def _why_no_pause(self, said: Said, person: int, time: datetime) -> str | None:
        stand = self.stand(person, said.purpose, said.channel)
        if stand.said is not None and time < stand.said:
            return "older_than_choice"
        if stand.until is not None and stand.until > said.now:
            by_the_person = said.source in SHOWN_A_PAGE | {Source.FORM}
            ends = said.until is None or (said.until < stand.until and not by_the_person)
            return "shorter_than_pause" if ends else None
        rule = self.catalog.get(said.purpose)
        never_a_question = rule is None or rule.basis == Basis.LEGITIMATE_INTEREST
        if said.until is None and (never_a_question or stand.word == "yes"):
            return "nothing_was_asked"
        return None

    def _effect_of_yes(
        self, said: Said, person: int, wide: str, time: datetime
    ) -> tuple[Effect, str | None, Proof]:
        attested, imported = said.source is Source.FORM, said.source is Source.IMPORT
        proof = Proof.ATTESTED if attested else Proof.IMPORTED if imported else said.proof
        rule = self.catalog.get(said.purpose)
        if said.source not in SHOWN_A_PAGE and not attested and not imported:
            return Effect.NONE, "not_by_the_person", proof
        if rule is None or rule.retired or rule.basis in (Basis.CONTRACT, Basis.LEGAL_OBLIGATION):
            return Effect.NONE, "unknown_purpose", proof
        stand = self.stand(person, said.purpose, said.channel)
        here = len(self.history) + 1
        counts = self.counts(stand, person, said.purpose, said.channel, here)
        if said.action is Action.REAFFIRM and not counts:
            return Effect.NONE, "nothing_to_reaffirm", proof
        stops = self.matching(person, said.purpose, said.channel)
        if imported and (stand.word != "never_asked" or stops or self._anything_said(wide, said.purpose)):
            return Effect.NONE, "already_known", proof
        if imported and (said.stated is None or not said.wording):
            return Effect.NONE, "no_evidence", proof
        if attested and said.stated is not None:
            if any(self._perhaps_later(stop, time, said.now) for stop in stops):
                return Effect.NONE, "older_than_stop", proof
            if stand.said is not None and time <= stand.said:
                return Effect.NONE, "older_than_choice", proof
        newest = max((stop.place for stop in stops), default=0)
        if said.source in SHOWN_A_PAGE and newest and (said.shown or 0) < newest:
            return Effect.NONE, "shown_before_stop", proof
        hard = [s for s in stops if s.cause in NEEDS_THE_MAILBOX and not self.answered(s, stand, person)]
        asks_twice = said.source in SHOWN_A_PAGE and rule.double_opt_in
        if proof not in THE_PERSON_THEMSELVES and (hard or asks_twice):
            return Effect.PENDING, "needs_confirmation", proof
        return Effect.APPLIED, None, proof

    @staticmethod
    def _perhaps_later(stop: Item, time: datetime, now: datetime) -> bool:
        """A stop said again within a minute is not written down: it may have been said up to then."""
        unwritten = stop.time <= time < now and time - stop.time < timedelta(seconds=60)
        return stop.time >= time or unwritten

    def _anything_said(self, wide: str, purpose: str) -> bool:
        about_people = (Action.FACT, Action.ADDRESS_CHANGED)
        about = [i for i in self.history if i.wide == wide and i.purpose in (purpose, "*")]
        return any(item.action not in about_people for item in about)

    def _undone(self, said: Said, wide: str) -> Item | None:
        if said.action is not Action.INVALIDATE or said.undoes is None:
            return None
        item = self.history[said.undoes - 1]
        return item if item.cause is not None and item.wide == wide else None

    def _why_not_invalidate(self, said: Said, person: int | None, wide: str) -> str | None:
        undone = self._undone(said, wide)
        if undone is not None:
            newest = [i for i in self.history if i.wide == wide and i.action is not Action.FACT][-1]
            if newest != undone:
                return "not_the_newest"
            return "too_late" if said.now - undone.now > timedelta(minutes=30) else None
        stand = self.stand(person, said.purpose, said.channel) if person else Stand()
        if stand.yes is None or said.undoes not in (None, stand.by):
            return "nothing_to_invalidate"
        return None

    def _same_click(self, said: Said, wide: str, cause: Cause, time: datetime) -> Item | None:
        """A stop like this one, the same way, within the last minute, unless a yes came in between."""
        scope = reach(cause, said.purpose, said.channel)
        alike = [stop for stop in self.stops_at(wide) if stop.cause is cause]
        same = [stop for stop in alike if reach(cause, stop.purpose, stop.channel) == scope]
        if not same:
            return None
        newest = max(same, key=lambda stop: stop.place)
        if newest.source is not said.source:
            return None
        minute = timedelta(seconds=60)
        if said.now - newest.now >= minute or time - max(stop.time for stop in same) >= minute:
            return None
        stands = [
            (person, self.stand(person, rule.key, channel))
            for person in self.people_at(wide)
            for rule in self.catalog.values()
            for channel in rule.channels
            if self.blocks(newest, rule, channel)
        ]
        between = any(
            stand.yes and (stand.yes.place > newest.place or self._late(newest, stand.yes, person))
            for person, stand in stands
        )
        return None if between else newest

    # --- may this be sent? ----------------------------------------------------------------------------------

    def may_send(self, wide: str, narrow: str, purpose: str, channel: str, now: datetime) -> tuple[bool, str]:
        rule = self.catalog.get(purpose)
        if rule is None or rule.retired or channel not in rule.channels:
            return False, "unknown_purpose"
        person = self.at(wide, narrow)
        stand = self.stand(person, purpose, channel) if person else Stand()
        stops = [s for s in self.stops_at(wide) if self.blocks(s, rule, channel)]
        if rule.basis in (Basis.CONTRACT, Basis.LEGAL_OBLIGATION):
            bounced = any(stop.cause is Cause.BOUNCED for stop in stops)
            return (False, "bounced") if bounced else (True, str(rule.basis))
        alive = stand.word == "yes"
        stops = [s for s in stops if not (alive and person and self.answered(s, stand, person))]
        if (first := _first(stops)) is not None:
            return False, first.value
        if stand.until is not None and stand.until > now:
            return False, "deferred"
        if stand.word == "yes":
            if rule.require_proof and stand.yes and stand.yes.proof.value != rule.require_proof:
                return False, "requested"
            return True, "consent"
        if rule.basis == Basis.LEGITIMATE_INTEREST:
            since = self.customer_since.get(person, date.min) if person else date.min
            offered = rule.soft_opt_in.offered_since if rule.soft_opt_in else date.max
            soft = since >= offered and rule.similar_to_purchase
            return (True, "soft_opt_in") if soft else (False, "no_relationship")
        if stand.word == "deferred" and stand.until is not None:
            return False, "never_asked"  # the pause is over
        return False, stand.word


def _first(stops: list[Item]) -> Cause | None:
    by_rank = ([stop for stop in stops if stop.cause in rank] for rank in PRECEDENCE)
    of_rank = next((found for found in by_rank if found), [])
    return max(of_rank, key=lambda stop: stop.place).cause if of_rank else None
