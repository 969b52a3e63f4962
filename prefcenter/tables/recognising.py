"""Which format a table has, by the names of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from prefcenter.tables.errors import TableError, shown
from prefcenter.tables.formats import Format
from prefcenter.tables.own import COLUMNS, OWN, STOP_LIST
from prefcenter.tables.refused import refuse_columns
from prefcenter.tables.streams import Table
from prefcenter.tables.vendors import VENDORS

#: The own format comes last: an export has columns of its own that tell it apart.
FORMATS = {each.name: each for each in (*VENDORS, OWN)}

#: The columns of a reject file that tell about a row; the others are the row.
IGNORED = ("rejected_line", "rejected_reason")


def recognise(table: Table, name: str | None = None, *, stop: bool = False) -> Format:
    """The format of a table; `name` forces one, `stop` takes it for a list of addresses to stop.

    Raises TableError for an unknown header, and for columns that no import may bring: sensitive data, and
    the answers of cookie banners.
    """
    names = [name for name in column_names(table.header) if name not in IGNORED]
    refuse_columns(table.name, table.header)
    if stop:
        return _checked(table, STOP_LIST, names) if len(names) > 1 else STOP_LIST
    if name is not None:
        if name not in FORMATS:
            raise _no_format(name)
        return _checked(table, FORMATS[name], names)
    fitting = [each for each in FORMATS.values() if _missing(each, names) is None]
    file = Path(table.name).name.casefold()
    told = [each for each in fitting if not each.named or each.named in file]
    if told:
        return told[0]
    if fitting:
        either = " or ".join(each.name for each in fitting)
        raise TableError(f"{table.name}: its columns fit {either}; say which with --format")
    raise _unknown(table)


def column_names(header: Sequence[str]) -> list[str]:
    """As formats spell them: lower case, single spaces."""
    return [" ".join(cell.split()).casefold() for cell in header]


def _missing(wanted: Format, names: Sequence[str]) -> tuple[str, ...] | None:
    """A group of columns that the header has none of; () if it has others than those of an `only` format."""
    for group in wanted.needs:
        if not any(name in names for name in group):
            return group
    known = {name for group in wanted.needs for name in group}
    return () if wanted.only and not known.issuperset(names) else None


def _checked(table: Table, wanted: Format, names: Sequence[str]) -> Format:
    missing = _missing(wanted, names)
    if missing:
        needs = " or ".join(f"'{column}'" for column in missing)
        raise TableError(
            f"{table.name}: {wanted.title} needs a column {needs}; it has: {shown(table.header)}"
        )
    return wanted


def _unknown(table: Table) -> TableError:
    if column_names(table.header) == ["email"]:
        why = "is nothing but addresses: --stop makes each a stop; a yes needs to say to what, when and how"
        return TableError(f"{table.name}: {why}")
    lines = (
        f"{table.name}: not a format that is known; it has: {shown(table.header)}",
        f"prefcenter's own needs 'email' and some of: {', '.join(COLUMNS[1:])}",
        f"the nearest is {_nearest(column_names(table.header))}",
        f"rename the columns, or force a format with --format (docs/import.md): {', '.join(FORMATS)}",
    )
    return TableError("\n".join(lines))


def _no_format(name: str) -> TableError:
    near = get_close_matches(name, FORMATS, n=1)
    meant = f"did you mean '{near[0]}'? it takes" if near else "it takes"
    return TableError(f"--format: no format '{name}'; {meant}: {', '.join(FORMATS)}")


def _nearest(names: Sequence[str]) -> str:
    """The format that lacks the smallest part of what it needs, and what that is."""

    def lacks(each: Format) -> list[tuple[str, ...]]:
        return [group for group in each.needs if not any(name in names for name in group)]

    by_columns = [each for each in FORMATS.values() if not each.named]
    near = min(by_columns, key=lambda each: len(lacks(each)) / len(each.needs))
    wanted = ", ".join(f"'{group[0]}'" for group in lacks(near))
    return f"{near.name}, which needs {wanted} too" if wanted else f"{near.name}, which has no other columns"
