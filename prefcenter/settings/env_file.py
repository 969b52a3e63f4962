"""Reads a `.env` file: KEY=VALUE lines, quotes, comments; nothing is interpolated or executed."""

from __future__ import annotations

import re
from pathlib import Path

_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)", re.DOTALL)
_SINGLE_QUOTED = re.compile(r"'([^']*)'\s*(?:#.*)?")
_DOUBLE_QUOTED = re.compile(r'"((?:\\.|[^"\\])*)"\s*(?:#.*)?')
_COMMENT = re.compile(r"(?:^|\s)#.*")
_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\", "$": "$"}


def read_env_file(path: Path) -> tuple[dict[str, str], list[str]]:
    """The values of the file and what is wrong with it, no value quoted; a missing file is empty."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}, []
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        return {}, [f"{path.name}: cannot be read ({why}); make it a UTF-8 text file this user may read"]
    return parse_env(text, name=path.name)


def parse_env(text: str, *, name: str = ".env") -> tuple[dict[str, str], list[str]]:
    """As `read_env_file`, for a text; `name` is what the problems call it."""
    values: dict[str, str] = {}
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        assignment = _ASSIGNMENT.fullmatch(line)
        value = _value(assignment[2]) if assignment else None
        if assignment is None or value is None:
            problems.append(f'{name} line {number}: not understood; write KEY=value or KEY="value"')
        elif assignment[1] in values:
            problems.append(f"{name} line {number}: {assignment[1]} is set a second time; keep one line")
        else:
            values[assignment[1]] = value
    return values, problems


def _value(raw: str) -> str | None:
    """The value as meant, None when its quotes do not close."""
    if raw.startswith("'"):
        quoted = _SINGLE_QUOTED.fullmatch(raw)
        return quoted[1] if quoted else None
    if raw.startswith('"'):
        quoted = _DOUBLE_QUOTED.fullmatch(raw)
        return re.sub(r"\\(.)", _unescape, quoted[1]) if quoted else None
    return _COMMENT.sub("", raw).strip()


def _unescape(escape: re.Match[str]) -> str:
    return _ESCAPES.get(escape[1], escape[0])
