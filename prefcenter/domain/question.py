"""What a person is asked: the use that they agreed to, beside the use that is wanted (docs/asking.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from prefcenter.domain.asking import channel_asked, kind_for
from prefcenter.domain.campaign_words import CampaignKind
from prefcenter.domain.decide import Decision, Dossier, may_send
from prefcenter.domain.purposes import Basis, Purpose, Terms
from prefcenter.domain.regimes import Regimes
from prefcenter.domain.standing import Standing


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One item of the use: `change` says what becomes of it ("" where nothing does)."""

    value: str
    change: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """`old` None: nothing like it was agreed to before. `is_notice`: it may begin unless they object."""

    purpose: Purpose
    old: Terms | None
    is_notice: bool = False

    @property
    def new(self) -> Terms:
        return self.purpose.terms

    def before(self, name: str) -> Sequence[Part]:
        """The channels, recipients or data of what was agreed to: all of it stays if they say no."""
        return [Part(value=one) for one in getattr(self.old, name)] if self.old is not None else ()

    def after(self, name: str) -> Sequence[Part]:
        """The same of what is wanted, with what comes and what goes."""
        wanted = getattr(self.new, name)
        held = getattr(self.old, name) if self.old is not None else wanted
        here = [Part(value=one, change="" if one in held else "new") for one in wanted]
        return [*here, *(Part(value=one, change="gone") for one in held if one not in wanted)]

    def added(self, name: str) -> Sequence[str]:
        return [part.value for part in self.after(name) if part.change == "new"]

    def removed(self, name: str) -> Sequence[str]:
        return [part.value for part in self.after(name) if part.change == "gone"]

    @property
    def described_anew(self) -> bool:
        """Whether title or description read otherwise than they did."""
        old = self.old
        return old is not None and (old.title, old.description) != (self.new.title, self.new.description)


def terms_at_hand(
    purpose: Purpose, *, allowed: bool, version: int | None, pending_version: int | None
) -> Terms:
    """What a yes or no to the purpose itself is about, by the decision: what they have agreed to, where that
    goes on. A change that they did not agree to is a question of its own."""
    if pending_version is None or version is None or not allowed:
        return purpose.terms
    return purpose.terms_of(version)


def question_for(
    purpose: Purpose, known: Dossier, *, before: int | None = None, regimes: Regimes, now: datetime
) -> Question:
    """What this person is asked about the purpose as it is now.

    `before`: the version they had agreed to before the one they hold, where they hold the newest.
    """
    channel = channel_asked(purpose)
    held = may_send(purpose, channel, known, regimes=regimes, now=now)
    standing = known.standings.get((purpose.key, channel))
    kind = kind_for(purpose, held, standing)
    version = _older(held, standing, purpose)
    if version is None:
        version = before
    return Question(
        purpose=purpose,
        old=purpose.terms_of(version) if version is not None else None,
        is_notice=purpose.basis != Basis.CONSENT and kind is not CampaignKind.ASK,
    )


def _older(held: Decision, standing: Standing | None, purpose: Purpose) -> int | None:
    """The version below the newest that they agreed to, or that goes on without a yes."""
    version = held.version
    if version is not None and held.basis == Basis.CONSENT and standing is not None:
        # Of what they agreed to some may not be in force yet.
        version = standing.version
    if version is None or version >= purpose.version or held.reason == "expired":
        return None
    return version
