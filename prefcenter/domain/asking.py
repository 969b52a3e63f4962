"""Who may be asked about a new or changed purpose, and who has to be told of it (docs/asking.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from prefcenter.domain.campaign_words import LIVE, Askable, AskedState, Asking, CampaignKind, NotAsked
from prefcenter.domain.choices import STOPPED_BY, Cause, Status
from prefcenter.domain.decide import Decision, Dossier, may_send
from prefcenter.domain.mail_retries import CONFIRM_LIFE
from prefcenter.domain.purposes import Basis, Channel, Kind, Purpose
from prefcenter.domain.regimes import Regimes, add_months
from prefcenter.domain.standing import VALID, Standing

#: One ask for each person in this time, over all campaigns.
BUDGET = timedelta(days=90)
#: One reminder, after silence only: not before, and not when the question is long forgotten.
REMIND_AFTER = timedelta(days=14)
#: After silence or a "not now", for the same version of a purpose.
REST_MONTHS = 12

MAILED_ON = Channel.EMAIL


def kinds_of(purpose: Purpose) -> tuple[CampaignKind, ...]:
    """The campaigns about a purpose. What may begin without a yes needs a notice; and still asks whoever said
    yes to less, or lives where a yes is needed. None: nobody chooses it."""
    if purpose.retired or not purpose.is_a_choice:
        return ()
    if purpose.basis == Basis.CONSENT:
        return (CampaignKind.ASK,)
    return CampaignKind.NOTICE, CampaignKind.ASK


def kind_for(purpose: Purpose, decision: Decision, standing: Standing | None) -> CampaignKind | None:
    """Which campaign somebody with this decision belongs to: a yes is asked for where only a yes will do.

    None: nothing is to be asked, or it is not for them (no customer, say): a yes would be another basis.
    """
    by_yes = decision.basis == Basis.CONSENT and decision.version is not None
    if purpose.basis == Basis.CONSENT or by_yes:
        return CampaignKind.ASK
    if decision.reason == "choice_pending" or (decision.allowed and decision.pending_version is not None):
        # Whoever said no to an earlier change is not brought further by silence about this one.
        said_no = standing is not None and standing.declined is not None
        return CampaignKind.ASK if said_no else CampaignKind.NOTICE
    settled = decision.allowed or decision.reason == "not_in_force"
    return None if settled or purpose.basis == Basis.LEGITIMATE_INTEREST else CampaignKind.ASK


def channel_asked(purpose: Purpose) -> Channel:
    """The channel whose standing says whether the question is open."""
    return MAILED_ON if MAILED_ON in purpose.channels else purpose.channels[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Case:
    kind: CampaignKind
    purpose: Purpose
    decision: Decision
    standing: Standing | None
    askings: Sequence[Asking]
    now: datetime

    @property
    def version(self) -> int:
        return self.purpose.version

    @property
    def same_question(self) -> Iterable[Asking]:
        mine = (self.purpose.key, self.version)
        return [one for one in self.askings if (one.purpose, one.version) == mine]


def may_ask(
    kind: CampaignKind,
    purpose: Purpose,
    purposes: Iterable[Purpose],
    known: Dossier,
    askings: Sequence[Asking],
    *,
    regimes: Regimes,
    now: datetime,
    itself: str | None = None,
) -> Askable:
    """Whether a person may be mailed the question (or the notice) about the purpose as it is now.

    `askings`: all of theirs, in any campaign. `itself`: the id of the one whose mail is about to go out,
    which does not stand in its own way.
    """
    channel = channel_asked(purpose)
    standing = known.standings.get((purpose.key, channel))
    case = _Case(
        kind=kind,
        purpose=purpose,
        decision=may_send(purpose, channel, known, regimes=regimes, now=now),
        standing=standing,
        askings=askings,
        now=now,
    )
    if kind not in kinds_of(purpose):
        return Askable(reason=NotAsked.NOT_CONCERNED)
    others = replace(case, askings=_in_the_way(askings, itself))
    for check in _BY_LEDGER:
        if reason := check(case):
            return Askable(reason=reason)
    for check in _BY_ASKINGS:
        if reason := check(others):
            return Askable(reason=reason)
    carrier = carrier_for(purpose, purposes, known, regimes=regimes, now=now)
    return Askable(carrier=carrier, reason=None if carrier else NotAsked.NO_LIVE_PURPOSE)


def _in_the_way(askings: Sequence[Asking], itself: str | None) -> Sequence[Asking]:
    """Of two that wait for each other, the one that was queued first goes out."""
    me = next((one for one in askings if one.id == itself), None)
    if me is None:
        return askings
    return [
        one
        for one in askings
        if one is not me
        and not (one.state == AskedState.QUEUED and (one.queued_at, one.id) > (me.queued_at, me.id))
    ]


def carrier_for(
    purpose: Purpose, purposes: Iterable[Purpose], known: Dossier, *, regimes: Regimes, now: datetime
) -> str | None:
    """The marketing purpose that may be mailed to them now, this one first: the question travels as that."""
    for one in sorted(purposes, key=lambda one: one.key != purpose.key):
        carries = one.kind is Kind.MARKETING and one.is_a_choice and MAILED_ON in one.channels
        if carries and may_send(one, MAILED_ON, known, regimes=regimes, now=now).allowed:
            return one.key
    return None


def _stopped(case: _Case) -> NotAsked | None:
    """A refusal is final for the version that was refused; every other stop is the end of asking."""
    decision = case.decision
    if decision.reason not in STOPPED_BY:
        return None
    if decision.reason != Cause.REFUSED or decision.since is None:
        return NotAsked.STOPPED
    refused = case.purpose.version_at(decision.since)
    return NotAsked.DECLINED if refused >= case.version else None


def _minor(case: _Case) -> NotAsked | None:
    return NotAsked.MINOR if case.decision.reason == "minor" else None


def _answered(case: _Case) -> NotAsked | None:
    standing, reason = case.standing, case.decision.reason
    if standing is None:
        return None
    agreed = standing.status in VALID and reason not in (*STOPPED_BY, "expired")
    if agreed and standing.version >= case.version:
        return NotAsked.ANSWERED
    return NotAsked.DECLINED if (standing.declined or 0) >= case.version else None


def _paused(case: _Case) -> NotAsked | None:
    standing, decision = case.standing, case.decision
    if decision.reason == "deferred" and decision.until is not None:
        return NotAsked.PAUSED
    if standing is None:
        return None
    if standing.status is Status.DEFERRED and case.purpose.version_at(standing.at) >= case.version:
        return NotAsked.RESTING if case.now < add_months(standing.at, REST_MONTHS) else None
    if standing.status is Status.REQUESTED and case.now - standing.at < CONFIRM_LIFE:
        ours = {moment for one in case.askings for moment in (one.asked_at, one.reminded_at)}
        return None if standing.at in ours else NotAsked.CONFIRMING
    return None


def _concerned(case: _Case) -> NotAsked | None:
    """Which of the two campaigns is theirs, if any."""
    wanted = kind_for(case.purpose, case.decision, case.standing)
    noticed = case.standing.noticed if case.standing is not None else None
    if wanted is CampaignKind.NOTICE and (noticed or 0) >= case.version:
        return NotAsked.TOLD
    if wanted is None and case.decision.allowed:
        return NotAsked.ANSWERED
    return None if case.kind is wanted else NotAsked.NOT_CONCERNED


def _recently(case: _Case) -> NotAsked | None:
    if case.kind is not CampaignKind.ASK:
        return None
    mails = [one.last_mail for one in case.askings if one.kind == CampaignKind.ASK]
    recent = any(at is not None and case.now - at < BUDGET for at in mails)
    return NotAsked.ASKED_RECENTLY if recent else None


def _asked_before(case: _Case) -> NotAsked | None:
    """What they answered, or left unanswered, the last time they were asked about this version."""
    for one in case.same_question:
        if one.state == AskedState.NO:
            return NotAsked.DECLINED
        if case.kind is CampaignKind.NOTICE and one.kind == case.kind and one.asked_at is not None:
            return NotAsked.TOLD
        last = one.answered_at or one.last_mail
        sent = one.state in LIVE and one.state != AskedState.QUEUED
        if sent and last is not None and case.now < add_months(last, REST_MONTHS):
            return NotAsked.RESTING
    return None


#: In this order; the first reason found is the one that is told.
_BY_LEDGER: tuple[Callable[[_Case], NotAsked | None], ...] = (
    _stopped,
    _minor,
    _answered,
    _paused,
    _concerned,
)
_BY_ASKINGS: tuple[Callable[[_Case], NotAsked | None], ...] = (_recently, _asked_before)
