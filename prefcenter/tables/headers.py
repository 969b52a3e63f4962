"""The first record of a CSV: which delimiter, which columns, or none at all."""

from __future__ import annotations

import csv
from collections import Counter

from prefcenter.domain.addresses import InvalidAddress, parse_email
from prefcenter.tables.errors import TableError, shown
from prefcenter.tables.lines import Lines, Unreadable

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}


def read_header(lines: Lines, *, bare: bool) -> tuple[list[str], str, str]:
    """The column names, the delimiter, and how lines end. Raises TableError.

    `bare`: a list of addresses may have no header; then the first record comes again, as a row.
    """
    text = _first_record(lines)
    line_end = "\r\n" if text.endswith("\r\n") else "\n"
    if bare and _is_address(text):
        lines.put_back()
        return ["email"], ",", line_end
    delimiter = _delimiter(text, lines.name)
    header = _cells(text, delimiter, lines.name)
    if bare and len(header) == 1 and "@" in header[0]:
        lines.put_back()
        return ["email"], delimiter, line_end
    _check(header, lines.name)
    lines.settle()
    return header, delimiter, line_end


def _first_record(lines: Lines) -> str:
    text = ""
    try:
        for line in lines.pull():
            if not text and not line.strip("\r\n"):
                lines.settle()
                continue
            text += line
            if text.count('"') % 2 == 0:
                return text
    except Unreadable as error:
        why = f'{error}: UTF-16 without its mark, or no text? Save it as "CSV UTF-8"'
        raise TableError(f"{lines.name}, line {lines.line + 1}: {why}") from error
    if text:
        raise TableError(f"{lines.name}: the header opens a quote and never closes it")
    raise TableError(f"{lines.name}: is empty: no header, no rows")


def _delimiter(text: str, name: str) -> str:
    """The one that stands most often outside of quotes; a comma where there is none."""
    outside = "".join(text.split('"')[::2])
    counted = Counter({mark: outside.count(mark) for mark in DELIMITERS}).most_common(2)
    (first, most), (second, next_most) = counted
    if most and most == next_most:
        either = f"{DELIMITERS[first]} or {DELIMITERS[second]}"
        raise TableError(f"{name}: columns are parted by {either}? Rename the columns that hold one of them")
    return first if most else ","


def _cells(text: str, delimiter: str, name: str) -> list[str]:
    try:
        header = next(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error as error:
        if "new-line" in str(error):
            why = 'its lines end in a bare carriage return (an old Macintosh file); save it as "CSV UTF-8"'
            raise TableError(f"{name}: {why}") from error
        raise TableError(f"{name}: the header is not CSV: {error}") from error
    return header


def _check(header: list[str], name: str) -> None:
    names = [cell.strip().casefold() for cell in header]
    if not any(names):
        raise TableError(f"{name}: no header; the first line names the columns")
    if any(_is_address(cell) for cell in header):
        raise TableError(f"{name}: no header; put a first line with the names of the columns, such as: email")
    if twice := sorted({cell for cell in names if cell and names.count(cell) > 1}):
        raise TableError(f"{name}: the file has a column twice: {shown(twice)}; give each a name of its own")
    held = [word for mark, word in DELIMITERS.items() if mark in header[0]]
    if len(header) == 1 and held:
        why = f"the header is a single column, '{shown(header)}', that holds a {held[0]}"
        raise TableError(f"{name}: {why}; save it without quotes around the whole line")


def _is_address(text: str) -> bool:
    try:
        parse_email(text.strip())
    except InvalidAddress:
        return False
    return True
