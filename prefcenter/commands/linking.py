"""`links`: a CSV in, the same CSV with links out, any size in constant memory."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from prefcenter.bootstrap import utc_now
from prefcenter.commands.database import opened
from prefcenter.commands.errors import CommandError
from prefcenter.commands.streaming import name_bad, progress
from prefcenter.domain.addresses import InvalidAddress
from prefcenter.settings import Settings
from prefcenter.tables.errors import TableError
from prefcenter.tables.streams import Row, Table, column, open_table
from prefcenter.tables.writing import Dialect, Write, writer
from prefcenter.use_cases.mint_links import Minted, minter
from prefcenter.use_cases.refusals import Refused

ADDED = (
    "unsubscribe_url",
    "preferences_url",
    "list_unsubscribe",
    "list_unsubscribe_post",
    "list_id",
    "feedback_id",
)
_HEADERS = ("List-Unsubscribe", "List-Unsubscribe-Post", "List-ID", "Feedback-ID")
_REPORT_EVERY = 5000


async def links(
    settings: Settings, source: Path | None, target: Path | None, *, purpose: str, campaign: str
) -> int:
    """Rows whose address cannot be read are left without links and counted; the exit code says so."""
    async with opened(settings) as services:
        try:
            mint = minter(services, purpose, campaign, now=utc_now())
        except Refused as error:
            raise CommandError("\n".join(f"{e.field}: {e.message}" for e in error.errors)) from error
    try:
        with open_table(source) as table, progress(table, "minting links") as advance:
            # The columns are looked at before OUT is touched.
            linking = _Linking(table, mint)
            with writer(target, linking.header, _for_programs(table.dialect)) as write:
                made, bad = linking.run(write, advance)
    except TableError as error:
        raise CommandError(str(error)) from error
    print(f"{made} rows with links, {bad} without a usable address", file=sys.stderr)
    return 1 if bad else 0


class _Linking:
    def __init__(self, table: Table, mint: Callable[[str], Minted]) -> None:
        self._table = table
        self._mint = mint
        self._email = column(table, "email")
        self._width = len(table.header)
        # A file that was here before has the columns already; they are made anew.
        self.header = [*table.header, *(name for name in ADDED if name not in table.header)]
        self._places = [self.header.index(name) for name in ADDED]

    def run(self, write: Write, advance: Callable[[], None]) -> tuple[int, int]:
        """How many rows got links, and how many did not."""
        made = bad = 0
        for number, row in enumerate(self._table.rows):
            if row.fault is not None:
                name_bad(row.line, self._fault(row))
            if not row.cells:
                bad += 1
                continue
            cells = self._wide(row)
            try:
                values = self._values(cells[self._email].strip())
                made += 1
            except InvalidAddress as error:
                name_bad(row.line, str(error))
                values = [""] * len(ADDED)
                bad += 1
            for place, value in zip(self._places, values, strict=True):
                cells[place] = value
            write(cells)
            if number % _REPORT_EVERY == 0:
                advance()
        return made, bad

    def _fault(self, row: Row) -> str:
        # What stands beyond the last column has no name to be written under.
        beyond = len(row.cells) > self._width
        return "more cells than the header names; left out" if beyond else row.fault or ""

    def _wide(self, row: Row) -> list[str]:
        cells = row.cells[: self._width]
        return cells + [""] * (len(self.header) - len(cells))

    def _values(self, email: str) -> list[str]:
        minted = self._mint(email)
        urls = [minted.unsubscribe_url, minted.preferences_url]
        return urls + [minted.headers[name] for name in _HEADERS]


def _for_programs(dialect: Dialect) -> Dialect:
    """A byte order mark would become part of the first column's name where a mailing tool reads it."""
    return replace(dialect, encoding="utf-8") if dialect.encoding == "utf-8-sig" else dialect
