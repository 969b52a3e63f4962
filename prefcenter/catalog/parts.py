"""The catalog as values: who speaks, for which purposes, told to whom, through which connections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any

from prefcenter.domain.purposes import Purpose
from prefcenter.domain.regime_rows import Override


class CatalogError(Exception):
    """What is wrong with a catalog, all that could be found, each with its section and line."""

    def __init__(self, problems: tuple[str, ...], *, source: str = "") -> None:
        super().__init__("\n".join(f"{source}: {problem}" if source else problem for problem in problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True, slots=True)
class Controller:
    """Who speaks: shown on every page and in every mail."""

    name: str
    postal_address: str
    email: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """The privacy notice. `change` is one of `sections.NOTICE_CHANGES`."""

    version: str
    url: str
    published: date
    change: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipient:
    """A third party; told of changes by `connection` or by `email`, one of them set."""

    key: str
    name: str
    email: str | None = None
    connection: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionSpec:
    """An account at a provider. `options` stand as in the file: "env:NAME" is not looked up yet."""

    key: str
    provider: str
    purposes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    private: bool = False
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Catalog:
    """Everything the file declares; the mappings keep its order."""

    controller: Controller
    notice: Notice | None = None
    purposes: Mapping[str, Purpose] = field(default_factory=lambda: MappingProxyType({}))
    recipients: Mapping[str, Recipient] = field(default_factory=lambda: MappingProxyType({}))
    connections: Mapping[str, ConnectionSpec] = field(default_factory=lambda: MappingProxyType({}))
    regimes: tuple[Override, ...] = ()
