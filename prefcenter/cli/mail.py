"""Mail that comes in."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import structlog
import typer
import uvloop

from prefcenter import commands
from prefcenter.cli.base import app, errors, run
from prefcenter.settings import Settings

#: sysexits.h: the mail server keeps the mail and tries again.
EX_TEMPFAIL = 75


@app.command()
def receive(
    queue: Annotated[bool, typer.Option("--queue", help="List the mails that wait for you instead.")] = False,
    show: Annotated[str, typer.Option(metavar="ID", help="Print this one of them, as it came.")] = "",
    done: Annotated[str, typer.Option(metavar="ID", help="You have seen to this one.")] = "",
) -> None:
    """Take one mail from standard input, as a mail server hands it over: "stop", a complaint, a bounce.

    What is proved takes effect, what is not waits in the queue. The exit code is 0 once it is kept, and 75
    where it could not be: the mail server tries again then.

    Example: prefcenter receive < mail.eml
    Example: prefcenter receive --queue
    """
    if queue:
        run(commands.list_mails)
    elif show:
        run(lambda s: commands.show_mail(s, show))
    elif done:
        run(lambda s: commands.close_mail(s, done))
    else:
        raise typer.Exit(_receive())


def _receive() -> int:
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    try:
        settings = Settings.from_environ(os.environ, folder=Path.cwd())
        return uvloop.run(commands.receive(settings, sys.stdin.buffer))
    except Exception as error:  # whatever it is: only by 75 does the mail server keep somebody's opt-out
        errors.print(f"not taken, to be tried again: {error or type(error).__name__}", markup=False)
        return EX_TEMPFAIL
