"""R15 and R35: cookie answers never become a choice about marketing, and sensitive data does not get in."""

from __future__ import annotations

from pathlib import Path

import pytest

from prefcenter.tables.errors import TableError
from prefcenter.tables.own import COLUMNS
from prefcenter.tables.refused import SENSITIVE, refuse_columns
from prefcenter.tables.vendors import VENDORS
from tests.tables.reading import DECLARED, imported, written

BANNERS = [
    "email,action,purpose,TCString",
    "email,country,euconsent-v2",
    "email,country,gdprApplies,tcString",
    "email,country,gpp_string",
    "email,country,us_privacy",
    "email,country,OptanonConsent",
    "email,country,Cookie categories",
    "email,country,marketing_cookies",
    "email,country,Necessary,Preferences,Statistics,Marketing",
    "email,country,functional_consent,analytics_consent,marketing_consent",
]


@pytest.mark.parametrize("header", BANNERS)
@pytest.mark.parametrize("stop", [False, True])
def test_an_export_of_a_cookie_banner_is_refused(header: str, stop: bool, tmp_path: Path) -> None:
    with pytest.raises(TableError, match="cookie banner's answers are no choice about marketing"):
        imported(written(tmp_path, f"{header}\n"), purpose="newsletter", declaration=DECLARED, stop=stop)


SENSITIVE_COLUMNS = [
    "Religion",
    "Health status",
    "health_status",
    "healthStatus",
    "Ethnicity",
    "Race/Ethnicity",
    "political-views",
    "Trade union member",
    "biometric_id",
    "Sexual orientation",
    "SSN",
    "Gesundheit",
    "Gender Identity",
]


@pytest.mark.parametrize("column", SENSITIVE_COLUMNS)
@pytest.mark.parametrize("stop", [False, True])
def test_a_column_of_sensitive_data_is_refused_by_name(column: str, stop: bool, tmp_path: Path) -> None:
    path = written(tmp_path, f"email,action,{column}\nada@example.com,withdraw,x\n")
    with pytest.raises(TableError) as refused:
        imported(path, stop=stop)
    assert column in str(refused.value)
    assert "drop it from the file" in str(refused.value)


def test_a_field_of_sensitive_data_is_refused_wherever_it_comes_up(tmp_path: Path) -> None:
    good = '{"email": "ada@example.com", "action": "withdraw"}\n'
    bad = '{"email": "ada@example.com", "religion": "x"}\n'
    with pytest.raises(TableError, match=r"line 3: sensitive data .*: religion;"):
        imported(written(tmp_path, good + good + bad + good))
    with pytest.raises(TableError, match=r"line 1: a cookie banner"):
        imported(written(tmp_path, '{"email": "ada@example.com", "tcString": "CP"}\n'))


def test_no_column_that_is_read_is_refused() -> None:
    refuse_columns("own", COLUMNS)
    for form in VENDORS:
        for columns in (form.email, *form.needs, *form.evidence.values(), *form.facts.values()):
            refuse_columns(form.name, columns)


def test_words_that_only_look_alike_are_fine() -> None:
    refuse_columns(
        "x", ["trace", "reunion", "Facebook", "Marketing contact status", "healthy?", "performance"]
    )
    assert len(SENSITIVE) == len(set(SENSITIVE))
