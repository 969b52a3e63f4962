"""What is wrong with a table as a whole; a single bad row is no error."""

from __future__ import annotations

from collections.abc import Iterable

_MOST = 60


class TableError(Exception):
    """The file cannot be read or written. The message names it, says what is wrong and the remedy."""


def shown(columns: Iterable[str]) -> str:
    """Names of columns for a message: no more than fit a screen, and nothing that moves the cursor."""
    names = [" ".join(name.split())[:_MOST] for name in columns if name.strip()]
    clean = ["".join(char if char.isprintable() else "\ufffd" for char in name) for name in names]
    return ", ".join(clean[:_MOST] + ["…"] * (len(clean) > _MOST))
