"""Lists of people, in and out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prefcenter import commands
from prefcenter.cli.base import Infile, Outfile, app, fail, run


@app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or NDJSON; `-` for standard input.")],
    purpose: Annotated[str, typer.Option(help="The purpose of rows that name none.")] = "",
    stop: Annotated[
        bool, typer.Option("--stop", help="A list of addresses to stop, whatever else it holds.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Record nothing; list on standard output what would be.")
    ] = False,
    format_: Annotated[str, typer.Option("--format", help="Take the file for this format.")] = "",
    declare: Annotated[
        str, typer.Option(help="The words to which every yes in the file was given: your statement.")
    ] = "",
    declared_source: Annotated[str, typer.Option(help="Where and how those words were shown.")] = "",
    rejects: Annotated[Path | None, typer.Option(help="Write bad rows and why to this new file.")] = None,
) -> None:
    """Import people, their choices with the evidence, or a list of stops. Never revives a stop.

    Knows the exports of common mailing tools by their columns. Interrupted, the same command goes on.

    Example: prefcenter import unsubscribed.csv --stop
    Example: prefcenter import subscribers.csv --purpose newsletter --declare "Send me news" --dry-run
    """
    wanted = commands.ImportRequest(
        source=None if str(source) == "-" else source,
        purpose=purpose or None,
        stop=stop,
        dry_run=dry_run,
        format=format_ or None,
        declare=declare or None,
        declared_source=declared_source or None,
        rejects=rejects,
    )
    run(lambda s: commands.import_file(s, wanted))


@app.command("filter")
def filter_(
    source: Infile = None,
    target: Outfile = None,
    purpose: Annotated[str, typer.Option(help="The purpose of the mail, as in prefcenter.toml.")] = "",
    channel: Annotated[str, typer.Option(help="By which it is to be sent.")] = "email",
    reasons: Annotated[
        bool, typer.Option("--reasons", help="Keep every row, and add the columns `allowed` and `reason`.")
    ] = False,
) -> None:
    """Keep the rows of a CSV whose `email` may be sent to: in order, as they are, any size.

    Rows that cannot be read are named and left out. The sums, and the cursor for what comes after, are on
    standard error.

    Example: prefcenter filter --purpose newsletter people.csv may-be-mailed.csv
    """
    if not purpose:
        fail("--purpose is needed: which purpose is the mail for?")
    run(lambda s: commands.filter_rows(s, source, target, purpose=purpose, channel=channel, reasons=reasons))


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
def audit(source: Infile = None, target: Outfile = None) -> None:
    """Was anything sent that might not be? Runs a CSV of sends through the decisions of their moments.

    IN has `email`, `purpose`, `sent_at` (RFC 3339) and perhaps `channel`. Each send that was not allowed is
    written to OUT with its line, reason and entry. Exit code 0: there was none.

    Example: prefcenter audit sends.csv should-not-have-been.csv
    """
    run(lambda s: commands.audit_file(s, source, target))
