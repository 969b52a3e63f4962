"""docs/regimes.md is what the data says, says what it is, and teaches by an example that works."""

from __future__ import annotations

import re
from pathlib import Path

from prefcenter.catalog import parse
from prefcenter.catalog.regimes import shipped_regimes
from prefcenter.catalog.regimes_page import regimes_page
from prefcenter.domain.regime_rows import effective
from prefcenter.domain.regimes import Mode

PAGE = Path(__file__).parent.parent / "docs" / "regimes.md"
CONTROLLER = '[controller]\nname = "A"\npostal_address = "B"\nemail = "c@example.com"\n'


def test_the_committed_page_is_made_from_the_data() -> None:
    again = "run: .venv/bin/python -m prefcenter.catalog.regimes_page > docs/regimes.md"
    assert PAGE.read_text(encoding="utf-8") == regimes_page(), again


def test_the_page_says_that_it_is_not_legal_advice() -> None:
    assert "engineering defaults, not legal advice" in regimes_page()


def test_every_row_and_every_source_is_on_the_page() -> None:
    page = regimes_page()
    for row in shipped_regimes().values():
        assert f"`{row.name}`" in page and row.title in page
        for held in row.values.values():
            assert held.source in page and (held.note or "") in page


def test_the_pages_example_can_be_put_into_the_file() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", regimes_page(), re.DOTALL)
    regimes = effective(shipped_regimes(), parse(CONTROLLER + example).regimes)
    assert regimes.of("FR").expires == 24
    assert regimes.of("GB").cell("email", "corporate").mode is Mode.OPT_OUT
    assert regimes.of("DE").cell("email", None).soft_opt_in == {"customer": 24}
