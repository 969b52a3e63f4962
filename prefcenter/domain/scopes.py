"""What a connection sends, and what of it each of our purposes is: the mapping of `[connections.*]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from email_hooks.events import ALL
from prefcenter.domain.purposes import ANY


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """One connection's scopes, each with the purposes (or `*`) that go out through it.

    `ignored`: scopes of the provider that are none of ours.
    """

    connection: str
    scopes: Mapping[str, frozenset[str]]
    ignored: frozenset[str] = frozenset()


def reach_of(
    connection: str,
    purposes: Mapping[str, str],
    *,
    has_all: bool,
    ignored: frozenset[str] = frozenset(),
) -> Reach:
    """The reach of a mapping from purposes to scopes.

    `has_all`: whether the provider can stop everything at once; where it cannot, "all" is every other scope.
    """
    scopes: dict[str, set[str]] = {}
    for purpose, scope in purposes.items():
        if scope != ALL or has_all:
            scopes.setdefault(scope, set()).add(purpose)
    for purpose, scope in purposes.items():
        if scope == ALL and not has_all:
            for held in scopes.values():
                held.add(purpose)
    frozen = {scope: frozenset(held) for scope, held in scopes.items()}
    return Reach(connection=connection, scopes=frozen, ignored=ignored)


def purposes_of(reach: Reach, scope: str | None) -> frozenset[str]:
    """What a stop on a scope of the provider stops here: its purposes, or all marketing (`*`).

    A scope that nothing is mapped to stops all marketing: better too much than too little. Empty: it is
    none of ours.
    """
    if scope in reach.ignored:
        return frozenset()
    held = reach.scopes.get(scope or ALL, frozenset())
    return (held - {ANY}) or frozenset({ANY})
