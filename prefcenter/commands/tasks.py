"""`tasks`: what third parties have still to confirm."""

from __future__ import annotations

import re
import sys
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from prefcenter.bootstrap import utc_now
from prefcenter.catalog import Recipient
from prefcenter.commands.database import opened
from prefcenter.commands.errors import CommandError
from prefcenter.domain.third_parties import OVERDUE_AFTER
from prefcenter.settings import Settings
from prefcenter.storage.tasks import CONFIRMED, Task, find_task
from prefcenter.storage.vault import CannotUnseal
from prefcenter.use_cases.services import Services
from prefcenter.use_cases.third_parties import address_of, still_open
from prefcenter.use_cases.third_parties import confirm as confirm_task

_ID = re.compile(r"[0-9a-f]{32}")
_WIDE = 1000


async def tasks(settings: Settings, *, confirm: str, addresses: bool) -> None:
    """List what is open, the ones that nobody was told of first; or take one as done."""
    async with opened(settings) as services:
        if confirm:
            await _confirm(services, confirm.strip().lower())
        else:
            await _list(services, utc_now(), addresses=addresses)


async def _confirm(services: Services, id_: str) -> None:
    found = await find_task(services.database, id_) if _ID.fullmatch(id_) else None
    if found is None:
        raise CommandError("--confirm: no task has this id; `prefcenter tasks` shows them")
    if found.state == CONFIRMED or not await confirm_task(services, id_, utc_now()):
        print("Confirmed already; nothing was changed.")
        return
    print(f"Confirmed: '{found.recipient}' acted on '{found.purpose}'.")


async def _list(services: Services, now: datetime, *, addresses: bool) -> None:
    id_column = Column("id", no_wrap=True, min_width=32)
    table = Table(id_column, "third party", "purpose", "since", "told", "days open")
    if addresses:
        table.add_column("address")
    overdue = 0
    async for task, recipient in still_open(services):
        late = now - task.created_at > OVERDUE_AFTER
        overdue += late
        row = [
            task.id,
            escape(recipient.name),
            task.purpose,
            f"{task.created_at:%Y-%m-%d}",
            _told(task, recipient),
            f"{(now - task.created_at).days}{' overdue' if late else ''}",
        ]
        table.add_row(*row, *([escape(_address(services, task))] if addresses else []))
    if not table.row_count:
        print("No task is open: every third party has confirmed.")
        return
    # In a pipe one task is one line, however long.
    Console(width=None if sys.stdout.isatty() else _WIDE).print(table)
    print(f"{table.row_count} open, {overdue} for more than {OVERDUE_AFTER.days} days.")


def _told(task: Task, recipient: Recipient) -> str:
    if task.told_at is not None:
        return f"{task.told_at:%Y-%m-%d}"
    # Connections deliver nothing yet: somebody has to tell these.
    return "not yet" if recipient.email is not None else "not yet (no email)"


def _address(services: Services, task: Task) -> str:
    try:
        return address_of(services, task) or ""
    except CannotUnseal:
        return "sealed with a key that is gone"
