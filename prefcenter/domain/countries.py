"""Names that a row of the regimes may have, and countries of people: ISO 3166; rows have two of our own."""

from __future__ import annotations

import re

from prefcenter.domain.regimes import STRICT

#: The row that the countries of EU and EEA stand on.
EU = "EU"

#: ISO 3166-1 alpha-2, and XK (user-assigned, but in general use for Kosovo).
COUNTRIES = frozenset(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT
    BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH
    ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT
    HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS
    LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI
    NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG
    SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG
    UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW
    """.split()
)
_REGION = re.compile(r"[A-Z0-9]{1,3}")
#: What ISO 3166-1 leaves to whoever uses it: somewhere that is not known, or not said.
_USER_ASSIGNED = re.compile(r"AA|Q[M-Z]|X[A-Z]|ZZ")
#: In use elsewhere, but not in ISO 3166.
_OTHERWISE = {"UK": "GB", "EL": "GR"}


def country_of(name: str) -> str:
    """The country of a region (`US` of `US-CA`); of a country itself."""
    return name.partition("-")[0]


def wrong_name(name: str) -> str | None:
    """What is wrong with the name of a row, with the remedy; None: nothing."""
    if _is_somewhere(name) or name in (EU, STRICT):
        return None
    better = _OTHERWISE.get(country_of(name).upper()) or (
        name.upper() if name.upper() in (EU, STRICT) else _in_capitals(name)
    )
    hint = f"; did you mean {better!r}?" if better else ""
    return (
        f"{name!r} is no country of ISO 3166, such as FR, nor a region, such as US-CA, nor EU or STRICT{hint}"
    )


def wrong_country(name: str) -> str | None:
    """What is wrong with the country of a person, with the remedy and without the value; None: nothing.

    The user-assigned codes of ISO 3166-1, such as XX, are taken: the country is not known.
    """
    if _is_somewhere(name) or _USER_ASSIGNED.fullmatch(name):
        return None
    better = _OTHERWISE.get(country_of(name).upper()) or _in_capitals(name)
    hint = f"; did you mean {better}?" if better else ""
    return (
        "must be an ISO 3166-1 alpha-2 code such as DE, or with a region such as US-CA; XX or nothing"
        f" where it is not known{hint}"
    )


def _is_somewhere(name: str) -> bool:
    country, dash, region = name.partition("-")
    return country in COUNTRIES and (not dash or _REGION.fullmatch(region) is not None)


def _in_capitals(name: str) -> str | None:
    upper = name.upper()
    return upper if upper != name and _is_somewhere(upper) else None
