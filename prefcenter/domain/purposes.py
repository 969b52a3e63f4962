"""What a message or disclosure may be for, as the catalog declares it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
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


#: What ends with a sale or a profile rather than with a message: a regime has a rule of its own for it.
PROCESSING_KINDS = frozenset({Kind.SALE_OR_SHARING, Kind.TRACKING, Kind.PROFILING})


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
class Terms:
    """What people agreed to in one version of a purpose.

    `since`: when it was applied; None: with the first catalog, so nobody's data is older. `in_force_at`:
    until then a notice holds it back; None: in force from the start.
    """

    version: int
    title: str
    description: str
    channels: tuple[Channel, ...]
    recipients: tuple[str, ...]
    data: tuple[str, ...]
    since: datetime | None = None
    in_force_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Purpose:
    """One purpose in one version. `basis` None: as the person's regime asks.

    `since`, `in_force_at`: of this version, as `Terms` has them. `earlier`: those before, oldest first.
    """

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
    since: datetime | None = None
    in_force_at: datetime | None = None
    earlier: tuple[Terms, ...] = ()
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

    @property
    def is_dated(self) -> bool:
        """Whether it is newer than some people's data: then it matters since when we know a person."""
        return self.since is not None or bool(self.earlier)

    @property
    def terms(self) -> Terms:
        """What this version asks people to agree to."""
        return Terms(
            version=self.version,
            title=self.title,
            description=self.description,
            channels=self.channels,
            recipients=self.recipients,
            data=self.data,
            since=self.since,
            in_force_at=self.in_force_at,
        )

    def terms_of(self, version: int) -> Terms:
        """The terms of a version; of the oldest where there is none so old."""
        if version >= self.version or not self.earlier:
            return self.terms
        found = [terms for terms in self.earlier if terms.version <= version]
        return found[-1] if found else self.earlier[0]

    def version_at(self, moment: datetime) -> int:
        """The version that somebody who agreed at this moment agreed to."""
        for terms in (self.terms, *reversed(self.earlier)):
            if terms.since is None or terms.since <= moment:
                return terms.version
        return self.earlier[0].version if self.earlier else self.version
