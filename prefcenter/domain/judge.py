"""What counts: whether a choice takes effect, by the first table of docs/rules.md."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from prefcenter.domain.choices import (
    AUTHORITY,
    STOPS,
    YES,
    Action,
    Cause,
    Choice,
    Effect,
    Proof,
    Status,
    YesRule,
    as_strong,
    cause_of,
)
from prefcenter.domain.purposes import Purpose
from prefcenter.domain.standing import VALID, Standing, Stop, counts, covers

#: A yes over one of these counts only once the mailbox itself has confirmed it.
NEEDS_CONFIRMATION = frozenset({Cause.OBJECTED, Cause.COMPLAINED, Cause.ALL_MARKETING, Cause.ERASED})

#: Proofs by which the person has shown to be the one behind the address.
FULL_POWER = frozenset({Proof.CONFIRMED, Proof.SIGNED_IN})

#: An identical stop within this time is the same click again.
SAME_CLICK = timedelta(seconds=60)

UNDO_LIFE = timedelta(minutes=30)


class Verdict(NamedTuple):
    """What a choice comes to. `reason` says why it has no effect (yet)."""

    effect: Effect
    occurred_at: datetime
    cause: Cause | None = None
    reason: str | None = None
    proof: Proof | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """The entry that an `invalidate` strikes out."""

    entry: str
    seq: int
    is_stop: bool
    recorded_at: datetime


#: Confirmations by mail: one per address and purpose a day, so many per address over all purposes; one per
#: address in 30 days after a complaint.
ASKED_AGAIN = timedelta(days=1)
MAILS_A_DAY = 3
ASKED_AGAIN_AFTER_COMPLAINT = timedelta(days=30)


class Known(NamedTuple):
    """What is known of the address and the person when a choice is judged; a stop needs none of it.

    `asked_at`: when a confirmation of this purpose was last asked for by mail. `mailed_at`: when those of any
    purpose were; what one call asks for has one time, and is one mail.
    `double_opt_in`: what the purpose says, else the person's regime. `outdated`: an `expire` was concluded
    from what is otherwise by now. `said_no_seq`: their newest no to a change, or pause, on this matter.
    """

    stops: Iterable[Stop] = ()
    standings: Iterable[Standing] = ()
    has_history: bool = False
    target: Target | None = None
    newest_seq: int | None = None
    asked_at: datetime | None = None
    mailed_at: Collection[datetime] = ()
    double_opt_in: bool = False
    outdated: bool = False
    said_no_seq: int | None = None


def same_click(
    choice: Choice, cause: Cause, stop: Stop | None, newest_yes: int | None, now: datetime
) -> bool:
    """Whether this stop repeats one that came the same way within the last minute, with no yes in between.

    One that was reported late is not the same: a yes could slip in between the time it states and this one.
    """
    return (
        stop is not None
        and choice.action in STOPS
        and stop.cause is cause
        and stop.source is choice.source
        and now - stop.recorded_at < SAME_CLICK
        and _clamped(choice, now) - stop.at < SAME_CLICK
        and (newest_yes is None or newest_yes < stop.seq)
    )


def judge(choice: Choice, purpose: Purpose | None, known: Known, now: datetime) -> Verdict:
    """Decide what a choice comes to. `purpose` None: all marketing, or in no catalog.

    Times are clamped to receipt: nobody reports the future.
    """
    at = _clamped(choice, now)
    if choice.action in STOPS:
        # The fold leaves a yes standing that is newer than what a machine reports late.
        cause = cause_of(choice.action, choice.purpose, purpose)
        return Verdict(effect=Effect.APPLIED, cause=cause, occurred_at=at)
    if choice.action in YES:
        return _yes(choice, purpose, known, at, now)
    if choice.action is Action.REQUEST:
        return _request(choice, purpose, known, at, now)
    if choice.action is Action.EXPIRE:
        return _expire(choice, known, at)
    if choice.action is Action.INVALIDATE:
        return _invalidate(known, at, now)
    reason = _no_pause(choice, purpose, known, at, now) if choice.action is Action.DEFER else None
    return Verdict(effect=Effect.NONE if reason else Effect.APPLIED, reason=reason, occurred_at=at)


def _no_pause(
    choice: Choice, purpose: Purpose | None, known: Known, at: datetime, now: datetime
) -> str | None:
    """Why a `defer` changes nothing; None: it does. Without `until` it is a "not now" to a question."""
    held = _held(known, choice)
    if held is not None and at < held.said_at:
        return "older_than_choice"
    by_person = AUTHORITY[choice.source].yes in (YesRule.SHOWN, YesRule.ATTESTED)
    if held is not None and held.until is not None and held.until > now:
        # Only the person ends their pause early, by naming another end: to anybody else it becomes longer.
        if choice.until is None or (choice.until < held.until and not by_person):
            return "shorter_than_pause"
    elif choice.until is None:
        answered = held is not None and held.status in VALID and not _is_newer(choice, held)
        if answered or purpose is None or purpose.is_objected_to:
            return "nothing_was_asked"
    return None


def _is_newer(choice: Choice, held: Standing) -> bool:
    """Whether it is about a change of what was agreed to."""
    return choice.version is not None and choice.version > held.version


def _held(known: Known, choice: Choice) -> Standing | None:
    return next((s for s in known.standings if s.key == (choice.purpose, choice.channel)), None)


def _clamped(choice: Choice, now: datetime) -> datetime:
    return now if choice.stated_at is None else min(choice.stated_at, now)


def _yes(choice: Choice, purpose: Purpose | None, known: Known, at: datetime, now: datetime) -> Verdict:
    rule = AUTHORITY[choice.source].yes

    def none(reason: str) -> Verdict:
        return Verdict(effect=Effect.NONE, reason=reason, occurred_at=at)

    if rule is YesRule.NEVER:
        return none("not_by_the_person")
    if purpose is None or purpose.retired or not purpose.is_a_choice:
        return none("unknown_purpose")
    held = _held(known, choice)
    if choice.action is Action.REAFFIRM and not counts(held, known.stops, purpose):
        return none("nothing_to_reaffirm")
    matching = [
        stop
        for stop in known.stops
        if stop.cause is not Cause.BOUNCED and covers(stop, purpose, choice.channel)
    ]
    if rule is YesRule.IMPORTED:
        if known.has_history or matching:
            return none("already_known")
        if choice.stated_at is None or not (choice.wording or "").strip():
            return none("no_evidence")
    elif rule is YesRule.SHOWN:
        newest = max((stop.seq for stop in matching), default=0)
        # A page from before a no to a change, or before a pause, is as old as one from before a stop.
        newest = max(newest, known.said_no_seq or 0)
        if newest and (choice.shown_seq is None or choice.shown_seq < newest):
            return none("shown_before_stop")
    elif choice.stated_at is not None:
        if any(_may_be_older(at, stop, now) for stop in matching):
            return none("older_than_stop")
        if held is not None and at <= held.said_at:
            return none("older_than_choice")
    proof = _proof(choice, rule)
    hard = any(s.cause in NEEDS_CONFIRMATION and not _overcome(held, s) for s in matching)
    by_page = rule is YesRule.SHOWN and known.double_opt_in
    if (hard or by_page) and proof not in FULL_POWER:
        bounced = any(stop.cause is Cause.BOUNCED for stop in known.stops)
        asked = "bounced" if bounced else _asked_already(known, purpose, choice, now)
        return Verdict(
            effect=Effect.PENDING, reason=asked or "needs_confirmation", proof=proof, occurred_at=at
        )
    return Verdict(effect=Effect.APPLIED, proof=proof, occurred_at=at)


def _request(choice: Choice, purpose: Purpose | None, known: Known, at: datetime, now: datetime) -> Verdict:
    """A question that the mailbox is to answer: pending once its mail may be sent."""
    reason = None
    if purpose is None or purpose.retired or not purpose.is_a_choice:
        reason = "unknown_purpose"
    elif _proved(_held(known, choice), known, purpose):
        reason = "already_given"
    elif any(stop.cause is Cause.BOUNCED for stop in known.stops):
        reason = "bounced"
    else:
        reason = _asked_already(known, purpose, choice, now)
    if reason is not None:
        return Verdict(effect=Effect.NONE, reason=reason, occurred_at=at)
    return Verdict(effect=Effect.PENDING, reason="needs_confirmation", occurred_at=at)


def _proved(held: Standing | None, known: Known, purpose: Purpose) -> bool:
    """Whether a yes counts, and is proved as well as the purpose asks."""
    if held is None or not counts(held, known.stops, purpose):
        return False
    return purpose.require_proof is None or as_strong(held.proof, purpose.require_proof)


def _asked_already(known: Known, purpose: Purpose, choice: Choice, now: datetime) -> str | None:
    """Nobody is asked by mail again and again, least of all who complained."""
    held = _held(known, choice)
    complained = any(
        stop.cause is Cause.COMPLAINED and covers(stop, purpose, choice.channel) and not _overcome(held, stop)
        for stop in known.stops
    )
    rest = ASKED_AGAIN_AFTER_COMPLAINT if complained else ASKED_AGAIN
    last = max(known.mailed_at, default=None) if complained else known.asked_at
    if last is not None and now - last < rest:
        return "asked_recently"
    lately = {at for at in known.mailed_at if at != now and now - at < ASKED_AGAIN}
    return "asked_too_often" if len(lately) >= MAILS_A_DAY else None


def _expire(choice: Choice, known: Known, at: datetime) -> Verdict:
    """Only what still stands can run out: a new yes, or contact, may have come since the clock looked."""
    held = _held(known, choice)
    open_still = held is not None and held.status in {*VALID, Status.REQUESTED}
    standing = held.entry if held is not None and open_still else None
    expected = known.target.entry if known.target is not None else None
    if known.outdated or standing != expected:
        return Verdict(effect=Effect.NONE, reason="not_the_newest", occurred_at=at)
    return Verdict(effect=Effect.APPLIED, occurred_at=at)


def _may_be_older(at: datetime, stop: Stop, now: datetime) -> bool:
    """Whether a stop may have been said after `at`: one repeated within a minute left no entry of its own."""
    return at <= stop.at or at < min(now, stop.at + SAME_CLICK)


def _overcome(held: Standing | None, stop: Stop) -> bool:
    """An earlier yes after the stop has answered it, even if it was withdrawn since; not one struck out."""
    return (
        held is not None
        and held.status is not Status.INVALIDATED
        and held.seq is not None
        and held.seq >= stop.seq
    )


def _proof(choice: Choice, rule: YesRule) -> Proof:
    if rule is YesRule.ATTESTED:
        return Proof.ATTESTED
    if rule is YesRule.IMPORTED:
        return Proof.IMPORTED
    return choice.proof


def _invalidate(known: Known, at: datetime, now: datetime) -> Verdict:
    """An undo restores what its stop ended, if that is still the newest; else a yes is struck out."""
    target = known.target
    if target is None:
        return Verdict(effect=Effect.NONE, reason="nothing_to_invalidate", occurred_at=at)
    if target.is_stop:
        if target.seq != known.newest_seq:
            return Verdict(effect=Effect.NONE, reason="not_the_newest", occurred_at=at)
        if now - target.recorded_at > UNDO_LIFE:
            return Verdict(effect=Effect.NONE, reason="too_late", occurred_at=at)
    return Verdict(effect=Effect.APPLIED, occurred_at=at)
