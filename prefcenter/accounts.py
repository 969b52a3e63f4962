"""The connections of the file, ready for use: their provider, their secrets looked up, their reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from email_hooks import PROVIDERS
from email_hooks.events import ALL
from email_hooks.provider import Provider
from prefcenter.catalog import Catalog, ConnectionSpec
from prefcenter.domain.scopes import Reach, reach_of
from prefcenter.domain.words import unknown

_ENV = "env:"
#: The option that names scopes of the provider that are none of ours.
IGNORE = "ignore"
#: The option that says how often its list is compared with ours; 0: never by itself.
RECONCILE = "reconcile_minutes"
_HOURLY = 60
_A_WEEK = 10_080


@dataclass(frozen=True, kw_only=True)
class Account:
    """A connection that can be used. `config` holds secrets: `email_hooks.config` describes it.

    `reconcile_minutes`: how often its list is compared with ours; 0: never by itself.
    """

    key: str
    provider: Provider
    config: Mapping[str, Any] = field(repr=False)
    reach: Reach
    private: bool
    reconcile_minutes: int = _HOURLY


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """`usable` by their keys; `problems` say why the others are not, in words for the operator."""

    usable: Mapping[str, Account]
    problems: Mapping[str, tuple[str, ...]]


class HasCatalog(Protocol):
    @property
    def current(self) -> Catalog | None: ...


class CurrentAccounts:
    """The accounts of the catalog in force; worked out anew as that changes."""

    def __init__(self, catalogs: HasCatalog, named: Mapping[str, str]) -> None:
        self._catalogs = catalogs
        self._named = named
        self._catalog: Catalog | None = None
        self._accounts = Accounts(usable={}, problems={})
        self._reaches: tuple[Reach, ...] = ()

    @property
    def now(self) -> Accounts:
        self._look()
        return self._accounts

    def reaches(self) -> tuple[Reach, ...]:
        """What every connection of a known provider reaches, whether or not its secrets are there yet."""
        self._look()
        return self._reaches

    def _look(self) -> None:
        catalog = self._catalogs.current
        if catalog is not self._catalog:
            self._catalog = catalog
            self._accounts = accounts_of(catalog, self._named)
            self._reaches = reaches_of(catalog)


def accounts_of(catalog: Catalog | None, named: Mapping[str, str]) -> Accounts:
    """Every connection of the catalog; `named`: the variables that "env:NAME" is looked up in."""
    usable: dict[str, Account] = {}
    problems: dict[str, tuple[str, ...]] = {}
    for key, spec in (catalog.connections if catalog else {}).items():
        provider = PROVIDERS.get(spec.provider)
        if provider is None:
            problems[key] = (unknown(f"provider {spec.provider!r}", spec.provider, PROVIDERS),)
            continue
        missing: list[str] = []
        config = {name: _looked_up(value, named, missing) for name, value in spec.options.items()}
        found = [f"env:{name}: the variable is not set" for name in missing] + _misfits(spec, provider)
        if found:
            problems[key] = tuple(found)
        else:
            usable[key] = _account(spec, provider, config)
    return Accounts(usable=usable, problems=problems)


def reaches_of(catalog: Catalog | None) -> tuple[Reach, ...]:
    specs = catalog.connections.values() if catalog else ()
    found = [_reach(spec, PROVIDERS[spec.provider]) for spec in specs if spec.provider in PROVIDERS]
    return tuple(one for one in found if one.scopes)


def _account(spec: ConnectionSpec, provider: Provider, config: dict[str, Any]) -> Account:
    reach = _reach(spec, provider)
    config["scopes"] = tuple(reach.scopes)
    return Account(
        key=spec.key,
        provider=provider,
        config=config,
        reach=reach,
        private=spec.private,
        reconcile_minutes=spec.options.get(RECONCILE, _HOURLY),
    )


def _reach(spec: ConnectionSpec, provider: Provider) -> Reach:
    ignored = spec.options.get(IGNORE, ())
    return reach_of(
        spec.key,
        spec.purposes,
        has_all=ALL in provider.capabilities.stops,
        ignored=frozenset(ignored if isinstance(ignored, list | tuple) else ()),
    )


def _misfits(spec: ConnectionSpec, provider: Provider) -> list[str]:
    """Scopes that the provider cannot stop, a mapping that stops nothing, and minutes that are none."""
    kinds = provider.capabilities.stops
    found = [
        f"purposes.{purpose}: {spec.provider} has no scope {scope!r}; it knows {_in_words(kinds)}"
        for purpose, scope in spec.purposes.items()
        if scope != ALL and scope.partition(":")[0] not in kinds - {ALL}
    ]
    if not found and not _reach(spec, provider).scopes:
        found.append(
            f"purposes: map at least one purpose to a scope of {spec.provider} ({_in_words(kinds)});"
            " as it is, no stop would ever reach it"
        )
    minutes = spec.options.get(RECONCILE, _HOURLY)
    if not isinstance(minutes, int) or isinstance(minutes, bool) or not 0 <= minutes <= _A_WEEK:
        found.append(f"{RECONCILE}: must be a whole number from 0 (never) to {_A_WEEK}, such as {_HOURLY}")
    return found


def _in_words(kinds: frozenset[str]) -> str:
    return ", ".join(sorted(ALL if kind == ALL else f"{kind}:…" for kind in kinds))


def _looked_up(value: Any, named: Mapping[str, str], missing: list[str]) -> Any:
    if isinstance(value, str) and value.startswith(_ENV):
        name = value.removeprefix(_ENV)
        if not named.get(name, "").strip():
            missing.append(name)
        return named.get(name, "")
    if isinstance(value, list | tuple):
        return [_looked_up(one, named, missing) for one in value]
    if isinstance(value, Mapping):
        return {key: _looked_up(one, named, missing) for key, one in value.items()}
    return value
