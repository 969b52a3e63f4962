"""docs/providers: the table is what the adapters say, and each provider has a page with the same sections."""

import re
from pathlib import Path

import pytest

from email_hooks import PROVIDERS
from email_hooks.matrix import matrix_page

ROOT = Path(__file__).parent.parent.parent
PAGES = ROOT / "docs" / "providers"
ADDING = (ROOT / "docs" / "adding-a-provider.md").read_text(encoding="utf-8")
SECTIONS = ["Set up", "In", "Out", "What it cannot do", "Not confirmed", "Try it"]


def test_the_committed_table_is_made_from_the_adapters():
    again = "run: .venv/bin/python -m email_hooks.matrix > docs/providers/README.md"
    assert (PAGES / "README.md").read_text(encoding="utf-8") == matrix_page(), again


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_every_provider_has_its_page_with_an_example_and_each_kind_of_its_scopes(name):
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)", page, re.MULTILINE) == SECTIONS
    assert f'provider = "{name}"' in page
    assert "**List-Unsubscribe.**" in page
    for kind in PROVIDERS[name].capabilities.stops:
        assert f"`{kind}:" in page or f"`{kind}`" in page


def test_no_page_is_of_a_provider_that_does_not_exist():
    assert {page.stem for page in PAGES.glob("*.md")} == {*PROVIDERS, "README"}


def test_what_the_page_for_new_providers_names_is_there():
    named = re.findall(r"`(email_hooks/[\w/]+\.py): (\w+)`", ADDING)
    assert len(named) > 10
    for file, name in named:
        assert re.search(rf"^(def|class) {name}\b", (ROOT / file).read_text(), re.MULTILINE), (file, name)
