"""`void`: a connection's or an import's mistakes, taken out of effect."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from prefcenter.bootstrap import utc_now
from prefcenter.commands.database import opened
from prefcenter.commands.errors import CommandError
from prefcenter.domain.addresses import mask
from prefcenter.settings import Settings
from prefcenter.storage.imports import newest_imports
from prefcenter.storage.origins import OfConnection, OfImport, Origin, Span, connections, is_known
from prefcenter.use_cases.services import Services
from prefcenter.use_cases.void_entries import Voids, address_of, look, void

_NAMED = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class VoidRequest:
    """What was asked for on the command line, as it was written; empty: left out."""

    connection: str = ""
    import_: str = ""
    between: tuple[str, str] = ("", "")
    reason: str = ""
    dry_run: bool = False


async def void_entries(settings: Settings, wanted: VoidRequest) -> None:
    if bool(wanted.connection) is bool(wanted.import_):
        raise CommandError("say whose mistakes: --connection NAME, or --import ID")
    if not wanted.reason.strip():
        raise CommandError("--reason: say why, for the record")
    origin = _origin(wanted)
    async with opened(settings) as services:
        if not await is_known(services.database, origin):
            raise CommandError(await _unknown(services, origin))
        found = await look(services, origin)
        if not found.counts:
            _nothing(found)
        elif wanted.dry_run:
            _tell("Nothing was changed. It would be voided:", found)
            await _examples(services, found)
        else:
            await _void(services, origin, wanted.reason, found)


def _origin(wanted: VoidRequest) -> Origin:
    span = _span(*wanted.between)
    if wanted.import_:
        return OfImport(wanted.import_.strip().lower(), span)
    if span is None:
        raise CommandError("--between: say of which time, such as 2026-11-23T09:00Z 2026-11-23T10:30Z")
    return OfConnection(wanted.connection, span)


def _span(begin: str, end: str) -> Span | None:
    if not begin and not end:
        return None
    span = Span(_moment(begin), _moment(end))
    if span.begin > span.end:
        raise CommandError("--between: the first time is after the second; turn them round")
    return span


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise CommandError(f"--between: {text} needs a zone; write {text}Z if it is UTC")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise CommandError("--between: write times like 2026-11-23T09:30:00+01:00") from error


async def _unknown(services: Services, origin: Origin) -> str:
    if isinstance(origin, OfConnection):
        names = await connections(services.database)
        return f"--connection: there is no {origin.name!r}; there is {', '.join(names) or 'none'}"
    newest = await newest_imports(services.database, _NAMED)
    lines = [f"  {id_}  {at:%Y-%m-%d %H:%M} UTC  {name}" for id_, name, at in newest]
    return "\n".join(["--import: no import has this id; the newest are:", *(lines or ["  none"])])


def _nothing(found: Voids) -> None:
    if not found.before:
        raise CommandError(
            "nothing found: in that time they recorded nothing that has an effect and is a machine's word; "
            "look at the times (what an older version imported cannot be told apart)"
        )
    print(f"Nothing was changed: all {found.before} entries are voided already.")


def _tell(head: str, found: Voids) -> None:
    lines = [
        f"  {number:>9,}  {action} {purpose}".replace(",", " ")
        for (purpose, action), number in sorted(found.counts.items())
    ]
    if found.before:
        lines.append(f"  {found.before:>9,}  voided before".replace(",", " "))
    print("\n".join([head, *lines]))


async def _examples(services: Services, found: Voids) -> None:
    print("For example:")
    for entry in found.examples:
        address = await address_of(services, entry)
        who = mask(address) if address is not None else "an address that is not known here"
        when = f"{entry.recorded_at:%Y-%m-%d %H:%M:%S} UTC"
        print(f"  {who}: {entry.action} {entry.purpose}, recorded {when}")


async def _void(services: Services, origin: Origin, reason: str, found: Voids) -> None:
    with _progress(found.counts.total()) as bar:
        done = Voids()
        async for done in void(services, origin, reason, utc_now):
            bar.update(bar.task_ids[0], completed=done.counts.total())
    _tell("Voided:", done)


@contextmanager
def _progress(total: int) -> Iterator[Progress]:
    """A bar on a terminal, silence in a pipe."""
    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        bar.add_task("voiding", total=total)
        yield bar
