"""On which line each key of a TOML text stands; tomllib does not say, and errors should."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

KeyPath = tuple[str, ...]

_PIECE = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?!")'
    r"|'''.*?'''(?!')"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*|[\[{]|[\]}]|=|\n|[^\"'\#\[\]{}=\n]+",
    re.DOTALL,
)


def line_numbers(text: str) -> dict[KeyPath, int]:
    """The line of every section and key, counted from 1; what stands inside a value has no entry."""
    written: dict[KeyPath, int] = {}
    implied: dict[KeyPath, int] = {}
    section: KeyPath = ()
    for line, head in _statements(text):
        if head.startswith("["):
            section = path = _path(head)
        else:
            path = section + _path(f"{head} = 0")
        written.setdefault(path, line)
        for length in range(1, len(path)):
            implied.setdefault(path[:length], line)
    return implied | written


def section_at(text: str, line: int) -> str:
    """The header that `line` stands under, as written; empty above the first."""
    headers = [head for number, head in _statements(text) if number <= line and head.startswith("[")]
    return headers[-1] if headers else ""


def dotted(path: KeyPath) -> str:
    """A path as a TOML header writes it."""
    return ".".join(key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else repr(key) for key in path)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Line and head (the header, or what stands before the first `=`) of each statement."""
    line, start, depth, head, in_value = 1, 1, 0, "", False
    for piece in (match[0] for match in _PIECE.finditer(text.replace("\r\n", "\n") + "\n")):
        if piece == "\n" and depth == 0:
            if head.strip():
                yield start, head.strip()
            start, head, in_value = line + 1, "", False
        elif piece in "[{":
            depth += 1
        elif piece in "]}":
            depth = max(0, depth - 1)
        elif piece == "=" and depth == 0:
            in_value = True
        if not in_value and piece != "\n" and not piece.startswith("#"):
            head += piece
        line += piece.count("\n")


def _path(statement: str) -> KeyPath:
    """The path of a one-key statement, read by tomllib itself so that quoting cannot differ."""
    try:
        here: Any = tomllib.loads(statement)
    except ValueError:
        return ()
    path: list[str] = []
    while isinstance(here, list | Mapping) and here:
        if isinstance(here, list):
            here = here[0]
            continue
        key, here = next(iter(here.items()))
        path.append(key)
    return tuple(path)
