"""`keys create`, `keys list`, `keys revoke`."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from prefcenter.bootstrap import open_services, utc_now
from prefcenter.commands.errors import CommandError
from prefcenter.settings import Settings
from prefcenter.storage import keys


async def create_key(settings: Settings, name: str, scopes: Sequence[str]) -> None:
    """Print the secret on standard output, alone, so that it can be piped into a vault."""
    unknown = [scope for scope in scopes if scope not in keys.SCOPES]
    if unknown or not scopes:
        wrong = f"unknown scope {', '.join(unknown)}" if unknown else "a key needs at least one --scope"
        table = "\n".join(f"  {scope:<16} {about}" for scope, about in keys.SCOPES.items())
        raise CommandError(f"{wrong}; the scopes are:\n{table}")
    async with open_services(settings):
        try:
            secret = await keys.create_key(name, scopes, utc_now())
        except keys.KeyExists as error:
            raise CommandError(f"there is, or was, a key '{name}'; choose another name") from error
    print(secret)


async def list_keys(settings: Settings) -> None:
    async with open_services(settings):
        found = await keys.list_keys()
    table = Table("name", "scopes", "made", "state")
    for key in found:
        state = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else "works"
        table.add_row(key.name, " ".join(sorted(key.scopes)), f"{key.created_at:%Y-%m-%d}", state)
    Console().print(table)


async def revoke_key(settings: Settings, name: str) -> None:
    async with open_services(settings):
        if not await keys.revoke_key(name, utc_now()):
            raise CommandError(f"no working key is called '{name}'; `prefcenter keys list` shows them")
    print(f"'{name}' is revoked.")
