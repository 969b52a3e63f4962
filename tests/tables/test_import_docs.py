"""docs/import.md names every format, column and action."""

from __future__ import annotations

from pathlib import Path

import pytest

from prefcenter.tables.own import COLUMNS
from prefcenter.tables.recognising import FORMATS, IGNORED

PAGE = (Path(__file__).parent.parent.parent / "docs/import.md").read_text()


@pytest.mark.parametrize("name", [*FORMATS, *COLUMNS])
def test_every_format_and_every_column_is_documented(name: str) -> None:
    assert f"| `{name}` |" in PAGE


def test_the_columns_of_a_reject_file_are_documented() -> None:
    assert all(f"`{name}`" in PAGE for name in IGNORED)
