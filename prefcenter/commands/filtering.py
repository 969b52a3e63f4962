"""`filter`: the rows of a CSV that may be sent to, any size in constant memory."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import aclosing
from functools import partial
from itertools import compress
from pathlib import Path

from prefcenter.bootstrap import utc_now
from prefcenter.commands.database import opened
from prefcenter.commands.errors import CommandError
from prefcenter.commands.streaming import Namer, cells_of, line_of, progress, raw_writer
from prefcenter.domain.purposes import Channel
from prefcenter.settings import Settings
from prefcenter.storage.candidates import ledger_head
from prefcenter.tables.errors import TableError
from prefcenter.tables.streams import Table, column, open_table
from prefcenter.use_cases.decide_recipients import Question
from prefcenter.use_cases.filter_list import filter_list
from prefcenter.use_cases.list_blocks import ListRows
from prefcenter.use_cases.record_choices import no_such_purpose
from prefcenter.use_cases.services import Services
from prefcenter.use_cases.shapes import Answer

ADDED = ("allowed", "reason")


async def filter_rows(
    settings: Settings,
    source: Path | None,
    target: Path | None,
    *,
    purpose: str,
    channel: str,
    reasons: bool,
) -> None:
    """Write the rows that may be sent to, or with `reasons` every row and the answer for it."""
    try:
        async with opened(settings) as services:
            _check(services, purpose, channel)
            with open_table(source) as table, progress(table, "deciding") as advance:
                question = Question(purpose=purpose, channel=channel)
                await _filter(services, table, target, question, advance, reasons=reasons)
    except TableError as error:
        raise CommandError(str(error)) from error


def _check(services: Services, purpose: str, channel: str) -> None:
    found = services.catalogs.find(purpose)
    if found is None or found.retired:
        raise CommandError(f"--purpose: {no_such_purpose(services)}")
    if channel not in list(Channel) or channel not in found.channels:
        has = ", ".join(found.channels)
        raise CommandError(f"--channel: '{purpose}' is not sent on '{channel}'; its channels: {has}")


async def _filter(
    services: Services,
    table: Table,
    target: Path | None,
    question: Question,
    advance: Callable[[], None],
    *,
    reasons: bool,
) -> None:
    place = column(table, "email")
    header = _header(table, reasons=reasons)
    # Whoever stops while we work shows in what comes after.
    cursor = await ledger_head(services.database)
    counts: Counter[Answer] = Counter()
    bad = Namer()

    def email_of(raw: bytes) -> str:
        return cells_of(table, raw)[place].strip()

    rows = _rows(table, place, bad, advance)
    with raw_writer(target, table) as write:
        write(line_of(table, header))
        async with aclosing(filter_list(services, question, rows, email_of, utc_now())) as blocks:
            async for block in blocks:
                for code, answer in enumerate(block.answers):
                    counts[answer] += block.codes.count(code)
                for raws, codes in block.pieces():
                    answers = [block.answers[code] for code in codes]
                    if reasons:
                        write(b"".join(map(partial(_with_answer, table), raws, answers)))
                    else:
                        write(b"".join(compress(raws, [allowed for allowed, _ in answers])))
    _summary(+counts, bad.number, cursor)


def _header(table: Table, *, reasons: bool) -> list[str]:
    names = {cell.strip().casefold() for cell in table.header}
    if reasons and (there := [name for name in ADDED if name in names]):
        raise CommandError(f"{table.name}: has a column '{there[0]}' already; rename it, or leave it out")
    return [*table.header, *ADDED] if reasons else table.header


def _rows(table: Table, place: int, bad: Namer, advance: Callable[[], None]) -> Iterator[ListRows]:
    """The rows that could be read; the others are named and left out."""
    line_end = table.dialect.line_end.encode()
    for batch in table.batches:
        good = [row for row in batch if row.fault is None]
        if len(good) < len(batch):
            for row in batch:
                if row.fault is not None:
                    bad(row.line, row.fault)
        raws = [row.raw for row in good]
        if raws and not raws[-1].endswith(b"\n"):
            # The last line of a file may end without one.
            raws[-1] = raws[-1].rstrip(b"\r") + line_end
        yield ListRows([row.cells[place].strip() for row in good], raws)
        advance()


def _with_answer(table: Table, raw: bytes, answer: Answer) -> bytes:
    allowed, reason = answer
    added = table.dialect.delimiter.join(("", "yes" if allowed else "no", reason)).encode()
    body = raw.rstrip(b"\r\n")
    return body + added + raw[len(body) :]


def _summary(counts: Counter[Answer], bad: int, cursor: int) -> None:
    kept = sum(number for (allowed, _), number in counts.items() if allowed)
    print(f"{kept} of {counts.total() + bad} rows may be sent to", file=sys.stderr)
    for (allowed, reason), number in sorted(counts.items(), key=lambda each: (not each[0][0], -each[1])):
        print(f"  {number:>9} {'yes' if allowed else 'no ':<3} {reason}", file=sys.stderr)
    if bad:
        print(f"  {bad:>9} no  not read", file=sys.stderr)
    print(f"As of cursor {cursor}: GET /v1/changes?after={cursor} tells who stopped since.", file=sys.stderr)
