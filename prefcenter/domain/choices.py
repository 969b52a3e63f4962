"""The words of a choice: what was done, by which way it reached us, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from prefcenter.domain.purposes import ANY, Purpose


class Action(StrEnum):
    """What an entry of the ledger says. The words follow W3C DPV's controls."""

    GIVE = "give"
    REAFFIRM = "reaffirm"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    OBJECT = "object"
    REQUEST = "request"
    DEFER = "defer"
    INVALIDATE = "invalidate"
    #: A machine's mistake is taken out of effect (voiding.py).
    VOID = "void"
    COMPLAIN = "complain"
    BOUNCE = "bounce"
    ERASE = "erase"
    SIGNAL = "signal"
    EXPIRE = "expire"
    #: A question about a new or changed purpose was sent; notice was given; no to a change, not to what was.
    ASK = "ask"
    NOTIFY = "notify"
    DECLINE = "decline"
    FACT = "fact"
    ADDRESS_CHANGED = "address_changed"


YES = frozenset({Action.GIVE, Action.REAFFIRM})
STOPS = frozenset(
    {
        Action.REFUSE,
        Action.WITHDRAW,
        Action.OBJECT,
        Action.COMPLAIN,
        Action.BOUNCE,
        Action.ERASE,
        Action.SIGNAL,
    }
)
#: Said of an address alone, whoever has it; every other stop is of everybody whom it names.
OF_THE_ADDRESS = frozenset({Action.BOUNCE})


class Source(StrEnum):
    """By which way a choice reached us; its authority follows from it (docs/rules.md)."""

    ONE_CLICK = "one_click"
    PAGE = "page"
    CONFIRMATION = "confirmation"
    CHOICE_LINK = "choice_link"
    FORM = "form"
    EMAIL_REQUEST = "email_request"
    AGENT = "agent"
    OPERATOR = "operator"
    IMPORT = "import"
    PROVIDER = "provider"
    SYSTEM = "system"


class YesRule(StrEnum):
    """When a yes by a source counts: the first table of docs/rules.md."""

    SHOWN = "shown"
    ATTESTED = "attested"
    IMPORTED = "imported"
    NEVER = "never"


@dataclass(frozen=True, kw_only=True, slots=True)
class Authority:
    """What a source may do. `stops_always` False: a stop stated to be older than a yes leaves that yes."""

    stops_always: bool
    yes: YesRule


_PERSON = Authority(stops_always=True, yes=YesRule.SHOWN)
_PROXY = Authority(stops_always=True, yes=YesRule.NEVER)
_MACHINE = Authority(stops_always=False, yes=YesRule.NEVER)

AUTHORITY: dict[Source, Authority] = {
    Source.ONE_CLICK: _PROXY,
    Source.PAGE: _PERSON,
    Source.CONFIRMATION: _PERSON,
    Source.CHOICE_LINK: _PERSON,
    Source.FORM: Authority(stops_always=True, yes=YesRule.ATTESTED),
    Source.EMAIL_REQUEST: _PROXY,
    Source.AGENT: _PROXY,
    Source.OPERATOR: _PROXY,
    Source.IMPORT: Authority(stops_always=False, yes=YesRule.IMPORTED),
    Source.PROVIDER: _MACHINE,
    Source.SYSTEM: _MACHINE,
}


class Proof(StrEnum):
    """How well a yes is proved, strongest first."""

    CONFIRMED = "confirmed"
    SIGNED_IN = "signed_in"
    ATTESTED = "attested"
    LINK = "link"
    IMPORTED = "imported"
    NONE = "none"


def as_strong(proof: Proof, wanted: str) -> bool:
    """Whether a yes is proved as well as a purpose asks, or better."""
    strongest_first = list(Proof)
    return strongest_first.index(proof) <= strongest_first.index(Proof(wanted))


class Cause(StrEnum):
    """Why a stop stands; also its reason in a decision."""

    WITHDRAWN = "withdrawn"
    REFUSED = "refused"
    OBJECTED = "objected"
    ALL_MARKETING = "all_marketing_stopped"
    COMPLAINED = "complained"
    BOUNCED = "bounced"
    ERASED = "erased"
    SIGNAL = "signal"


#: Reasons of a decision that are a stop.
STOPPED_BY = frozenset(cause.value for cause in Cause)
#: Those by which the person has said no: one whose mailbox bounces has not.
SAID_NO = STOPPED_BY - {Cause.BOUNCED.value}


