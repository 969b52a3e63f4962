"""The `prefcenter` command."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from prefcenter import __version__, commands
from prefcenter.catalog import CatalogError
from prefcenter.settings import Settings, SettingsError
from prefcenter.starter import StarterError, write_starter
from prefcenter.storage.database import StorageUnavailable
from prefcenter.storage.keys import SCOPES

app = typer.Typer(
    help="A preference center for marketing communications. Begin with `prefcenter demo` or `init`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
keys_app = typer.Typer(help="API keys. A secret is shown once, when the key is made.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")

errors = Console(stderr=True)

Scope = Annotated[list[str] | None, typer.Option("--scope", help=f"One of: {', '.join(SCOPES)}. Repeatable.")]
Port = Annotated[int, typer.Option(help="The port to listen on.", min=0, max=65535)]
Host = Annotated[str, typer.Option(help="The address to listen on.")]
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
    try:
        code = asyncio.run(work(settings()))
    except (SettingsError, CatalogError, StorageUnavailable, commands.CommandError) as error:
        fail(str(error))
    if code:
        raise typer.Exit(code)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
) -> None: ...


@app.command()
def init() -> None:
    """Write prefcenter.toml and .env, with fresh keys, into this folder. Never overwrites.

    Example: mkdir prefs && cd prefs && prefcenter init && prefcenter serve
    """
    try:
        for path in write_starter(Path.cwd()):
            typer.echo(f"wrote {path.name}")
    except StarterError as error:
        fail(str(error))
    typer.echo(
        "Next: edit prefcenter.toml, then `prefcenter serve`. Keep PREFCENTER_PEPPER safe: it never changes."
    )


@app.command()
def demo(port: Port = 8000) -> None:
    """Run everything on throwaway data: sample people, a local mailbox, a marketing tool that listens.

    Example: prefcenter demo --port 8000
    """
    from prefcenter.demo.run import run_demo

    run_demo(port)


@app.command()
def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[int, typer.Option(help="Processes; more than one needs PostgreSQL.", min=1)] = 1,
    worker: Annotated[bool, typer.Option("--worker/--no-worker", help="Run the worker inside.")] = True,
) -> None:
    """Run the web process. Brings an embedded database to this version by itself.

    Example: prefcenter serve --host 0.0.0.0 --port 8000 --no-worker
    """
    try:
        commands.serve(settings(), host=host, port=port, workers=workers, worker=worker)
    except (SettingsError, CatalogError, StorageUnavailable, commands.CommandError) as error:
        fail(str(error))


@app.command()
def work() -> None:
    """Run a worker process: it sends webhooks. Any number may run on one PostgreSQL.

    Example: prefcenter work
    """
    run(commands.work)


@app.command()
def migrate() -> None:
    """Bring the database to this version. Run it once per release, before the new processes start.

    Example: prefcenter migrate
    """
    run(commands.migrate)


@app.command()
def apply() -> None:
    """Put prefcenter.toml in force. Refuses a material change: that needs to ask people first.

    Example: prefcenter apply
    """
    run(commands.apply)


@app.command()
def links(
    source: Infile = None,
    target: Outfile = None,
    purpose: Annotated[str, typer.Option(help="The purpose of the mail, as in prefcenter.toml.")] = "",
    campaign: Annotated[str, typer.Option(help="Up to 32 characters; comes back with every stop.")] = "",
) -> None:
    """Add unsubscribe and preference links, and the headers to send, to each row of a CSV with `email`.

    Example: prefcenter links --purpose newsletter --campaign nov-2026 people.csv with-links.csv
    """
    if not purpose:
        fail("--purpose is needed: which purpose is the mail for?")
    run(lambda s: commands.links(s, source, target, purpose=purpose, campaign=campaign))


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
) -> None:
    """May this be sent to this person, and why? In plain words, with the entries that decide.

    Example: prefcenter why ada@example.com --purpose newsletter
    """
    run(lambda s: commands.why(s, email, purpose=purpose))


@app.command()
def check() -> None:
    """Test the configuration: database, durability, keys, catalog, SMTP, a one-click at the public URL.

    Example: prefcenter check
    """
    run(commands.check)


@app.command()
def verify() -> None:
    """Check the ledger end to end: no gap, no change, and that the tables are what it adds up to.

    Example: prefcenter verify
    """
    run(commands.verify)


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


def main() -> None:
    for argument in sys.argv[1:]:
        # Bytes that are no text come in as lone surrogates, which nothing can store.
        if not argument.isascii() and any("\ud800" <= char <= "\udfff" for char in argument):
            errors.print("an argument is not UTF-8 text", style="red")
            raise SystemExit(1)
    app()
