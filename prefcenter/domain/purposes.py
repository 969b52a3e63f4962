"""What a message or disclosure may be for, as the catalog declares it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType


class Kind(StrEnum):
    """What sort of processing a purpose is; decides which stops block it."""

    MARKETING = "marketing"
    SERVICE = "service"
    DISCLOSURE = "disclosure"
    SALE_OR_SHARING = "sale_or_sharing"
    TRACKING = "tracking"
    PROFILING = "profiling"


class Basis(StrEnum):
    """Lawful bases, in the words of GDPR Art. 6(1)."""

    CONSENT = "consent"
    LEGITIMATE_INTEREST = "legitimate_interest"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    VITAL_INTEREST = "vital_interest"


class Channel(StrEnum):
    EMAIL = "email"
    SMS = "sms"
    PUSH = "push"
    POST = "post"
    PHONE = "phone"


#: The wildcard in choices and stops: every channel, or all marketing.
ANY = "*"

#: The purpose of `prefcenter check`'s one-click. No catalog can hold it, so it stops nothing for anybody.
PROBE_PURPOSE = "check--one-click"

#: Bases that nobody can opt out of: one click that stops nothing would be a lie.
NOT_A_CHOICE = frozenset({Basis.CONTRACT, Basis.LEGAL_OBLIGATION, Basis.VITAL_INTEREST})

#: What "no marketing at all" ends.
MARKETING_KINDS = frozenset(
    {Kind.MARKETING, Kind.DISCLOSURE, Kind.SALE_OR_SHARING, Kind.TRACKING, Kind.PROFILING}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SoftOptInOffer:
    """Since when, and in which words, a way to say no was offered as addresses were collected."""

    offered_since: date
    wording: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Translation:
    title: str
    description: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Purpose:
    """One purpose in one version. `basis` None: as the person's regime asks."""

    key: str
    title: str
    description: str
    kind: Kind = Kind.MARKETING
    channels: tuple[Channel, ...] = (Channel.EMAIL,)
    basis: Basis | None = None
    double_opt_in: bool | None = None
    recipients: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    similar_to_purchase: bool = False
    soft_opt_in: SoftOptInOffer | None = None
    category: str | None = None
    why: str | None = None
    require_proof: str | None = None
    translations: Mapping[str, Translation] = field(default_factory=lambda: MappingProxyType({}))
    version: int = 1
    retired: bool = False

    @property
    def is_a_choice(self) -> bool:
        """Whether a person can say yes or no to it at all."""
        return self.basis not in NOT_A_CHOICE and self.kind is not Kind.SERVICE

    @property
    def is_objected_to(self) -> bool:
        """Whether a "no" to it is an objection (GDPR Art. 21(2)) rather than a withdrawal."""
        return self.basis == Basis.LEGITIMATE_INTEREST

    @property
    def is_marketing(self) -> bool:
        """Whether "stop all marketing" ends it."""
        return self.kind in MARKETING_KINDS
