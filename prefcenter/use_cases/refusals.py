"""What is wrong with a request, item by item: nothing of it is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ItemError:
    """`field` in the words of the request; `message` says what is wrong and what to do."""

    index: int
    field: str
    message: str


class Refused(Exception):
    """Bad items; the whole request is refused."""

    def __init__(self, errors: Sequence[ItemError]) -> None:
        super().__init__("; ".join(f"[{e.index}] {e.field}: {e.message}" for e in errors))
        self.errors = errors


class Conflict(Exception):
    """The request names two different people as one."""


class NotPermitted(Exception):
    """The API key lacks a scope; the message names it."""
