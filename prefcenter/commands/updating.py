"""`plan` and `apply`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from prefcenter.bootstrap import utc_now, wanted_catalog
from prefcenter.commands.database import opened
from prefcenter.commands.errors import CommandError
from prefcenter.domain.catalog_changes import What
from prefcenter.settings import Settings
from prefcenter.storage.catalogs import CannotApply
from prefcenter.use_cases.plan_catalog import Line, Plan, plan_catalog

#: The sign before each sort of change, its colour, and the word for it.
_SIGNS = {
    What.NEW: ("+", "green", "new"),
    What.REVIVED: ("+", "green", "wanted again"),
    What.MATERIAL: ("~", "yellow", "material change"),
    What.WORDING: ("~", "default", "wording"),
    What.MINOR: ("~", "default", "minor change"),
    What.RETIRED: ("-", "red", "retired"),
    What.FORBIDDEN: ("!", "bold red", "refused"),
    What.NOTICE: ("§", "cyan", "notice"),
    What.RULES: ("§", "cyan", "rules"),
}
_WIDE = 1000


async def plan(settings: Settings) -> int:
    """Print what `apply` would do; the exit code is 1 where it would refuse."""
    wanted = wanted_catalog(settings)
    async with opened(settings) as services:
        found = await plan_catalog(services, wanted, utc_now())
    console = Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)
    if found.planned.nothing_to_do and not found.lines:
        console.print(f"Nothing to do: catalog {found.planned.digest[:12]} is in force.")
        return 0
    for text in _said(found):
        console.print(text)
    if found.refused:
        console.print("\n`prefcenter apply` would refuse this; nothing has been changed.")
        return 1
    console.print("\nNothing has been changed; `prefcenter apply` does it.")
    return 0


def _said(found: Plan) -> Iterator[Text]:
    for line in found.lines:
        yield from _line(line)
    if not found.lines:
        yield Text("~ nothing that people agreed to; the rest of the file (controller, connections) changes")
    if found.touched:
        yield Text("\nTouched:", style="bold")
        yield from (Text(f"  {one}") for one in found.touched)


def _line(line: Line) -> Iterator[Text]:
    sign, colour, word = _SIGNS[line.what]
    name = f"{line.purpose}: " if line.purpose else ""
    yield Text.assemble((f"{sign} {name}{word}", colour))
    yield from (Text(f"    {detail}") for detail in line.details)
    yield from (Text(f"    → {sentence}", style="dim") for sentence in line.follows)


async def apply(settings: Settings) -> None:
    """Put prefcenter.toml in force and say what changed."""
    wanted = wanted_catalog(settings)
    async with opened(settings) as services:
        try:
            applied = await services.catalogs.apply(wanted, utc_now)
        except CannotApply as error:
            lines = [f"  {change.detail}" for change in error.changes]
            raise CommandError("\n".join(["Nothing was applied:", *lines])) from error
    if applied.nothing_to_do:
        print(f"In force already: catalog {applied.digest[:12]}.")
        return
    for change in applied.changes:
        print(f"  {change.what.value:<9} {change.detail}")
    print(f"In force: catalog {applied.digest[:12]}.")
