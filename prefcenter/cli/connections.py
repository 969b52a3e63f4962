"""Mailing providers."""

from __future__ import annotations

from typing import Annotated

import typer

from prefcenter import commands
from prefcenter.cli.base import app, run


@app.command()
def reconcile(
    connection: Annotated[str, typer.Argument(metavar="[CONNECTION]", help="Left out: every one.")] = "",
    replay: Annotated[
        bool,
        typer.Option("--replay", help="Put back what failed or was set aside, and lift a pause, first."),
    ] = False,
) -> None:
    """Compare a provider's list with ours: take in what is new there, push again what is missing there.

    The worker does the same every hour. Exit code 1: a list could not be read to its end.

    Example: prefcenter reconcile news
    Example: prefcenter reconcile news --replay
    """
    run(lambda s: commands.reconcile(s, connection, replay=replay))
