"""A machine's mistakes."""

from __future__ import annotations

from typing import Annotated

import typer

from prefcenter import commands
from prefcenter.cli.base import app, run


@app.command()
def void(
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    connection: Annotated[str, typer.Option(metavar="NAME", help="What this connection told us.")] = "",
    import_: Annotated[
        str, typer.Option("--import", metavar="ID", help="What this import recorded; it said its id.")
    ] = "",
    between: Annotated[
        tuple[str, str],
        typer.Option(metavar="FROM TO", help="Only of this time (RFC 3339); a connection needs it."),
    ] = ("", ""),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; show what would be.")] = False,
) -> None:
    """Take a machine's mistaken entries out of effect: a provider's flood of stops, a wrong import.

    Never what a person said. Everybody touched is as if these had never been; all stays in the ledger.
    Begin with --dry-run. Interrupted, the same command goes on.

    Example: prefcenter void --import 0f3a5c7e9b1d4f608a2c4e6f8091a3b5 --reason "wrong file" --dry-run
    Example: prefcenter void --connection news --between 2026-11-23T09Z 2026-11-23T10:30Z --reason "a loop"
    """
    wanted = commands.VoidRequest(
        connection=connection, import_=import_, between=between, reason=reason, dry_run=dry_run
    )
    run(lambda s: commands.void_entries(s, wanted))
