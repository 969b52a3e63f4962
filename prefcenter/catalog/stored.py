"""A catalog as canonical JSON, and back: what is kept of an applied one, and its hash."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import MISSING, Field
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from prefcenter.catalog.parts import Catalog, CatalogError, ConnectionSpec, Controller, Notice, Recipient
from prefcenter.domain.purposes import Purpose
from prefcenter.domain.regime_rows import Override

_Held = TypeVar("_Held", Purpose, ConnectionSpec, Override)


class _Stored(msgspec.Struct, kw_only=True):
    """Lists instead of mappings, since the order of the file is the order of the pages."""

    controller: Controller
    notice: Notice | None = None
    purposes: tuple[Purpose, ...] = ()
    recipients: tuple[Recipient, ...] = ()
    connections: tuple[ConnectionSpec, ...] = ()
    regimes: tuple[Override, ...] = ()


def to_json(catalog: Catalog) -> bytes:
    """The same bytes for equal catalogs in the same order, purpose versions included."""
    stored = {
        "controller": _plain(catalog.controller),
        "notice": _plain(catalog.notice),
        "purposes": _plain(tuple(catalog.purposes.values())),
        "recipients": _plain(tuple(catalog.recipients.values())),
        "connections": _plain(tuple(catalog.connections.values())),
    }
    if catalog.regimes:  # left out where empty: older hashes have no such key
        stored["regimes"] = _plain(catalog.regimes)
    return msgspec.json.encode(stored, order="sorted")


def from_json(data: bytes) -> Catalog:
    """The catalog that `to_json` wrote; raises CatalogError on anything else."""
    try:
        stored = msgspec.json.decode(data, type=_Stored)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CatalogError((f"not a stored catalog: {error}; apply the file again",)) from None
    return Catalog(
        controller=stored.controller,
        notice=stored.notice,
        purposes=MappingProxyType({purpose.key: _frozen(purpose) for purpose in stored.purposes}),
        recipients=MappingProxyType({recipient.key: recipient for recipient in stored.recipients}),
        connections=MappingProxyType({spec.key: _frozen(spec) for spec in stored.connections}),
        regimes=tuple(map(_frozen, stored.regimes)),
    )


def digest(catalog: Catalog) -> str:
    """SHA-256 of the canonical JSON, in hex."""
    return hashlib.sha256(to_json(catalog)).hexdigest()


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = ((each, getattr(value, each.name)) for each in dataclasses.fields(value))
        return {each.name: _plain(held) for each, held in pairs if not _is_absent(each, held)}
    match value:
        case Mapping():
            return {key: _plain(held) for key, held in value.items()}
        case tuple() | list():
            return [_plain(held) for held in value]
        case StrEnum():
            return value.value
        case date():
            return value.isoformat()
        case _:
            return value


def _is_absent(each: Field[Any], held: object) -> bool:
    """An empty default is left out: a field that a later release adds must not change old hashes."""
    default = each.default_factory() if each.default_factory is not MISSING else each.default
    return not held and held == default


def _frozen(held: _Held) -> _Held:
    """The same with its mappings read-only, as `catalog.parse` makes them."""
    mappings: dict[str, Any] = {
        each.name: MappingProxyType(getattr(held, each.name))
        for each in dataclasses.fields(held)
        if isinstance(getattr(held, each.name), dict)
    }
    return dataclasses.replace(held, **mappings)
