"""What each answer to a question about a purpose says: the choices that are recorded for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from prefcenter.domain.choices import SAID_NO, Action, Status, stopping_action
from prefcenter.domain.decide import Dossier, may_send
from prefcenter.domain.purposes import Basis, Channel, Purpose
from prefcenter.domain.regimes import Regimes
from prefcenter.domain.standing import Standing


class Answer(StrEnum):
    """`seen`: a notice was read, which is no yes."""

    YES = "yes"
    NO = "no"
    LATER = "later"
    SEEN = "seen"


@dataclass(frozen=True, kw_only=True, slots=True)
class Offered:
    """The answers on a page: `pair` have one weight, `quiet` stand below."""

    pair: Sequence[Answer]
    quiet: Sequence[Answer] = ()


def offered(*, is_notice: bool, reason: str, said: Answer | None = None) -> Offered:
    """What can be said, or said otherwise where `said` was just recorded. `reason`: of the decision now.

    Reading a notice is no yes; only whoever said no to it may say that.
    """
    if is_notice:
        refused = said is Answer.NO or reason in SAID_NO
        pair = [Answer.NO, Answer.YES if refused else Answer.SEEN]
    else:
        pair = [Answer.YES, Answer.NO]
    quiet = () if is_notice or said else (Answer.LATER,)
    return Offered(pair=[one for one in pair if one is not said], quiet=quiet)


def answered(*, allowed: bool, reason: str) -> bool | None:
    """Which answer a decision amounts to: yes, no, or (None) neither was given yet."""
    return True if allowed else False if reason in SAID_NO else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What an answer comes to on one channel; `version` is the one that it is about."""

    channel: Channel
    action: Action
    version: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Who answers what. `before`: by channel, the version they had agreed to before the newest, which they
    hold."""

    purpose: Purpose
    known: Dossier
    regimes: Regimes
    now: datetime
    is_notice: bool = False
    before: Mapping[str, int] = field(default_factory=dict)


def says(answer: Answer, asked: Asked) -> Sequence[Said]:
    """The choices that it comes to, at most one for each channel of the purpose; none: it says nothing."""
    return _SAYS[answer](asked)


def _on_each(action: Action, asked: Asked) -> Sequence[Said]:
    version = asked.purpose.version
    return [Said(channel=one, action=action, version=version) for one in asked.purpose.channels]


def _yes(asked: Asked) -> Sequence[Said]:
    return _on_each(Action.GIVE, asked)


def _later(asked: Asked) -> Sequence[Said]:
    """Where a legitimate interest goes on meanwhile, the campaign alone remembers it."""
    return () if asked.is_notice or asked.purpose.is_objected_to else _on_each(Action.DEFER, asked)


def _seen(asked: Asked) -> Sequence[Said]:
    """Whoever says that they read it has had notice; nobody is given notice of the same thing twice."""
    if not asked.is_notice:
        return ()
    held = [asked.known.standings.get((asked.purpose.key, one)) for one in asked.purpose.channels]
    told = all(one is not None and (one.noticed or 0) >= asked.purpose.version for one in held)
    return () if told else _on_each(Action.NOTIFY, asked)


def _no(asked: Asked) -> Sequence[Said]:
    said = [_no_on(channel, asked) for channel in asked.purpose.channels]
    actions = {one.action for one in said}
    if Action.OBJECT in actions and Action.DECLINE in actions:
        # An objection ends the purpose on every channel: no to a new one must not take the old one away.
        return [replace(one, action=Action.DECLINE) for one in said]
    return said[:1] if Action.OBJECT in actions else said


def _no_on(channel: Channel, asked: Asked) -> Said:
    """No to the change where something older was agreed to, which stays; else no to all of it."""
    purpose = asked.purpose
    held = may_send(purpose, channel, asked.known, regimes=asked.regimes, now=asked.now)
    standing = asked.known.standings.get((purpose.key, channel))
    by_yes = held.basis == Basis.CONSENT and held.version is not None and held.reason != "expired"
    agreed = standing.version if by_yes and standing is not None else None

    def said(action: Action, version: int = purpose.version) -> Said:
        return Said(channel=channel, action=action, version=version)

    if agreed is not None:
        if agreed < purpose.version:
            return said(Action.DECLINE)
        if channel in asked.before:
            return said(Action.DECLINE, asked.before[channel] + 1)
        return said(stopping_action(purpose.key, purpose))
    if purpose.basis != Basis.CONSENT and _goes_on_without(channel, asked):
        return said(Action.DECLINE)
    return said(Action.OBJECT if purpose.is_objected_to else Action.REFUSE)


def _goes_on_without(channel: Channel, asked: Asked) -> bool:
    """Whether an older version, which needs no yes, goes on where the newest is declined."""
    purpose, known = asked.purpose, asked.known
    key = (purpose.key, channel)
    held = known.standings.get(key) or Standing(
        "", purpose.key, channel, Status.INFORMED, None, "", asked.now, asked.now
    )
    declining = {**known.standings, key: held._replace(declined=held.declined or purpose.version, until=None)}
    without = may_send(
        purpose,
        channel,
        replace(known, standings=declining),
        regimes=asked.regimes,
        now=asked.now,
    )
    return without.allowed


_SAYS: Mapping[Answer, Callable[[Asked], Sequence[Said]]] = {
    Answer.YES: _yes,
    Answer.NO: _no,
    Answer.LATER: _later,
    Answer.SEEN: _seen,
}
