"""Reads `prefcenter.toml`: every section into its values, every mistake into one error."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from prefcenter.catalog import sections
from prefcenter.catalog.overrides import read_overrides
from prefcenter.catalog.parts import Catalog, CatalogError, ConnectionSpec, Controller, Notice, Recipient
from prefcenter.catalog.sections import Problems, read_section
from prefcenter.catalog.toml_lines import KeyPath, section_at
from prefcenter.domain.purposes import (
    ANY,
    MARKETING_KINDS,
    NOT_A_CHOICE,
    PROBE_PURPOSE,
    Basis,
    Kind,
    Purpose,
    SoftOptInOffer,
    Translation,
)
from prefcenter.domain.words import unknown


def read(path: Path) -> Catalog:
    """The catalog of a file; raises CatalogError, also when there is no such file."""
    try:
        return parse(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        problem = "no such file; `prefcenter init` writes one, PREFCENTER_CONFIG names another"
    except OSError as error:
        problem = f"cannot be read ({error.strerror}); check its path and mode"
    except UnicodeDecodeError:
        problem = "not UTF-8 text; save it as UTF-8"
    except CatalogError as error:
        raise CatalogError(error.problems, source=path.name) from None
    raise CatalogError((problem,), source=path.name)


def parse(text: str) -> Catalog:
    """The catalog of a text. Every purpose has version 1: versions are given when it is applied."""
    tree = _toml(text)
    problems = Problems(text)
    for name in tree.keys() - set(sections.SECTIONS):
        problems.add((), unknown(f"section [{name}]", name, sections.SECTIONS), key=name)
    catalog = _catalog(problems, tree)
    if catalog is None or problems.found:
        raise CatalogError(problems.found)
    return catalog


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise CatalogError(("not valid TOML: nested too deeply; mend that",)) from None
    except ValueError as error:
        found = re.search(r"line (\d+)", str(error))
        section = section_at(text, int(found[1])) if found else ""
        raise CatalogError((f"{section} not valid TOML: {error}; mend that line".strip(),)) from None


def _catalog(problems: Problems, tree: dict[str, Any]) -> Catalog | None:
    controller = None
    if "controller" in tree:
        controller = read_section(problems, ("controller",), tree["controller"], sections.CONTROLLER)
    else:
        problems.add((), "[controller] is missing; say there who speaks: name, postal_address and email")
    notice = (
        read_section(problems, ("notice",), tree["notice"], sections.NOTICE) if "notice" in tree else None
    )
    purposes = [_purpose(problems, *entry, tree=tree) for entry in _entries(problems, tree, "purposes")]
    recipients = [_recipient(problems, *entry, tree=tree) for entry in _entries(problems, tree, "recipients")]
    connections = [
        _connection(problems, *entry, tree=tree) for entry in _entries(problems, tree, "connections")
    ]
    overrides = tuple(read_overrides(problems, tree))
    if controller is None:
        return None
    return Catalog(
        controller=Controller(**controller),
        notice=Notice(**notice) if notice else None,
        purposes=MappingProxyType({purpose.key: purpose for purpose in purposes if purpose}),
        recipients=MappingProxyType({recipient.key: recipient for recipient in recipients if recipient}),
        connections=MappingProxyType(
            {connection.key: connection for connection in connections if connection}
        ),
        regimes=overrides,
    )


def _entries(problems: Problems, tree: dict[str, Any], section: str) -> Iterator[tuple[str, object]]:
    """The named entries of [section.*], whose names are checked here."""
    entries = tree.get(section, {})
    if not isinstance(entries, dict):
        problems.add((), f"{section!r} must hold sections; write [{section}.some-key]", key=section)
        return
    for key, table in entries.items():
        if key == PROBE_PURPOSE:
            problems.add((section, key), f"the key {key!r} is kept for `prefcenter check`; choose another")
        if not sections.KEY.fullmatch(key):
            message = f"the key {key!r} must begin with a-z and hold only a-z, 0-9 and -, at most 48"
            problems.add((section, key), message)
        yield key, table


def _purpose(problems: Problems, key: str, table: object, *, tree: dict[str, Any]) -> Purpose | None:
    section = ("purposes", key)
    languages: dict[str, Any] = {}
    if isinstance(table, dict):
        languages = {name: value for name, value in table.items() if _is_translation(name, value)}
        table = {name: value for name, value in table.items() if name not in languages}
    values = read_section(problems, section, table, sections.PURPOSE)
    translations = {
        language: read_section(problems, (*section, language), words, sections.TRANSLATION)
        for language, words in languages.items()
    }
    if values is None:
        return None
    for recipient in values.get("recipients", ()):
        if recipient not in _names(tree, "recipients"):
            message = unknown(f"recipient {recipient!r}", recipient, _names(tree, "recipients"))
            problems.add(section, f"{message}; declare it as [recipients.{recipient}]", key="recipients")
    for name, message in _contradictions(values):
        problems.add(section, message, key=name)
    values["soft_opt_in"] = _soft_opt_in(problems, section, values)
    values["translations"] = MappingProxyType(
        {language: Translation(**words) for language, words in translations.items() if words}
    )
    return Purpose(key=key, **values)


def _is_translation(name: str, value: object) -> bool:
    return (
        name not in sections.PURPOSE and isinstance(value, dict) and bool(sections.LANGUAGE.fullmatch(name))
    )


def _soft_opt_in(problems: Problems, section: KeyPath, values: dict[str, Any]) -> SoftOptInOffer | None:
    if "soft_opt_in" not in values:
        return None
    offer = read_section(problems, (*section, "soft_opt_in"), values["soft_opt_in"], sections.SOFT_OPT_IN)
    return SoftOptInOffer(**offer) if offer else None


def _contradictions(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What each key allows alone but not together: the key to look at, and the message."""
    kind, basis = values.get("kind", Kind.MARKETING), values.get("basis")
    if kind is Kind.SERVICE:
        if basis not in NOT_A_CHOICE:
            bases = ", ".join(sorted(NOT_A_CHOICE))
            yield "basis", f"a service purpose needs a 'basis' that is no choice: one of {bases}"
        for name in ("category", "why"):
            if name not in values:
                yield name, f"a service purpose needs {name!r}; it must be {sections.PURPOSE[name].expects}"
        for name in ("double_opt_in", "require_proof"):
            if name in values:
                yield name, f"{name!r} does nothing where nobody is asked; take it out"
    elif "category" in values:
        yield "category", "'category' is for kind = \"service\" only; take it out"
    if kind in MARKETING_KINDS and basis in NOT_A_CHOICE:
        message = (
            f"a {kind} purpose cannot rest on {basis}; use consent or legitimate_interest, or leave it out"
        )
        yield "basis", message
    if values.get("similar_to_purchase") and basis is Basis.CONSENT:
        yield "similar_to_purchase", "'similar_to_purchase' does nothing under consent; take it out"
    if "soft_opt_in" in values and basis not in (None, Basis.LEGITIMATE_INTEREST):
        yield "soft_opt_in", f"'soft_opt_in' does nothing under basis = \"{basis}\"; take one of the two out"


