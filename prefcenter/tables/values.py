"""Cells as values: moments, countries, languages and the few words that facts know."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from prefcenter.domain.countries import wrong_country

FIRST_YEAR, LAST_YEAR = 1900, 2999

_ISO = re.compile(
    r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)?"
    r"(?: ?(?P<zone>[Zz]|UTC|GMT|[+-]\d\d:?\d\d)(?: (?:[A-Z]{2,5}|[+-]\d{2,4}))?)?",
    re.ASCII,
)
_SECONDS = re.compile(r"\d{9,10}", re.ASCII)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.ASCII)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
#: Codes that people write and ISO 3166 does not mean.
_COUNTRIES = {"UK": "GB", "EL": "GR"}
_YES_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class BadValue(ValueError):
    """What is wrong with a cell; never repeats it: it may be an address that slipped a column."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Reads moments, as aware UTC. `now`: nothing that has happened is later. `zoneless`: a time without a
    zone is taken for UTC."""

    now: datetime
    zoneless: bool

    def moment(self, text: str) -> datetime:
        """ISO 8601 with a zone, as tools write it (Go's too), or Unix seconds. Raises BadValue."""
        if _SECONDS.fullmatch(text):
            return self._past(datetime.fromtimestamp(int(text), UTC))
        found = _ISO.fullmatch(text)
        if not found:
            raise BadValue("must be a time like 2026-03-01T10:00:00Z")
        zone = found["zone"]
        if zone is None and not self.zoneless:
            raise BadValue("needs a time zone, as in 2026-03-01T10:00:00Z")
        return self._past(_parsed(text if zone is None else text[: found.start("zone")], zone))

    def _past(self, moment: datetime) -> datetime:
        if moment > self.now:
            raise BadValue("is in the future")
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise BadValue(f"must be in the years {FIRST_YEAR} to {LAST_YEAR}")
        return moment


def _parsed(text: str, zone: str | None) -> datetime:
    offset = "+00:00" if zone is None or not zone.startswith(("+", "-")) else zone
    if len(text.rstrip()) == len("2026-03-01"):
        text = f"{text.rstrip()}T00:00"
    try:
        return datetime.fromisoformat(text.rstrip().upper() + offset).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadValue("is no time of the calendar") from error


def country(text: str) -> str:
    code = text.upper().replace("_", "-")
    code = _COUNTRIES.get(code, code)
    if wrong := wrong_country(code):
        raise BadValue(wrong)
    return code


def language(text: str) -> str:
    tag = text.replace("_", "-")
    if len(tag) > 35 or not _LANGUAGE.fullmatch(tag):
        raise BadValue("must be a language tag, like de or pt-BR")
    return tag


def yes_or_no(text: str) -> bool:
    try:
        return _YES_NO[text.casefold()]
    except KeyError as error:
        raise BadValue("must be true or false") from error


def one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.casefold() not in words:
            raise BadValue(f"must be one of {', '.join(words)}")
        return text.casefold()

    return read


def text_of(longest: int) -> Callable[[str], str]:
    """People's words, in several lines if need be."""

    def read(text: str) -> str:
        if len(text) > longest:
            raise BadValue(f"must have at most {longest} characters")
        return text if text.isprintable() else _clean(text)

    return read


def _clean(text: str) -> str:
    if _CONTROL.search(text):
        raise BadValue("holds a control character")
    return text


def identifier(text: str) -> str:
    if len(text) > 255:
        raise BadValue("must have at most 255 characters")
    if _CONTROL.search(text) or any(mark in text for mark in "\t\r\n"):
        raise BadValue("holds a control character")
    return text


def purpose(text: str) -> str:
    if not re.fullmatch(r"\*|[a-z][a-z0-9-]{0,47}", text):
        raise BadValue("must be the key of a purpose, or *")
    return text


Read = Callable[[str], object]
_KINDS = ("customer", "client_user", "inquiry", "negotiation", "member", "donor")


def fact_readers(clock: Clock) -> dict[str, Read]:
    """How each fact is read: the vocabulary of the API's `SubjectIn`, with its parts side by side."""
    return {
        "country": country,
        "region": identifier,
        "language": language,
        "age_band": one_of("under_13", "13_15", "16_17", "adult", "unknown"),
        "subscriber": one_of("individual", "corporate"),
        "relationship_kind": one_of(*_KINDS),
        "relationship_since": clock.moment,
        "relationship_last_at": clock.moment,
        "relationship_ended_at": clock.moment,
        "relationship_ongoing": yes_or_no,
        "opt_out_offered_at": clock.moment,
        "opt_out_wording": text_of(4000),
        "last_contact_at": clock.moment,
    }


_LENGTHS = {"wording": 4000, "ip": 45, "optin_ip": 45, "confirm_ip": 45, "sending_ip": 45}


def evidence_reader(name: str, clock: Clock) -> Read:
    """How a piece of evidence is read; it is kept as text, times in RFC 3339."""
    if name.endswith("_time"):
        return lambda text: clock.moment(text).isoformat().replace("+00:00", "Z")
    return text_of(_LENGTHS.get(name, 500))
