"""Import people, facts and choices from a table: a chunk a transaction, with how far the file has come."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from prefcenter.domain.addresses import parse_email
from prefcenter.domain.choices import STOPS, Action, Choice, Effect, Source
from prefcenter.domain.purposes import ANY
from prefcenter.storage.imports import ADD_CHUNK, MOVE_ON, ImportRun, Reached, chunk_row, moved_on
from prefcenter.storage.units import ChoiceItem, FactsItem, Outcome, Ref, Unit, UnitRefused
from prefcenter.tables.importing import Bad, Found, Skipped
from prefcenter.tables.rejects import Reject, no_rejects
from prefcenter.use_cases.record_choices import choice_errors
from prefcenter.use_cases.services import Services

#: Rows in one transaction, and rows where others have something to record as well: whoever clicks
#: *unsubscribe* meanwhile waits for one transaction at the most.
CHUNK = 512
CHUNK_AMONG_OTHERS = 8
#: Seconds for which it is thought that others who recorded something will do so again.
AMONG_OTHERS = 5.0
#: Seconds of small steps to begin with: nothing is known of the others yet.
LOOK_AROUND = 1.0
#: Rows that are read before the database is listened to again.
_AT_ONCE = 16

Row = Found | Bad | Skipped

RECORDED, FACTS, SKIPPED, REJECTED = "recorded", "facts", "skipped", "rejected"


class Fate(NamedTuple):
    """What became of a row, and why where it was not recorded as it is."""

    row: Row
    what: str
    reason: str | None = None

    @property
    def kind(self) -> str:
        """What it is counted as: `recorded give`, `skipped already_known`, `rejected`…"""
        if self.what == REJECTED:
            return REJECTED
        action = self.row.action if isinstance(self.row, Found) and self.what == RECORDED else None
        return " ".join(filter(None, (self.what, action, self.reason)))


class _Wanted(NamedTuple):
    """What of a row goes to the journal. `reason`: why its choice does not come along."""

    facts: FactsItem | None
    choice: ChoiceItem | None
    reason: str | None = None


class _Prepared(NamedTuple):
    """A row, and what of it is recorded, or its fate where nothing is.

    `number`: by it the journal names what it refuses.
    """

    number: int
    row: Row
    found: _Wanted | Fate


class Importer:
    """Records what a table says. `run` None: a rehearsal, which records nothing. `reject` keeps bad rows:
    each is on the disk before the chunk that it came with is committed.

    What an import cannot do (a yes where anything was ever said, a yes without evidence, a stop that stands
    already) leaves no entry; the fate of the row says why.
    """

    def __init__(
        self,
        services: Services,
        run: ImportRun | None,
        now: Callable[[], datetime],
        reject: Reject = no_rejects,
    ) -> None:
        self._services = services
        self._run = run
        self._now = now
        self._reject = reject
        self._head: int | None = None
        self._others_until = time.monotonic() + LOOK_AROUND
        self.reached = run.reached if run else Reached()

    async def take(self, rows: Iterable[Row], told: Callable[[Fate], None]) -> None:
        """Record every row, and tell what became of each. Raises StorageUnavailable and TableError."""
        prepared = (_Prepared(n, row, self._wanted(n, row, self._now())) for n, row in enumerate(rows))
        chunks = _chunks(prepared, self._size)
        ready: list[_Prepared] = await anext(chunks, [])
        while ready:
            begun, size = time.monotonic(), self._size()
            recorded = asyncio.create_task(self._take(ready[:size]))
            try:
                # While the database works.
                ready = ready[size:] or await anext(chunks, [])
            finally:
                for fate in await recorded:
                    told(fate)
            if self._run is not None and (size < CHUNK or self._services.database.dialect == "sqlite"):
                # Leave the others as much time as we took; SQLite gives the lock to whoever happens to ask.
                await asyncio.sleep(time.monotonic() - begun)

    def _size(self) -> int:
        among_others = self._run is not None and time.monotonic() < self._others_until
        return CHUNK_AMONG_OTHERS if among_others else CHUNK

    def _look_out(self, outcome: Outcome) -> None:
        """What was recorded since our last chunk was recorded by others."""
        if self._head is not None and outcome.before > self._head:
            self._others_until = time.monotonic() + AMONG_OTHERS
        self._head = outcome.head

    async def _take(self, chunk: Sequence[_Prepared]) -> list[Fate]:
        now = self._now()
        fates = {one.number: one.found for one in chunk if isinstance(one.found, Fate)}
        wanted = {one.number: one for one in chunk if one.number not in fates}
        rejects = self._reject(_bad(fates.values()))
        while True:
            try:
                outcome = await self._record(chunk, wanted, fates, rejects, now)
                break
            except UnitRefused as error:
                # One row is at odds with what is known; the others go on without it.
                odd = wanted.pop(error.index)
                fates[odd.number] = Fate(odd.row, REJECTED, f"{error.field}: {error}")
                rejects = self._reject(_bad([fates[odd.number]]))
        self._look_out(outcome)
        fates |= _fates(wanted, outcome)
        self.reached = self._after(chunk, fates, rejects)
        return [fates[one.number] for one in chunk]

    async def _record(
        self,
        chunk: Sequence[_Prepared],
        wanted: Mapping[int, _Prepared],
        fates: Mapping[int, Fate],
        rejects: int,
        now: datetime,
    ) -> Outcome:
        run = self._run

        def companions(outcome: Outcome) -> list[Any]:
            assert run is not None
            reached = self._after(chunk, {**fates, **_fates(wanted, outcome)}, rejects)
            rows = [(MOVE_ON, moved_on(run, reached, now, done=False))]
            if outcome.head > outcome.before:
                rows.append((ADD_CHUNK, chunk_row(run, outcome.before, outcome.head)))
            return rows

        items = [one.found for one in wanted.values() if isinstance(one.found, _Wanted)]
        unit = Unit(
            now=now,
            facts=tuple(one.facts for one in items if one.facts is not None),
            choices=tuple(one.choice for one in items if one.choice is not None),
            companions=None if run is None else companions,
            told=False,
            sparing=True,
        )
        journal = self._services.journal
        return await (journal.rehearse(unit) if run is None else journal.record(unit))

    def _after(self, chunk: Sequence[_Prepared], fates: Mapping[int, Fate], rejects: int) -> Reached:
        counts = Counter(self.reached.counts) + Counter(fate.kind for fate in fates.values())
        return Reached(chunk[-1].row.position, rejects, counts)

    def _wanted(self, number: int, row: Row, now: datetime) -> _Wanted | Fate:
        """What of a row goes to the journal, or its fate where nothing does."""
        if isinstance(row, Bad):
            return Fate(row, REJECTED, row.reason)
        if isinstance(row, Skipped):
            return Fate(row, SKIPPED, row.reason)
        parsed = parse_email(row.email)
        narrow, wide = self._services.fingerprinter.of_email(parsed)
        ref = Ref(wide=wide, narrow=narrow, address=parsed.narrow, external_id=row.external_id, create=True)
        choice = _choice(number, row, ref) if row.action is not None else None
        if choice is not None:
            errors = choice_errors(self._services, 0, choice, now)
            if errors:
                return Fate(row, REJECTED, "; ".join(f"{one.field}: {one.message}" for one in errors))
            if choice.choice.action in STOPS:
                return _Wanted(None, choice)
        facts = None
        if row.facts or row.external_id:
            facts = FactsItem(ref=ref, index=number, facts=msgspec.to_builtins(row.facts))
        if choice is None or _is_proved(choice):
            return _Wanted(facts, choice)
        # A yes without proof makes nobody known; a relationship may be a basis of its own.
        if facts is None or "relationship" not in facts.facts:
            return Fate(row, SKIPPED, "no_evidence")
        return _Wanted(facts, None, "no_evidence")


def _choice(number: int, row: Found, ref: Ref) -> ChoiceItem:
    action = Action(row.action or "")
    purpose = row.purpose or ANY
    choice = Choice(
        action=action,
        source=Source.IMPORT,
        purpose=purpose,
        channel=row.channel or (ANY if purpose == ANY else "email"),
        stated_at=row.occurred_at,
        wording=row.evidence.get("wording"),
    )
    if action in STOPS:
        # A stop needs nobody to be made known, and holds for the address whoever has it.
        ref = replace(ref, create=False)
    return ChoiceItem(ref=ref, index=number, choice=choice, evidence={"method": "import", **row.evidence})


def _is_proved(item: ChoiceItem) -> bool:
    """The time and the source of the person's own act, and its wording (docs/rules.md, "yes by import")."""
    choice, evidence = item.choice, item.evidence
    named = any(str(evidence.get(name) or "").strip() for name in ("source", "url"))
    return choice.stated_at is not None and bool((choice.wording or "").strip()) and named


