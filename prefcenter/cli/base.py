"""What every command needs: the application, its common options, and how trouble is told."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn

import structlog
import typer
import uvloop
from rich.console import Console

from prefcenter import __version__, commands
from prefcenter.catalog import CatalogError
from prefcenter.settings import Settings, SettingsError
from prefcenter.storage.database import StorageUnavailable

app = typer.Typer(
    help="A preference center for marketing communications. Begin with `prefcenter demo` or `init`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

errors = Console(stderr=True)

Infile = Annotated[Path | None, typer.Argument(metavar="[IN]", help="A CSV file; left out: standard input.")]
Outfile = Annotated[
    Path | None, typer.Argument(metavar="[OUT]", help="Where to write; left out: standard output.")
]


def settings() -> Settings:
    try:
        folder = Path.cwd()
    except FileNotFoundError as error:
        raise commands.CommandError("the current folder is gone; change into another one") from error
    return Settings.from_environ(os.environ, folder=folder)


def fail(message: str) -> NoReturn:
    errors.print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1)


def run(work: Callable[[Settings], Coroutine[Any, Any, int | None]]) -> None:
    """Run a command to its end; trouble that its user can mend is one clear message."""
    # Standard output is for what was asked for, be it a table.
    structlog.configure(logger_factory=_log_to_stderr)
    try:
        code = uvloop.run(work(settings()))
    except (SettingsError, CatalogError, StorageUnavailable, commands.CommandError) as error:
        fail(str(error))
    if code:
        raise typer.Exit(code)


def _log_to_stderr(*_: object) -> structlog.PrintLogger:
    return structlog.PrintLogger(sys.stderr)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
) -> None: ...
