"""What to say of a word that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """The message for a name that is not known, with the nearest one that is."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    if near:
        return f"unknown {what}; did you mean {near[0]!r}?"
    return f"unknown {what}; " + (f"known are {', '.join(names)}" if names else "none is declared")
