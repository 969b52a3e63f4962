"""What may stand in each section of `prefcenter.toml`, as data, and how a section is checked against it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import Annotated, Any

import msgspec

from prefcenter.catalog.toml_lines import KeyPath, dotted, line_numbers
from prefcenter.domain.purposes import Basis, Channel, Kind
from prefcenter.domain.words import unknown

CATEGORIES = ("receipt", "security", "account", "delivery", "legal", "outage")
PROOFS = ("confirmed", "signed_in", "attested", "link", "imported")
NOTICE_CHANGES = ("minor", "required_by_law", "substantial")

#: Keys of purposes, recipients and connections: they travel in URLs, headers and the ledger.
KEY = re.compile(r"[a-z][a-z0-9-]{0,47}")
#: The tags of translations: a language, perhaps a script, perhaps a region (BCP 47).
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")


class Problems:
    """Collects what is wrong, each with its section and line, in the order of the file."""

    def __init__(self, text: str) -> None:
        self._lines = line_numbers(text)
        self._found: list[tuple[int, str]] = []

    def add(self, section: KeyPath, message: str, *, key: str | None = None) -> None:
        """`key` only finds the line; where it is not in the file, the section's line is named."""
        path = section if key is None else (*section, key)
        while path and path not in self._lines:
            path = path[:-1]
        line = self._lines.get(path, 1)
        place = f"[{dotted(section)}] line {line}" if section else f"line {line}"
        self._found.append((line, f"{place}: {message}"))

    @property
    def found(self) -> tuple[str, ...]:
        return tuple(message for _, message in sorted(self._found))


@dataclass(frozen=True, kw_only=True)
class Key:
    """What one key may hold. `expects` completes the sentence "… must be"."""

    type: Any
    expects: str
    required: bool = False
    choices: tuple[str, ...] = ()


# No control character or line separator: these texts go into mail headers and database columns.
_LINE = Annotated[
    str, msgspec.Meta(pattern=r"^(?=\s*\S)[^\x00-\x1f\x7f-\x9f\u2028\u2029]+\Z", max_length=200)
]
_TEXT = Annotated[str, msgspec.Meta(pattern=r"^(?=\s*\S)[^\x00-\x08\x0b-\x1f\x7f-\x9f]+\Z")]
_EMAIL = Annotated[str, msgspec.Meta(pattern=r"^[^@\s<>,;\"]+@[^@\s<>,;\"]+\Z", max_length=254)]
_URL = Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s<>\"\x00-\x1f\x7f:/?#]+[^\s<>\"\x00-\x1f\x7f]*\Z")]


def _line(*, required: bool = False) -> Key:
    return Key(type=_LINE, expects="one line of text in quotes, not empty", required=required)


def _text(*, required: bool = False) -> Key:
    return Key(type=_TEXT, expects="text in quotes, not empty", required=required)


def _email(*, required: bool = False) -> Key:
    return Key(type=_EMAIL, expects='one address, such as "privacy@example.com"', required=required)


def _one_of(choices: Iterable[str], type_: Any = None, *, required: bool = False) -> Key:
    names = tuple(map(str, choices))
    type_ = type_ or Annotated[str, msgspec.Meta(pattern=rf"^({'|'.join(names)})\Z")]
    return Key(type=type_, expects=f"one of {', '.join(names)}", choices=names, required=required)


_SWITCH = Key(type=bool, expects="true or false, without quotes")
_DAY = Key(type=date, expects="a day without quotes, such as 2026-11-01", required=True)

SECTIONS = ("controller", "notice", "purposes", "recipients", "connections", "regimes")

CONTROLLER: Mapping[str, Key] = {
    "name": _line(required=True),
    "postal_address": _text(required=True),
    "email": _email(required=True),
}
NOTICE: Mapping[str, Key] = {
    "version": _line(required=True),
    "url": Key(type=_URL, expects='a URL such as "https://example.com/privacy"', required=True),
    "published": _DAY,
    "change": _one_of(NOTICE_CHANGES, required=True),
}
TRANSLATION: Mapping[str, Key] = {"title": _line(required=True), "description": _text(required=True)}
PURPOSE: Mapping[str, Key] = {
    **TRANSLATION,
    "kind": _one_of(Kind, Kind),
    "channels": Key(
        type=Annotated[tuple[Channel, ...], msgspec.Meta(min_length=1)],
        expects=f"a list of at least one of {', '.join(Channel)}",
        choices=tuple(map(str, Channel)),
    ),
    "basis": _one_of(Basis, Basis),
    "double_opt_in": _SWITCH,
    "recipients": Key(type=tuple[_LINE, ...], expects="a list of keys of [recipients.*]"),
    "data": Key(type=tuple[_LINE, ...], expects='a list of texts, such as ["email", "name"]'),
    "similar_to_purchase": _SWITCH,
    "soft_opt_in": Key(type=dict[str, Any], expects='{ offered_since = 2026-11-01, wording = "…" }'),
    "category": _one_of(CATEGORIES),
    "why": _text(),
    "require_proof": _one_of(PROOFS),
}
SOFT_OPT_IN: Mapping[str, Key] = {"offered_since": _DAY, "wording": _text(required=True)}
RECIPIENT: Mapping[str, Key] = {
    "name": _line(required=True),
    "email": _email(),
    "connection": Key(type=_LINE, expects="a key of [connections.*]"),
}
#: Every other key of a connection is an option of its provider and kept as it stands.
CONNECTION: Mapping[str, Key] = {
    "provider": _line(required=True),
    "purposes": Key(
        type=dict[str, _LINE], expects='a table from purposes (or "*") to the provider\'s own words'
    ),
    "private": _SWITCH,
}
#: What every section of [regimes.*] needs beside the values that it sets.
REASON: Mapping[str, Key] = {"reason": _text(required=True)}


def read_section(
    problems: Problems, section: KeyPath, table: object, keys: Mapping[str, Key]
) -> dict[str, Any] | None:
    """The typed values of one section, None (and the problems) where they cannot be had."""
    if not isinstance(table, dict):
        problems.add(
            section[:-1], f"{section[-1]!r} must be a section; write [{dotted(section)}]", key=section[-1]
        )
        return None
    for name in table.keys() - keys.keys():
        problems.add(section, unknown(f"key {name!r}", name, keys), key=name)
    values: dict[str, Any] = {}
    sound = True
    for name, key in keys.items():
        if name not in table:
            if key.required:
                problems.add(section, f"{name!r} is missing; it must be {key.expects}")
                sound = False
            continue
        try:
            # A date in quotes is a text: TOML has days of its own.
            values[name] = msgspec.convert(table[name], key.type, builtin_types=(date,))
        except msgspec.ValidationError:
            problems.add(section, _wrong(name, key, table[name]), key=name)
            sound = False
        else:
            repeated = _repeated(values[name])
            if repeated:
                problems.add(section, f"{name!r} names {repeated!r} twice; keep it once", key=name)
    return values if sound else None


def _wrong(name: str, key: Key, value: object) -> str:
    """What is wrong with a value; only a word out of a closed list is quoted, the rest may be secret."""
    message = f"{name!r} must be {key.expects}"
    given = value if isinstance(value, list) else [value]
    strange = [word for word in given if isinstance(word, str) and key.choices and word not in key.choices]
    if not strange:
        return message
    near = get_close_matches(strange[0], key.choices, n=1)
    return f"{message}, not {strange[0]!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def _repeated(value: object) -> str | None:
    if not isinstance(value, tuple):
        return None
    return next((str(item) for place, item in enumerate(value) if item in value[:place]), None)
