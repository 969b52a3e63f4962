"""One person: what support answers with."""

from __future__ import annotations

from typing import Annotated

import typer

from prefcenter import commands
from prefcenter.cli.base import app, run


@app.command()
def stop(
    who: Annotated[
        str, typer.Argument(metavar="EMAIL", help="The address, or @DOMAIN for all we know there.")
    ],
    reason: Annotated[str, typer.Option(help="Why, for the record: where did they ask?")],
    purpose: Annotated[str, typer.Option(help="Only this purpose; left out: all marketing.")] = "*",
    received: Annotated[str, typer.Option(help="When they asked (RFC 3339), if not now.")] = "",
) -> None:
    """What support does with "stop mailing me". Also for an address that nobody here knows.

    Example: prefcenter stop ada@example.com --reason "asked by telephone, ticket 4711"
    """
    run(lambda s: commands.stop(s, who, purpose=purpose, received=received, reason=reason))


@app.command()
def why(
    email: Annotated[str, typer.Argument(metavar="EMAIL")],
    purpose: Annotated[str, typer.Option(help="The purpose asked about.")],
    at: Annotated[str, typer.Option(help="At this moment (RFC 3339), as known and in force then.")] = "",
) -> None:
    """May this be sent to this person, and why? In plain words, with the entries that decide.

    Example: prefcenter why ada@example.com --purpose newsletter --at 2026-03-03T10:00:00Z
    """
    run(lambda s: commands.why(s, email, purpose=purpose, at=at))


@app.command()
def tasks(
    confirm: Annotated[str, typer.Option(metavar="ID", help="This one is done: they say they acted.")] = "",
    addresses: Annotated[bool, typer.Option("--addresses", help="Show whom each task is about.")] = False,
) -> None:
    """What third parties were asked to do as permissions ended, and have not confirmed yet.

    Example: prefcenter tasks --confirm 0f3a5c7e9b1d4f608a2c4e6f8091a3b5
    """
    run(lambda s: commands.tasks(s, confirm=confirm, addresses=addresses))
