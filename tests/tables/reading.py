"""Shortcuts: bytes as a file, and what is read from it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from prefcenter.tables.importing import (
    Bad,
    Declaration,
    Found,
    ImportOptions,
    Skipped,
    open_import,
    read_import,
)
from prefcenter.tables.recognising import recognise
from prefcenter.tables.streams import Row, open_table

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DECLARED = Declaration(wording="Yes, send me the newsletter", source="the sign-up form of example.com")


def written(folder: Path, content: str | bytes, name: str = "people.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rows_of(path: Path, start: int = 0) -> list[Row]:
    with open_table(path, start=start) as table:
        return list(table.rows)


def imported(
    path: Path,
    *,
    purpose: str | None = None,
    stop: bool = False,
    form: str | None = None,
    declaration: Declaration | None = None,
) -> list[Found | Bad | Skipped]:
    options = ImportOptions(now=NOW, purpose=purpose, declaration=declaration)
    with open_import(path, stop=stop) as table:
        return list(read_import(table, recognise(table, form, stop=stop), options))


def found_in(path: Path, **options: object) -> list[Found]:
    """Every row is good."""
    found = imported(path, **options)  # type: ignore[arg-type]
    assert not [each for each in found if not isinstance(each, Found)]
    return [each for each in found if isinstance(each, Found)]


def bad_in(path: Path, **options: object) -> list[Bad]:
    return [each for each in imported(path, **options) if isinstance(each, Bad)]  # type: ignore[arg-type]