class Effect(StrEnum):
    APPLIED = "applied"
    NONE = "none"
    PENDING = "pending"


class Status(StrEnum):
    """W3C DPV 2.3 status words for a (subject, purpose, channel)."""

    UNKNOWN = "ConsentUnknown"
    REQUESTED = "ConsentRequested"
    DEFERRED = "ConsentRequestDeferred"
    GIVEN = "ConsentGiven"
    RENEWED = "RenewedConsentGiven"
    REFUSED = "ConsentRefused"
    WITHDRAWN = "ConsentWithdrawn"
    EXPIRED = "ConsentExpired"
    INVALIDATED = "ConsentInvalidated"
    OBJECTED = "LegitimateInterestObjected"
    NOT_OBJECTED = "LegitimateInterestNotObjected"
    INFORMED = "LegitimateInterestInformed"
    UNINFORMED = "LegitimateInterestUninformed"


class Choice(NamedTuple):
    """One choice as it arrives. `stated_at` is the sender's own time (None: they gave none);
    `shown_seq` is the ledger's head when the page that was answered was shown; `version` is of the purpose as
    it was shown (None: as it was at the time that is stated)."""

    action: Action
    source: Source
    purpose: str
    channel: str
    stated_at: datetime | None = None
    shown_seq: int | None = None
    proof: Proof = Proof.NONE
    until: datetime | None = None
    wording: str | None = None
    version: int | None = None


class Entry(NamedTuple):
    """One row of the ledger, as the fold reads it. `seq` is its place in the order of commits."""

    seq: int
    entry: str
    subject: str | None
    wide: bytes
    channel: str
    purpose: str
    action: Action
    source: Source
    cause: Cause | None
    effect: Effect
    reason: str | None
    occurred_at: datetime
    recorded_at: datetime
    version: int | None = None
    proof: Proof | None = None
    target: str | None = None
    until: datetime | None = None


def takes_away(entry: Entry) -> bool:
    """Whether an entry ends or pauses a permission: whoever must hear of that is told for 30 days."""
    # An undo names no person; it gives a permission back.
    struck_out = entry.action is Action.INVALIDATE and entry.subject is not None
    # A void says what it is of.
    struck_out = struck_out or (entry.action is Action.VOID and entry.reason in YES)
    ends = entry.action in STOPS or entry.action in (Action.DEFER, Action.EXPIRE) or struck_out
    return entry.effect is Effect.APPLIED and ends


def stopping_action(key: str, purpose: Purpose | None) -> Action:
    """What a plain "stop" of `key` is: an objection (all marketing, legitimate interest) or a withdrawal.

    `purpose` None: `*`, or in no catalog.
    """
    objects = key == ANY or (purpose is not None and purpose.is_objected_to)
    return Action.OBJECT if objects else Action.WITHDRAW


def cause_of(action: Action, key: str, purpose: Purpose | None) -> Cause:
    """The cause that a stopping action on the purpose `key` leaves; `purpose` None: in no catalog.

    One click on mail sent under legitimate interest is an objection (GDPR Art. 21(2)).
    """
    fixed = _FIXED_CAUSE.get(action)
    if fixed is not None:
        return fixed
    if key == ANY:
        return Cause.ALL_MARKETING
    if action is Action.OBJECT or (purpose is not None and purpose.is_objected_to):
        return Cause.OBJECTED
    return Cause.REFUSED if action is Action.REFUSE else Cause.WITHDRAWN


_FIXED_CAUSE = {
    Action.COMPLAIN: Cause.COMPLAINED,
    Action.BOUNCE: Cause.BOUNCED,
    Action.ERASE: Cause.ERASED,
    Action.SIGNAL: Cause.SIGNAL,
}


def scope_of(cause: Cause, purpose: str, channel: str) -> tuple[str, str]:
    """The (purpose, channel) that a stop of this cause covers: the table "What a stop blocks"."""
    if cause in _COVERS_ALL_PURPOSES:
        return ANY, channel if cause in (Cause.BOUNCED, Cause.ALL_MARKETING) else ANY
    return purpose, ANY if cause is Cause.OBJECTED else channel


_COVERS_ALL_PURPOSES = frozenset(
    {Cause.ALL_MARKETING, Cause.COMPLAINED, Cause.BOUNCED, Cause.ERASED, Cause.SIGNAL}
)
