"""`apply`."""

from __future__ import annotations

from prefcenter.bootstrap import utc_now, wanted_catalog
from prefcenter.commands.database import opened
from prefcenter.commands.errors import CommandError
from prefcenter.settings import Settings
from prefcenter.storage.catalogs import CannotApply


async def apply(settings: Settings) -> None:
    """Put prefcenter.toml in force and say what changed."""
    wanted = wanted_catalog(settings)
    async with opened(settings) as services:
        try:
            applied = await services.catalogs.apply(wanted, utc_now())
        except CannotApply as error:
            lines = [f"  {change.purpose}: {change.detail}" for change in error.changes]
            raise CommandError("\n".join(["Nothing was applied:", *lines])) from error
    if applied.was_in_force:
        print(f"In force already: catalog {applied.digest[:12]}.")
        return
    for change in applied.changes:
        print(f"  {change.what.value:<9} {change.purpose}: {change.detail}")
    print(f"In force: catalog {applied.digest[:12]}.")