def _fates(wanted: Mapping[int, _Prepared], outcome: Outcome) -> dict[int, Fate]:
    return dict(_each_fate(wanted, outcome))


def _each_fate(wanted: Mapping[int, _Prepared], outcome: Outcome) -> Iterator[tuple[int, Fate]]:
    results = iter(outcome.results)
    for number, row, found in wanted.values():
        if isinstance(found, _Wanted) and found.choice is None:
            yield number, Fate(row, FACTS, found.reason)
            continue
        result = next(results)
        if result.effect is Effect.NONE:
            yield number, Fate(row, SKIPPED, result.reason)
        else:
            yield number, Fate(row, RECORDED, result.note)


def _bad(fates: Iterable[Fate]) -> list[Bad]:
    return [
        Bad(fate.row.line, fate.row.position, fate.reason or "", list(fate.row.cells))
        for fate in fates
        if fate.what == REJECTED and not isinstance(fate.row, Skipped)
    ]


async def _chunks(rows: Iterable[_Prepared], size: Callable[[], int]) -> AsyncIterator[list[_Prepared]]:
    """Nobody is twice in one: what was said twice is recorded in its order. Gives way every few rows."""
    chunk: list[_Prepared] = []
    seen: set[str] = set()
    for one in rows:
        row = one.row
        names = {row.email.casefold(), f"id {row.external_id}"} if isinstance(row, Found) else set()
        names.discard("id None")
        if len(chunk) >= size() or names & seen:
            yield chunk
            chunk, seen = [], set()
        chunk.append(one)
        seen |= names
        if len(chunk) % _AT_ONCE == 0:
            await asyncio.sleep(0)
    if chunk:
        yield chunk
