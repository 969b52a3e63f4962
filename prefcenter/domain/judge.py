"""What counts: whether a choice takes effect, by the first table of docs/rules.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

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
    cause_of,
)
from prefcenter.domain.purposes import ANY, Purpose
from prefcenter.domain.standing import (
    Standing,
    Stop,
    counts,
    covers,
    newer_than,
    yields_to_newer_yes,
)

#: A yes over one of these counts only once the mailbox itself has confirmed it.
NEEDS_CONFIRMATION = frozenset({Cause.OBJECTED, Cause.COMPLAINED, Cause.ALL_MARKETING, Cause.ERASED})

#: Proofs by which the person has shown to be the one behind the address.
FULL_POWER = frozenset({Proof.CONFIRMED, Proof.SIGNED_IN})

#: An identical stop within this time is the same click again.
SAME_CLICK = timedelta(seconds=60)

UNDO_LIFE = timedelta(minutes=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a choice comes to. `reason` says why it has no effect (yet)."""

    effect: Effect
    cause: Cause | None = None
    reason: str | None = None
    proof: Proof | None = None
    occurred_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """The entry that an `invalidate` strikes out."""

    entry: str
    seq: int
    is_stop: bool
    recorded_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What is known of the address and the person when a choice is judged.

    `counting`: the yeses of anybody at this address that count now; only a stop that yields to them looks.
    """

    stops: Iterable[Stop] = ()
    standings: Iterable[Standing] = ()
    counting: Iterable[Standing] = ()
    has_history: bool = False
    target: Target | None = None
    newest_seq: int | None = None


def same_click(
    choice: Choice, cause: Cause, stop: Stop | None, newest_yes: int | None, now: datetime
) -> bool:
    """Whether this stop repeats one of the last minute, with no yes in between.

    One that was reported late is not the same: a yes could slip in between the time it states and this one.
    """
    return (
        stop is not None
        and choice.action in STOPS
        and stop.cause is cause
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
        return _stop(choice, purpose, known, at, now)
    if choice.action in YES:
        return _yes(choice, purpose, known, at)
    if choice.action is Action.INVALIDATE:
        return _invalidate(known, at, now)
    if choice.action is Action.DEFER and _shortens_a_pause(choice, known, now):
        return Verdict(effect=Effect.NONE, reason="shorter_than_pause", occurred_at=at)
    return Verdict(effect=Effect.APPLIED, occurred_at=at)


def _shortens_a_pause(choice: Choice, known: Known, now: datetime) -> bool:
    """Only the person ends their pause early: to anybody else it can only become longer."""
    if AUTHORITY[choice.source].yes in (YesRule.SHOWN, YesRule.ATTESTED):
        return False
    held = next((s for s in known.standings if s.key == (choice.purpose, choice.channel)), None)
    return held is not None and held.until is not None and (choice.until is None or choice.until < held.until)


def _clamped(choice: Choice, now: datetime) -> datetime:
    return now if choice.stated_at is None else min(choice.stated_at, now)


def _stop(choice: Choice, purpose: Purpose | None, known: Known, at: datetime, now: datetime) -> Verdict:
    cause = cause_of(choice.action, choice.purpose, purpose)
    if (
        purpose is not None
        and cause in (Cause.WITHDRAWN, Cause.REFUSED, Cause.OBJECTED)
        and yields_to_newer_yes(choice.action, choice.source)
    ):
        channel = ANY if cause is Cause.OBJECTED else choice.channel
        yeses = [
            standing
            for standing in known.counting
            if standing.purpose == purpose.key and channel in (ANY, standing.channel)
        ]
        if yeses and all(newer_than(standing, at, now) for standing in yeses):
            return Verdict(effect=Effect.NONE, cause=cause, reason="older_than_yes", occurred_at=at)
    return Verdict(effect=Effect.APPLIED, cause=cause, occurred_at=at)


def _yes(choice: Choice, purpose: Purpose | None, known: Known, at: datetime) -> Verdict:
    rule = AUTHORITY[choice.source].yes

    def none(reason: str) -> Verdict:
        return Verdict(effect=Effect.NONE, reason=reason, occurred_at=at)

    if rule is YesRule.NEVER:
        return none("not_by_the_person")
    if purpose is None or purpose.retired or not purpose.is_a_choice:
        return none("unknown_purpose")
    held = next((s for s in known.standings if s.key == (purpose.key, choice.channel)), None)
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
        if choice.stated_at is None or not choice.wording:
            return none("no_evidence")
    elif rule is YesRule.SHOWN:
        newest = max((stop.seq for stop in matching), default=0)
        if newest and (choice.shown_seq is None or choice.shown_seq < newest):
            return none("shown_before_stop")
    elif choice.stated_at is not None and any(at <= stop.at for stop in matching):
        return none("older_than_stop")
    proof = _proof(choice, rule)
    hard = any(s.cause in NEEDS_CONFIRMATION and not _overcome(held, s) for s in matching)
    if hard and proof not in FULL_POWER:
        return Verdict(effect=Effect.PENDING, reason="needs_confirmation", proof=proof, occurred_at=at)
    if rule is YesRule.SHOWN and proof not in FULL_POWER and purpose.double_opt_in:
        return Verdict(effect=Effect.PENDING, reason="needs_confirmation", proof=proof, occurred_at=at)
    return Verdict(effect=Effect.APPLIED, proof=proof, occurred_at=at)


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
