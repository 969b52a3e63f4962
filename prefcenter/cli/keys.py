"""API keys."""

from __future__ import annotations

from typing import Annotated

import typer

from prefcenter import commands
from prefcenter.cli.base import app, run
from prefcenter.storage.keys import SCOPES

keys_app = typer.Typer(help="API keys. A secret is shown once, when the key is made.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")

Scope = Annotated[list[str] | None, typer.Option("--scope", help=f"One of: {', '.join(SCOPES)}. Repeatable.")]


@keys_app.command("create")
def keys_create(name: Annotated[str, typer.Argument(metavar="NAME")], scope: Scope = None) -> None:
    """Make an API key and print its secret, this once.

    Example: prefcenter keys create shop --scope decisions:read --scope links:write
    """
    run(lambda s: commands.create_key(s, name, scope or []))


@keys_app.command("list")
def keys_list() -> None:
    """Show the keys and what they may do.

    Example: prefcenter keys list
    """
    run(commands.list_keys)


@keys_app.command("revoke")
def keys_revoke(name: Annotated[str, typer.Argument(metavar="NAME")]) -> None:
    """End a key. It stops working within a second.

    Example: prefcenter keys revoke shop
    """
    run(lambda s: commands.revoke_key(s, name))
