"""Statements for both databases, and what a transaction offers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

#: Statements are written with `$1`, for both databases.
PARAMETER = re.compile(r"\$(\d+)")

Row = Sequence[Any]


class StorageUnavailable(Exception):
    """The database cannot be reached or cannot commit now. Nothing was acknowledged; try again."""


@dataclass(frozen=True, slots=True)
class Statement:
    """The same statement for both databases. `adds`: the table and columns of one that only adds rows."""

    postgres: str
    sqlite: str
    adds: tuple[str, tuple[str, ...]] | None = None


def insert(table: str, columns: dict[str, str], on_conflict: str = "") -> Statement:
    """A set-based INSERT; `columns` maps names to PostgreSQL types."""
    names = ", ".join(f'"{name}"' for name in columns)
    arrays = ", ".join(f"${i}::{kind}[]" for i, kind in enumerate(columns.values(), 1))
    marks = ", ".join("?" for _ in columns)
    return Statement(
        postgres=f'INSERT INTO "{table}" ({names}) SELECT * FROM unnest({arrays}) {on_conflict}',
        sqlite=f'INSERT INTO "{table}" ({names}) VALUES ({marks}) {on_conflict}',
        adds=None if on_conflict else (table, tuple(columns)),
    )


class Tx(Protocol):
    """A transaction, or a reader."""

    async def fetch(self, sql: str, *args: Any) -> Sequence[Row]:
        """Rows of a statement with `$1` parameters."""

    async def among(self, sql: str, kind: str, keys: Iterable[Any]) -> Sequence[Row]:
        """Rows of a statement whose `{keys}` stands for the given set; `kind` is its PostgreSQL type."""

    async def many(self, statement: Statement, rows: Sequence[Row]) -> None:
        """Run a statement for a set of rows."""

    async def together(self, work: Sequence[tuple[Statement, Sequence[Row]]]) -> None:
        """Run statements that do not depend on each other, in one round trip where there are any."""
