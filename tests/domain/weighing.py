"""What counts: each thing that is said, held against the first table of docs/rules.md."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from prefcenter.domain.choices import Action, Cause, Effect, Proof, Source
from prefcenter.domain.purposes import Basis, Kind, Purpose
from prefcenter.domain.regimes import Regime
from tests.domain.book import Item, Refused, Said, Stand, reach
from tests.domain.reading import GIVING, Reading

STOPPING = {
    Action.REFUSE,
    Action.WITHDRAW,
    Action.OBJECT,
    Action.COMPLAIN,
    Action.BOUNCE,
    Action.ERASE,
    Action.SIGNAL,
}
#: Said of somebody: there must be somebody.
OF_A_PERSON = GIVING | {
    Action.DEFER,
    Action.REQUEST,
    Action.EXPIRE,
    Action.ASK,
    Action.NOTIFY,
    Action.DECLINE,
}
BY_ITSELF = {Source.PROVIDER, Source.IMPORT, Source.SYSTEM}  # "complaint, provider or import"
SHOWN_A_PAGE = {Source.PAGE, Source.CONFIRMATION, Source.CHOICE_LINK}
NEEDS_THE_MAILBOX = {Cause.OBJECTED, Cause.COMPLAINED, Cause.ALL_MARKETING, Cause.ERASED}
THE_PERSON_THEMSELVES = {Proof.CONFIRMED, Proof.SIGNED_IN}
STRONGEST_FIRST = ["confirmed", "signed_in", "attested", "link", "imported", "none"]
NO_CHOICE = {Basis.CONTRACT, Basis.LEGAL_OBLIGATION, Basis.VITAL_INTEREST}


def row_of(rows: Mapping[str, Regime], country: str | None) -> Regime:
    """The row of a region, else of its country, else the strict one."""
    names = [country or "", (country or "").split("-")[0], "STRICT"]
    return next(rows[name] for name in names if name in rows)


def version_then(purpose: Purpose, moment: datetime) -> int:
    """The newest version that there was at a moment; the first, where there was none yet."""
    versions = [*purpose.earlier, purpose.terms]
    there = [one.version for one in versions if one.since is None or one.since <= moment]
    return there[-1] if there else versions[0].version


def as_strong(proof: Proof, wanted: str | None) -> bool:
    return wanted is None or STRONGEST_FIRST.index(proof) <= STRONGEST_FIRST.index(wanted)


@dataclass(kw_only=True)
class Weighing(Reading):
    rows: Mapping[str, Regime]

    def say(self, said: Said) -> Item:
        """Write it down and return the line; one said within a minute before, if this only repeats it.

        A stop is for everybody whom it names, but a bounce is of the address.
        """
        each = self.apart(said.who) if said.action in STOPPING else [said.who]
        each = each[:1] if said.action is Action.BOUNCE else each
        lines = [self._say(replace(said, who=who)) for who in each]
        return lines[0]

    def _say(self, said: Said) -> Item:
        person, wide, fresh = self.whose(said.who, said.now)
        time = said.now if said.stated is None else min(said.stated, said.now)
        cause = self._cause(said) if said.action in STOPPING else None
        if cause is not None and not fresh and (same := self._same_click(said, wide, cause, time)):
            return same
        if person is None and said.action in OF_A_PERSON:
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
            about=said.undoes,
            version=self._version(said, person, time),
        )

    def _version(self, said: Said, person: int | None, time: datetime) -> int | None:
        """The one that was shown, else that of the time of the act; a yes said again is to what they have."""
        rule = self.catalog.get(said.purpose)
        if rule is None:
            return said.version
        if said.version is not None:
            # No page showed what was not there yet; a no may be to whatever comes.
            there_is = said.version <= rule.version or said.action is Action.DECLINE
            return said.version if there_is else rule.version
        version = version_then(rule, time)
        if said.action is Action.REAFFIRM and person is not None:
            stand = self.stand(person, said.purpose, said.channel)
            return min(version, stand.version) if stand.word == "yes" else version
        return version

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

    def _effect(
        self, said: Said, person: int | None, wide: str, cause: Cause | None, time: datetime
    ) -> tuple[Effect, str | None, Proof]:
        if cause is not None:
            return Effect.APPLIED, None, said.proof
        if said.action in GIVING:
            assert person is not None
            return self._effect_of_yes(said, person, wide, time)
        if said.action is Action.REQUEST:
            assert person is not None
            reason = self._why_not_ask(said, person, wide)
            return (Effect.NONE, reason, said.proof) if reason else _waits(said.proof)
        reason = None
        if said.action is Action.INVALIDATE:
            reason = self._why_not_invalidate(said, person, wide)
        elif said.action is Action.DEFER and person is not None:
            reason = self._why_no_pause(said, person, time)
        elif said.action is Action.EXPIRE and person is not None:
            reason = self._why_not_over(said, person)
        return (Effect.NONE if reason else Effect.APPLIED), reason, said.proof

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
        answered = stand.word == "yes" and (said.version is None or said.version <= stand.version)
        return "nothing_was_asked" if said.until is None and (never_a_question or answered) else None

    def _why_not_over(self, said: Said, person: int) -> str | None:
        """Only what still stands runs out; without anything that stands it is a relationship."""
        stand = self.stand(person, said.purpose, said.channel)
        stands = stand.by if stand.word in ("yes", "requested") else None
        return None if stands == said.undoes else "not_the_newest"

    def _effect_of_yes(
        self, said: Said, person: int, wide: str, time: datetime
    ) -> tuple[Effect, str | None, Proof]:
        attested, imported = said.source is Source.FORM, said.source is Source.IMPORT
        proof = Proof.ATTESTED if attested else Proof.IMPORTED if imported else said.proof
        rule = self.catalog.get(said.purpose)
        if said.source not in SHOWN_A_PAGE and not attested and not imported:
            return Effect.NONE, "not_by_the_person", proof
        if rule is None or not _can_be_chosen(rule):
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
        noes = [item.place for item in self.lines() if _is_a_no(item, person, wide, said)]
        newest = max([newest, *noes])
        if said.source in SHOWN_A_PAGE and newest and (said.shown or 0) < newest:
            return Effect.NONE, "shown_before_stop", proof
        hard = [s for s in stops if s.cause in NEEDS_THE_MAILBOX and not self.answered(s, stand, person)]
        asks_twice = said.source in SHOWN_A_PAGE and self._asks_twice(rule, person)
        if proof not in THE_PERSON_THEMSELVES and (hard or asks_twice):
            return _waits(proof, self._why_no_mail(said, person, wide))
        return Effect.APPLIED, None, proof

    def _asks_twice(self, rule: Purpose, person: int) -> bool:
        if rule.double_opt_in is not None:
            return rule.double_opt_in
        return row_of(self.rows, self.facts.get(person, {}).get("country")).double_opt_in

    def _why_not_ask(self, said: Said, person: int, wide: str) -> str | None:
        rule = self.catalog.get(said.purpose)
        if rule is None or not _can_be_chosen(rule):
            return "unknown_purpose"
        stand = self.stand(person, said.purpose, said.channel)
        here = len(self.history) + 1
        proved = stand.yes is not None and as_strong(stand.yes.proof, rule.require_proof)
        if proved and self.counts(stand, person, said.purpose, said.channel, here):
            return "already_given"
        return self._why_no_mail(said, person, wide)

    def _why_no_mail(self, said: Said, person: int, wide: str) -> str | None:
        """One mail a day for an address and purpose, three for an address; one in 30 days after a complaint.
        What is asked for at one moment is one mail."""
        stops = self.stops_at(self.home_of(person, None))
        if any(stop.cause is Cause.BOUNCED for stop in stops):
            return "bounced"
        stand = self.stand(person, said.purpose, said.channel)
        rule = self.catalog[said.purpose]
        complaints = [s for s in stops if s.cause is Cause.COMPLAINED and self.blocks(s, rule, said.channel)]
        complained = any(not self.answered(stop, stand, person) for stop in complaints)
        mails = [i for i in self.history if i.wide == wide and i.reason == "needs_confirmation"]
        alike = mails if complained else [item for item in mails if item.purpose == said.purpose]
        rest = timedelta(days=30 if complained else 1)
        if any(said.now < item.now + rest for item in alike):
            return "asked_recently"
        today = {item.now for item in mails if item.now < said.now < item.now + timedelta(days=1)}
        return "asked_too_often" if len(today) > 2 else None

    @staticmethod
    def _perhaps_later(stop: Item, time: datetime, now: datetime) -> bool:
        """A stop said again within a minute is not written down: it may have been said up to then."""
        unwritten = stop.time <= time < now and time - stop.time < timedelta(seconds=60)
        return stop.time >= time or unwritten

    def _anything_said(self, wide: str, purpose: str) -> bool:
        about = [i for i in self._words_at(wide) if i.purpose in (purpose, "*")]
        return bool(about)

    def _words_at(self, wide: str) -> list[Item]:
        """What was said of an address, and still counts as said."""
        gone = self._gone()
        here = [item for item in self.history if item.wide == wide and item.place not in gone]
        return [item for item in here if item.action not in (Action.FACT, Action.VOID)]

    def _undone(self, said: Said, wide: str) -> Item | None:
        if said.action is not Action.INVALIDATE or said.undoes is None:
            return None
        item = self.history[said.undoes - 1]
        return item if item.cause is not None and item.wide == wide else None

    def _why_not_invalidate(self, said: Said, person: int | None, wide: str) -> str | None:
        undone = self._undone(said, wide)
        if undone is not None:
            if self._words_at(wide)[-1:] != [undone]:
                return "not_the_newest"
            return "too_late" if said.now - undone.now > timedelta(minutes=30) else None
        stand = self.stand(person, said.purpose, said.channel) if person else Stand()
        if stand.yes is None or stand.word == "invalidated" or said.undoes not in (None, stand.by):
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
            for channel in {item.channel for item in self.history}
            if self.blocks(newest, rule, channel)
        ]
        between = any(
            stand.yes is not None
            and stand.word != "invalidated"
            and (stand.yes.place > newest.place or self._late(newest, stand.yes, person))
            for person, stand in stands
        )
        return None if between else newest


def _can_be_chosen(rule: Purpose) -> bool:
    return not rule.retired and rule.basis not in NO_CHOICE and rule.kind is not Kind.SERVICE


def _waits(proof: Proof, reason: str | None = None) -> tuple[Effect, str, Proof]:
    return Effect.PENDING, reason or "needs_confirmation", proof


def _is_a_no(item: Item, person: int, wide: str, said: Said) -> bool:
    """A no to a change, or a pause, on the same matter: a page from before it is too old for a yes."""
    if (item.person, item.wide, item.purpose, item.channel) != (person, wide, said.purpose, said.channel):
        return False
    paused = item.action is Action.DEFER and item.until is not None
    return (paused or item.action is Action.DECLINE) and item.effect is Effect.APPLIED
