"""Taking a machine's mistakes out of effect: what may be voided, and what is left then (docs/rules.md).

A voided entry stays in the ledger. It is folded as one without effect, as if it had never been.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from prefcenter.domain.choices import Action, Effect, Entry, Source

_MACHINES = frozenset({Source.PROVIDER, Source.IMPORT})
#: An address that was left is not kept, so nobody can be moved back; the others are words about entries.
_STAYS = frozenset({Action.ADDRESS_CHANGED, Action.INVALIDATE, Action.EXPIRE, Action.VOID})


def may_be_voided(entry: Entry) -> bool:
    """Whether an entry that came from a connection or an import is a machine's word that has an effect.

    Facts are recorded by the system, whoever said them: of an entry alone nobody can tell where it came from.
    """
    if entry.effect is Effect.NONE:
        return False
    if entry.action is Action.FACT:
        return entry.source is Source.SYSTEM
    return entry.source in _MACHINES and entry.action not in _STAYS


def voided_by(entries: Iterable[Entry]) -> frozenset[str]:
    """The ids of the entries that are voided by one of these."""
    return frozenset(entry.target for entry in entries if entry.action is Action.VOID and entry.target)


def is_voided(entry: Entry, voided: Collection[str]) -> bool:
    """Whether it counts no more: it, or what it says has run out, is one of these."""
    return entry.entry in voided or (entry.action is Action.EXPIRE and entry.target in voided)


def with_voids(entries: Iterable[Entry]) -> Sequence[Entry]:
    """The entries, with those that are voided by another one of them as if without effect."""
    found = list(entries)
    voided = voided_by(found)
    if not voided:
        return found
    return [one._replace(effect=Effect.NONE) if is_voided(one, voided) else one for one in found]


def not_voided(entries: Iterable[Entry]) -> list[Entry]:
    """What was said, and was not taken out of effect since."""
    found = list(entries)
    voided = voided_by(found)
    return [one for one in found if one.action is not Action.VOID and not is_voided(one, voided)]
