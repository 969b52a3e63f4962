"""What people are mailed for: plan a change, put it in force, ask them."""

from __future__ import annotations

from typing import Annotated

import typer

from prefcenter import commands
from prefcenter.cli.base import app, run


@app.command()
def plan() -> None:
    """Compare prefcenter.toml with what is in force: what is new, what is material, whom it touches.

    Changes nothing. The exit code is 1 where `apply` would refuse.

    Example: prefcenter plan
    """
    run(commands.plan)


@app.command()
def apply() -> None:
    """Put prefcenter.toml in force. A material change becomes a new version, on which people are asked.

    Refuses a changed kind or basis: that is another purpose. `prefcenter plan` shows it first.

    Example: prefcenter apply
    """
    run(commands.apply)


@app.command()
def ask(
    purpose: Annotated[str, typer.Argument(metavar="PURPOSE", help="As in prefcenter.toml.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count who would be asked.")] = False,
    per_minute: Annotated[
        int | None, typer.Option(metavar="N", help="Mails a minute at most; 600, if never said.")
    ] = None,
    remind: Annotated[
        bool, typer.Option("--remind", help="Remind, once, who has said nothing for 14 days.")
    ] = False,
) -> None:
    """Ask people for a yes to a new or changed purpose, or give notice of it; a worker sends the mails.

    Only who may be mailed now is asked, and once in 90 days. Killed, it goes on where it was.

    Example: prefcenter ask newsletter --dry-run && prefcenter ask newsletter --per-minute 300
    """
    run(lambda s: commands.ask(s, purpose, dry_run=dry_run, per_minute=per_minute, remind=remind))
