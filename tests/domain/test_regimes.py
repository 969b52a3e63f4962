"""The shipped regimes: who has a row, what it may rest on, and how it is found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

import pytest

from prefcenter.catalog.regimes import shipped_regimes
from prefcenter.domain.regime_rows import effective
from prefcenter.domain.regime_sources import Sourced
from prefcenter.domain.regime_values import Place
from prefcenter.domain.regimes import CONSENT_ONLY, STRICT, Cell, Mode, Regime, add_months

ROWS = shipped_regimes()
REGIMES = effective(ROWS)
EU_AND_EEA = (
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK IS LI NO".split()
)
GPC_STATES = "CA CO CT DE MD MN MT NE NH NJ OR TX".split()
VALUES = {
    f"{row.name}.{'.'.join(place)}": (place, held)
    for row in ROWS.values()
    for place, held in row.values.items()
}
UNVERIFIED = {name: one for name, one in VALUES.items() if one[1].confidence == "K"}
SOFT = ("soft_opt_in", "implied")


def no_longer(kinds: Mapping[str, int | None], most: Mapping[str, int | None]) -> bool:
    """Whether each kind stands in for a yes there too, and for as long at least."""
    return all(
        kind in most and (most[kind] is None or (months is not None and months <= (most[kind] or 0)))
        for kind, months in kinds.items()
    )


@pytest.mark.parametrize("country", EU_AND_EEA)
def test_every_country_of_eu_and_eea_has_a_row_that_stands_on_the_eu_base(country: str) -> None:
    assert ROWS[country].base == "EU"
    assert REGIMES.of(country).name == country
    assert REGIMES.of(country).cell("email", None).mode is Mode.OPT_IN


@pytest.mark.parametrize("state", GPC_STATES)
def test_the_states_that_ask_for_gpc_have_rows_and_keep_the_countrys_rule_for_email(state: str) -> None:
    regime = REGIMES.of(f"US-{state}")
    assert regime.name == f"US-{state}"
    assert regime.processing is Mode.OPT_OUT
    assert regime.cell("email", None) == REGIMES.of("US").cell("email", None)


@pytest.mark.parametrize(("place", "held"), VALUES.values(), ids=VALUES)
def test_every_value_says_where_when_and_how_it_was_checked(place: Place, held: Sourced) -> None:
    assert held.source and held.confidence in ("P", "S", "K")
    assert date(2026, 1, 1) < held.checked < date(2027, 1, 1)


@pytest.mark.parametrize(("place", "held"), UNVERIFIED.values(), ids=UNVERIFIED)
def test_no_unverified_value_is_laxer_than_consent_only_or_the_eu_base(place: Place, held: Sourced) -> None:
    key, eu = place[-1], REGIMES.rows["EU"]
    base = eu.cell(place[1], None) if len(place) > 1 else CONSENT_ONLY
    strict = {
        "mode": lambda: held.value is Mode.OPT_IN or base.mode is held.value,
        "soft_opt_in": lambda: no_longer(held.value, base.soft_opt_in),
        "implied": lambda: no_longer(held.value, base.implied),
        "processing": lambda: held.value is Mode.OPT_IN,
        "double_opt_in": lambda: held.value is True,
        "expires": lambda: held.value is not None,
        "review_due": lambda: held.value is not None and held.value <= (eu.review_due or 0),
        "digital_age": lambda: held.value >= eu.digital_age,
        "honour_within": lambda: held.value == "24 hours",
    }
    assert strict[key]()
    assert held.note, "an unverified value says what was not taken"


def test_what_stands_in_for_a_yes_without_a_source_that_was_read_is_nowhere() -> None:
    lax = [(row.name, *place) for row in ROWS.values() for place in row.values if place[-1] in SOFT]
    assert {ROWS[name].values[tuple(place)].confidence for name, *place in lax} <= {"P", "S"}
    assert {name for name, *_ in lax} == {"EU", "DE", "FR", "GB", "CH", "CA", "AU", "JP"}
    assert {name for name, regime in REGIMES.rows.items() if regime.processing is Mode.OPT_OUT} == {
        "US",
        *(f"US-{state}" for state in GPC_STATES),
    }


def test_the_soft_opt_in_names_its_relationships() -> None:
    soft = {name: dict(REGIMES.of(name).cell("email", None).soft_opt_in) for name in REGIMES.rows}
    assert soft["EU"] == soft["IT"] == {"customer": None, "client_user": None}
    assert soft["DE"] == soft["FR"] == soft["CH"] == {"customer": None}
    assert soft["GB"] == {"customer": None, "donor": None}
    assert soft["NZ"] == soft["BR"] == soft["IL"] == soft["KR"] == soft["SG"] == soft[STRICT] == {}


def test_british_donors_count_from_the_day_of_the_law_and_companies_not_at_all() -> None:
    email = REGIMES.of("GB").cell("email", "individual")
    assert email.soft_since == {"donor": datetime(2026, 2, 5, tzinfo=UTC)}
    assert REGIMES.of("GB").cell("email", "corporate") == CONSENT_ONLY


def test_canada_implies_consent_by_months_for_email_and_text_messages() -> None:
    for channel in ("email", "sms"):
        implied = REGIMES.of("CA").cell(channel, None).implied
        assert implied == {"customer": 24, "inquiry": 6, "donor": 24, "member": 24}


def test_where_only_an_ongoing_relationship_counts_no_month_is_added() -> None:
    assert REGIMES.of("AU").cell("email", None).implied == {"customer": 0}
    assert REGIMES.of("JP").cell("email", None).implied == {"customer": 0}


def test_other_channels_have_cells_where_a_source_names_them() -> None:
    def mode(country: str, channel: str) -> Mode:
        return REGIMES.of(country).cells[channel, None].mode

    assert mode("US", "email") is Mode.OPT_OUT
    assert mode("US", "sms") is mode("GB", "sms") is Mode.OPT_IN
    assert mode("DE", "phone") is mode("FR", "phone") is Mode.OPT_IN
    assert mode("EU", "post") is mode("DE", "post") is Mode.OPT_OUT
    assert REGIMES.of("US").cell("post", None) == REGIMES.of("GB").cell("post", None) == CONSENT_ONLY


def test_ending_flagging_and_reminding_are_three_things() -> None:
    def lasting(country: str) -> tuple[int | None, int | None, int | None]:
        row = REGIMES.of(country)
        return row.expires, row.review_due, row.remind_every

    assert lasting("FR") == (36, 24, None)
    assert lasting("DE") == (None, 18, None)
    assert lasting("EU") == lasting(STRICT) == (None, 24, None)
    assert lasting("KR") == (24, None, None)
    assert lasting("CA") == lasting("US") == (None, None, None)


@pytest.mark.parametrize("country", [None, "", "XX", "ZA", "ZA-GP", "de"])
def test_whoever_lives_nowhere_that_is_known_has_the_strict_row(country: str | None) -> None:
    strict = REGIMES.of(country)
    assert strict.name == STRICT
    assert strict.double_opt_in and strict.processing is Mode.OPT_IN and strict.digital_age == 16
    assert list(strict.cells.values()) == [CONSENT_ONLY]


def test_a_region_without_a_row_has_its_countrys() -> None:
    assert REGIMES.of("US-NV").name == "US"
    assert REGIMES.of("DE-BY").name == "DE"


def test_a_cell_for_one_subscriber_stands_before_that_for_all() -> None:
    lax = Cell(mode=Mode.OPT_OUT)
    regime = Regime(name="XX", cells={("email", "corporate"): lax, ("sms", None): lax})
    assert regime.cell("email", "corporate") == regime.cell("sms", "corporate") == lax
    assert regime.cell("email", None) == regime.cell("email", "individual") == CONSENT_ONLY
    assert regime.cell("post", None) == CONSENT_ONLY


@pytest.mark.parametrize(
    ("band", "minor_at_16", "minor_at_13"),
    [
        ("under_13", True, True),
        ("13_15", True, False),
        ("16_17", False, False),
        ("adult", False, False),
        ("unknown", False, False),
        (None, False, False),
    ],
)
def test_a_band_that_reaches_below_the_digital_age_is_a_minors(band, minor_at_16, minor_at_13) -> None:
    assert Regime(name="XX").is_minor(band) is minor_at_16
    assert Regime(name="XX", digital_age=13).is_minor(band) is minor_at_13
    assert Regime(name="XX", digital_age=14).is_minor("13_15")


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2024-02-29", 24, "2026-02-28"),
        ("2026-08-31", 6, "2027-02-28"),
        ("2026-12-31", 2, "2027-02-28"),
        ("2026-12-01", 1, "2027-01-01"),
        ("2026-11-30", 36, "2029-11-30"),
        ("2026-05-31", 0, "2026-05-31"),
    ],
)
def test_months_are_counted_by_the_calendar_to_the_last_day_there_is(
    day: str, months: int, later: str
) -> None:
    clock = "T23:59:59.999999+00:00"
    assert add_months(datetime.fromisoformat(day + clock), months) == datetime.fromisoformat(later + clock)
