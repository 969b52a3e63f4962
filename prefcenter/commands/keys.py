"""`keys create`, `keys list`, `keys revoke`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from prefcenter.bootstrap import utc_now
from prefcenter.commands.database import opened
from prefcenter.commands.errors import CommandError
from prefcenter.settings import Settings
from prefcenter.storage import keys

_LONGEST_NAME = 64
_WIDE = 1000


async def create_key(settings: Settings, name: str, scopes: Sequence[str]) -> None:
    """Print the secret on standard output, alone, so that it can be piped into a vault."""
    unknown = [scope for scope in scopes if scope not in keys.SCOPES]
    if unknown or not scopes:
        wrong = f"unknown scope {', '.join(unknown)}" if unknown else "a key needs at least one --scope"
        table = "\n".join(f"  {scope:<16} {about}" for scope, about in keys.SCOPES.items())
        raise CommandError(f"{wrong}; the scopes are:\n{table}")
    if not 1 <= len(name) <= _LONGEST_NAME or not name.isprintable():
        raise CommandError(f"NAME: 1 to {_LONGEST_NAME} printable characters, such as the tool's name")
    async with opened(settings):
        try:
            secret = await keys.create_key(name, scopes, utc_now())
        except keys.KeyExists as error:
            raise CommandError(f"there is, or was, a key '{name}'; choose another name") from error
    print(secret)


async def list_keys(settings: Settings) -> None:
    async with opened(settings):
        found = await keys.list_keys()
    table = Table("name", "scopes", "made", "state")
    for key in found:
        state = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else "works"
        scopes = " ".join(sorted(key.scopes))
        table.add_row(escape(key.name), scopes, f"{key.created_at:%Y-%m-%d}", state)
    # In a pipe one key is one line, however long.
    Console(width=None if sys.stdout.isatty() else _WIDE).print(table)


async def revoke_key(settings: Settings, name: str) -> None:
    async with opened(settings):
        if not await keys.revoke_key(name, utc_now()):
            raise CommandError(f"no working key is called '{name}'; `prefcenter keys list` shows them")
    print(f"'{name}' is revoked.")
