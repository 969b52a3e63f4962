"""Setting it up, running it, looking whether all is well."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prefcenter import commands
from prefcenter.catalog import CatalogError
from prefcenter.cli.base import app, fail, run, settings
from prefcenter.settings import SettingsError
from prefcenter.starter import StarterError, write_starter
from prefcenter.storage.database import StorageUnavailable

Port = Annotated[int, typer.Option(help="The port to listen on.", min=0, max=65535)]
Host = Annotated[str, typer.Option(help="The address to listen on.")]


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
    """Run a worker process: webhooks, mails, clocks. Any number may run on one PostgreSQL.

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
def check(
    eml: Annotated[
        Path | None,
        typer.Option("--eml", metavar="FILE", help="Check this mail instead; `-`: standard input."),
    ] = None,
) -> None:
    """Test the configuration: database, durability, keys, catalog, SMTP, a one-click at the public URL.

    With --eml test a mail as it goes out: one of each header, one-click, a signature over it, List-ID.

    Example: prefcenter check
    Example: prefcenter check --eml newsletter.eml
    """
    if eml is None:
        run(commands.check)
    else:
        run(lambda s: commands.check_mail(s, eml))


@app.command()
def status(
    as_json: Annotated[
        bool, typer.Option("--json", help="The same for programs, as one JSON object.")
    ] = False,
) -> None:
    """The day at a glance: what wants attention, stops, connections with their deadlines, queues.

    Holds no address. The exit code is 0 whatever it shows; alerts are made of /metrics.

    Example: prefcenter status
    """
    run(lambda s: commands.status(s, as_json=as_json))


@app.command()
def verify() -> None:
    """Check the ledger end to end: no gap, no change, and that the tables are what it adds up to.

    Example: prefcenter verify
    """
    run(commands.verify)
