"""Columns that no import may bring: sensitive data, and the answers of cookie banners."""

from __future__ import annotations

import re
from collections.abc import Sequence

from prefcenter.tables.errors import TableError, shown

#: GDPR Art. 9 and 10, and what California calls sensitive, as words of column names: English, then German,
#: French and Spanish where they differ. Where words must stand side by side, a space joins them.
SENSITIVE = (
    "religion religions religious faith belief beliefs church konfession glaube croyance religión".split()
    + "health medical medication diagnosis diagnoses disability disabilities disabled illness disease".split()
    + "gesundheit krankheit behinderung santé maladie handicap salud enfermedad discapacidad".split()
    + "race races racial ethnic ethnicity ethnicities caste ethnie ethnisch raza etnia".split()
    + "political politics politisch politik politique política partei".split()
    + "union unions gewerkschaft syndicat sindicato".split()
    + "biometric biometrics fingerprint faceprint genetic genetics genome dna biometrie génétique".split()
    + "sexual sexuality sexualität sexualité sexualidad lgbt lgbtq lgbtqia hiv pregnant pregnancy".split()
    + "criminal conviction convictions vorstrafe vorstrafen ssn".split()
    + ["sex life", "social security", "gender identity", "immigration status", "citizenship status"]
)
#: What consent platforms call their columns (IAB TCF and GPP, OneTrust, Cookiebot, Usercentrics…), without
#: anything but letters and digits.
COOKIE_COLUMNS = frozenset(
    "tcstring tcfstring tcfconsent tcfversion tcdata euconsent euconsentv2 consentstring gdprapplies".split()
    + "gppstring gppsid usprivacy ccpastring addtlconsent acstring".split()
    + "cmpid cmpversion cmpprovider vendorlistversion vendorconsents purposeconsents".split()
    + "vendorlegitimateinterests purposelegitimateinterests specialfeatureoptins".split()
    + "optanonconsent optanonalertboxclosed usercentricssettingsid".split()
)
#: Names of cookie classes; an export of a banner has several of them side by side.
_COOKIE_CLASSES = frozenset(
    "necessary strictlynecessary functional functionality performance preferences statistics".split()
    + "statistical analytics marketing targeting advertising unclassified".split()
)
_SEVERAL = 3

_WORD = re.compile(r"[^\W\d_]+")
_CAMEL = re.compile(r"(?<=[a-zß-ÿ])(?=[A-Z])")


def refuse_columns(name: str, columns: Sequence[str]) -> None:
    """Raises TableError if a column is of sensitive data or of a cookie banner; `name` begins the message."""
    if found := [column for column in columns if _is_sensitive(column)]:
        why = "sensitive data has no place in a preference center"
        raise TableError(
            f"{name}: {why}: {shown(found)}; drop it from the file (or rename it, if it is none)"
        )
    if found := _of_a_banner(columns):
        why = "a cookie banner's answers are no choice about marketing"
        raise TableError(
            f"{name}: {why}: {shown(found)}; leave them out (or rename the columns, if they are none)"
        )


def _is_sensitive(column: str) -> bool:
    words = f" {' '.join(_WORD.findall(_CAMEL.sub(' ', column))).casefold()} "
    return any(f" {word} " in words for word in SENSITIVE)


def _of_a_banner(columns: Sequence[str]) -> list[str]:
    plain = {column: "".join(_WORD.findall(column)).casefold() for column in columns}
    digits = {column: re.sub(r"[\W_]", "", column).casefold() for column in columns}
    told = [c for c in columns if digits[c] in COOKIE_COLUMNS or "cookie" in plain[c]]
    classes = [c for c in columns if plain[c].removesuffix("consent") in _COOKIE_CLASSES]
    return told or (classes if len(classes) >= _SEVERAL else [])
