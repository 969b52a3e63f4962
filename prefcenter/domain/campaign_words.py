"""The words of a campaign: its kinds, where each person in it is, and why somebody is not asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class CampaignKind(StrEnum):
    """`page`: answers of people who were asked on their preferences page, never by mail."""

    ASK = "ask"
    NOTICE = "notice"
    PAGE = "page"


class AskedState(StrEnum):
    """Where one person is in one campaign; a `NotAsked` where the mail was dropped."""

    QUEUED = "queued"
    ASKED = "asked"
    YES = "yes"
    NO = "no"
    LATER = "later"
    SEEN = "seen"


class NotAsked(StrEnum):
    """Why somebody is not asked, or not told."""

    ANSWERED = "answered"
    DECLINED = "declined"
    STOPPED = "stopped"
    MINOR = "minor"
    PAUSED = "paused"
    NOT_CONCERNED = "not_concerned"
    CONFIRMING = "confirming"
    TOLD = "told"
    RESTING = "resting"
    ASKED_RECENTLY = "asked_recently"
    NO_LIVE_PURPOSE = "no_live_purpose"
    #: Only at the moment of sending: another version is in force by now, or the address is gone.
    SUPERSEDED = "superseded"
    NO_ADDRESS = "no_address"


#: A person in these was asked, or is about to be.
LIVE = frozenset(AskedState)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """One person in one campaign. `carrier`: the live purpose that the mail travels as."""

    id: str
    campaign: str
    purpose: str
    version: int
    kind: str
    subject: str
    carrier: str
    state: str
    queued_at: datetime
    asked_at: datetime | None = None
    reminded_at: datetime | None = None
    answered_at: datetime | None = None

    @property
    def last_mail(self) -> datetime | None:
        """When they were last mailed about it, or are to be; None: never, or the mail was dropped."""
        if self.kind == CampaignKind.PAGE or self.state not in LIVE:
            return None
        return self.reminded_at or self.asked_at or self.queued_at


@dataclass(frozen=True, kw_only=True, slots=True)
class Askable:
    """`carrier`: the purpose that the mail would travel as; None: not by mail, and `reason` says why."""

    carrier: str | None = None
    reason: NotAsked | None = None