def _recipient(problems: Problems, key: str, table: object, *, tree: dict[str, Any]) -> Recipient | None:
    section = ("recipients", key)
    values = read_section(problems, section, table, sections.RECIPIENT)
    if values is None:
        return None
    connection = values.get("connection")
    if connection is not None and connection not in _names(tree, "connections"):
        message = unknown(f"connection {connection!r}", connection, _names(tree, "connections"))
        problems.add(section, f"{message}; declare it as [connections.{connection}]", key="connection")
    if not values.keys() & {"email", "connection"}:
        problems.add(section, "nobody could be told of a change; give 'email' or 'connection'")
    return Recipient(key=key, **values)


def _connection(
    problems: Problems, key: str, table: object, *, tree: dict[str, Any]
) -> ConnectionSpec | None:
    section = ("connections", key)
    options: dict[str, Any] = {}
    if isinstance(table, dict):
        options = {name: value for name, value in table.items() if name not in sections.CONNECTION}
        table = {name: value for name, value in table.items() if name in sections.CONNECTION}
    values = read_section(problems, section, table, sections.CONNECTION)
    for name, option in options.items():
        if not _is_plain(option):
            problems.add(
                section, f"{name!r} must be text, a whole number, true or false, or made of them", key=name
            )
    if values is None:
        return None
    known = {ANY, *_names(tree, "purposes")}
    for purpose in values.get("purposes", {}).keys() - known:
        problems.add(section, unknown(f"purpose {purpose!r}", purpose, known), key="purposes")
    values["purposes"] = MappingProxyType(values.get("purposes", {}))
    return ConnectionSpec(key=key, options=MappingProxyType(options), **values)


def _is_plain(value: object) -> bool:
    """Whether JSON keeps it exactly: no dates, no fractions, no number beyond 64 bits."""
    match value:
        case bool() | str():
            return True
        case int():
            return -(2**63) <= value < 2**63
        case list():
            return all(map(_is_plain, value))
        case dict():
            return all(map(_is_plain, value.values()))
        case _:
            return False


def _names(tree: dict[str, Any], section: str) -> frozenset[str]:
    entries = tree.get(section)
    return frozenset(entries) if isinstance(entries, dict) else frozenset()
