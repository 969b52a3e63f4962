"""`reconcile`: a provider's list against ours, now; and the way back for what was set aside."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, TextColumn

from prefcenter.accounts import Account
from prefcenter.bootstrap import utc_now
from prefcenter.commands.database import opened
from prefcenter.commands.errors import CommandError
from prefcenter.domain.words import unknown
from prefcenter.settings import Settings
from prefcenter.storage.connections import ConnectionStates
from prefcenter.storage.hook_counts import put_back
from prefcenter.storage.levels import Levels
from prefcenter.storage.reconciling import Run, runs
from prefcenter.use_cases.reconcile import FAILED, scopes_of
from prefcenter.use_cases.services import Services
from prefcenter.worker.comparing import compare

_WORDS = {
    "seen": "listed there",
    "same": "there and here",
    "taken_in": "there and not here: taken in",
    "confirmed": "there, and only now known to be: confirmed",
    "older": "there, but older than what was said here, or taken in before",
    "pushed_again": "here and not there: pushed again",
    "left_out": "here and not there, and nobody has the address: left out",
    "refused": "listed, but no address",
}


async def reconcile(settings: Settings, connection: str, *, replay: bool) -> int:
    """`connection` empty: every one. 1 where a comparison failed."""
    failed = False
    async with opened(settings) as services:
        for account in _accounts(services, connection):
            if replay:
                await _replay(services, account.key)
            if not scopes_of(account):
                print(f"{account.key}: its provider lists nothing that is mapped; skipped")
                continue
            with _progress(account.key) as bar:
                run = await compare(services, account, utc_now, lambda seen: _show(bar, seen))
            _tell(run, await runs(services.database, account.key))
            failed = failed or run.state == FAILED
    return int(failed)


def _accounts(services: Services, connection: str) -> list[Account]:
    accounts = services.accounts.now
    for name, problems in accounts.problems.items():
        if connection in ("", name):
            raise CommandError(f"connection {name!r} cannot be used: {'; '.join(problems)}")
    if connection and connection not in accounts.usable:
        raise CommandError(unknown(f"connection {connection!r}", connection, accounts.usable))
    if not accounts.usable:
        raise CommandError("there is no connection; declare one as [connections.NAME] and run apply")
    return [one for name, one in accounts.usable.items() if connection in ("", name)]


async def _replay(services: Services, connection: str) -> None:
    now = utc_now()
    pushes = await Levels(services.database, services.vault).replay(connection, now)
    events = await put_back(services.database, connection, now)
    await ConnectionStates(services.database).run(connection)
    print(f"{connection}: put back {pushes} pushes and {events} events; a pause is lifted")


def _tell(run: Run, history: list[Run]) -> None:
    head = "compared" if run.error is None else f"failed: {run.error}"
    print(f"{run.connection}: {head}")
    for name, words in _WORDS.items():
        if number := run.counts.get(name, 0):
            names = ", ".join(run.examples.get(name, ()))
            print(f"  {number:>9}  {words}{f' ({names})' if names else ''}")
    for one in history[1:]:
        counts = ", ".join(f"{name} {number}" for name, number in one.counts.items() if number)
        print(f"  before: {one.started_at:%Y-%m-%d %H:%M} UTC  {one.state}  {counts}")


@contextmanager
def _progress(name: str) -> Iterator[Progress]:
    """A count on a terminal, silence in a pipe."""
    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), TextColumn("{task.completed} listed"))
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        bar.add_task(f"comparing {name}", total=None)
        yield bar


def _show(bar: Progress, seen: int) -> None:
    bar.update(bar.task_ids[0], completed=seen)
