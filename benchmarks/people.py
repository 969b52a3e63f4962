"""A database full of people, filled as the journal would have, only faster."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from benchmarks.clicks import address_of
from prefcenter.bootstrap import apply_if_empty, open_services
from prefcenter.domain.addresses import Fingerprinter, Fingerprints, parse_email
from prefcenter.domain.choices import Action, Cause, Effect, Entry, Proof, Source
from prefcenter.domain.folding import fold
from prefcenter.domain.purposes import ANY
from prefcenter.domain.standing import State
from prefcenter.settings import Settings
from prefcenter.storage import rows
from prefcenter.storage.database import Row, database_for
from prefcenter.storage.entries import entry_id
from prefcenter.storage.fields import to_micros
from prefcenter.storage.statements import LEDGER_COLUMNS, STANDING_COLUMNS, STOP_COLUMNS
from prefcenter.storage.vault import Vault
from prefcenter.storage.verify import verify
from prefcenter.use_cases.services import Services

CHUNK = 20_000
#: Every tenth person has stopped something else before.
STOPPED_EVERY = 10
#: Of every second person we know where they live.
PLACED_EVERY = 2
COUNTRIES = ("DE", "FR", "GB", "US-CA", "CA")
#: A wrong row is as wrong among few as among many, and sooner found.
VERIFIED_UP_TO = 20_000


def _plain(columns: str) -> str:
    return columns.replace(",", "").replace('"', "")


COLUMNS = {
    "subject": "id created_at",
    "contact_point": "subject_id channel sealed narrow wide epoch",
    "ledger": _plain(LEDGER_COLUMNS) + " digest chain",
    "payload": "seq salt sealed",
    "standing": _plain(STANDING_COLUMNS),
    "stop": _plain(STOP_COLUMNS),
    "fact": "subject_id seq body",
}
Chunk = dict[str, list[Row]]


def settings_of(environ: dict[str, str], folder: Path) -> Settings:
    ours = {name: value for name, value in environ.items() if name.startswith("PREFCENTER_")}
    return Settings.from_environ(ours, folder=folder)


async def fill(settings: Settings, number: int) -> None:
    """People with an address and a yes to the newsletter each; every tenth with a stop of partner-offers,
    every second with a country."""
    now = datetime.now(UTC)
    async with open_services(settings) as services:
        await apply_if_empty(services, now)
        maker = _Maker(services, now - timedelta(days=30))
    async with _writing(settings.database_url) as write:
        for first in range(0, number, CHUNK):
            await write(maker.make(range(first, min(first + CHUNK, number))))
    if number <= VERIFIED_UP_TO:
        async with open_services(settings) as services:
            problems = await verify(services.database, services.catalogs, services.vault)
            if problems:
                raise RuntimeError(f"the people are not as the journal would have written them: {problems}")


class _Maker:
    """The rows of people, with a ledger that `verify` finds nothing wrong with."""

    def __init__(self, services: Services, at: datetime) -> None:
        self._find = services.catalogs.find
        self._vault: Vault = services.vault
        self._fingerprinter: Fingerprinter = services.fingerprinter
        self._at = at
        self._seq = 0
        self._chain = rows.GENESIS
        # Asking the system for so many random ids would take longer than all the rest.
        self._random = random.Random()
        # Nobody reads the evidence here, so one will do, with its salt and its digest.
        evidence = rows.payload_bytes({"method": "bench", "url": "https://www.example.com/newsletter"})
        self._salt = os.urandom(16)
        self._digest = rows.payload_digest(self._salt, evidence)
        self._sealed = self._vault.seal(evidence)

    def _id(self) -> str:
        return self._random.randbytes(16).hex()

    def make(self, numbers: Sequence[int]) -> Chunk:
        chunk: Chunk = {table: [] for table in COLUMNS}
        state = State()
        at = to_micros(self._at)
        for number in numbers:
            subject, address = self._id(), address_of(number)
            found = self._fingerprinter.of_email(parse_email(address))
            sealed = self._vault.seal(address.encode())
            chunk["subject"].append((subject, at))
            chunk["contact_point"].append((subject, "email", sealed, found.narrow, found.wide, 0))
            state.live_at(subject, frozenset({found.wide}))
            for entry in self._entries(number, subject, found):
                self._record(chunk, entry)
                fold(state, entry, self._find)
                if entry.action is Action.FACT:
                    country = COUNTRIES[number // PLACED_EVERY % len(COUNTRIES)]
                    chunk["fact"].append((subject, entry.seq, rows.facts_body({"country": country})))
        chunk["standing"] += [
            rows.standing_row(one) for held in state.standings.values() for one in held.values()
        ]
        chunk["stop"] += [rows.stop_row(one) for held in state.stops.values() for one in held.values()]
        return chunk

    def _entries(self, number: int, subject: str, found: Fingerprints) -> Iterator[Entry]:
        if number % PLACED_EVERY == 0:
            yield self._entry(subject, found, ANY, Action.FACT, Source.SYSTEM, None, None)
        yield self._entry(subject, found, "newsletter", Action.GIVE, Source.FORM, None, Proof.ATTESTED)
        if number % STOPPED_EVERY == 0:
            yield self._entry(
                None, found, "partner-offers", Action.WITHDRAW, Source.ONE_CLICK, Cause.WITHDRAWN, None
            )

    def _entry(
        self,
        subject: str | None,
        found: Fingerprints,
        purpose: str,
        action: Action,
        source: Source,
        cause: Cause | None,
        proof: Proof | None,
    ) -> Entry:
        self._seq += 1
        return Entry(
            *(self._seq, entry_id(self._at), subject, found.wide, "email", purpose, action, source, cause),
            *(Effect.APPLIED, None, self._at, self._at, 1, proof),
        )

    def _record(self, chunk: Chunk, entry: Entry) -> None:
        row = rows.entry_row(entry)
        self._chain = rows.chain_value(self._chain, row, self._digest)
        chunk["ledger"].append((*row, self._digest, self._chain))
        chunk["payload"].append((entry.seq, self._salt, self._sealed))


@asynccontextmanager
async def _writing(url: str) -> AsyncIterator[Any]:
    async with _copying(url) if url.startswith("postgres") else _inserting(url) as write:
        yield write


@asynccontextmanager
async def _copying(url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            # Tables emptied in the same transaction are filled without a write-ahead log.
            await connection.execute(f"TRUNCATE {', '.join(COLUMNS)}")

            async def write(chunk: Chunk) -> None:
                for table, records in chunk.items():
                    await connection.copy_records_to_table(
                        table, records=records, columns=COLUMNS[table].split()
                    )

            yield write
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


@asynccontextmanager
async def _inserting(url: str) -> AsyncIterator[Any]:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    try:
        connection.execute("PRAGMA journal_mode=OFF")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-1000000")

        async def write(chunk: Chunk) -> None:
            for table, records in chunk.items():
                columns = COLUMNS[table].split()
                names = ", ".join(f'"{name}"' for name in columns)
                marks = ", ".join("?" * len(columns))
                connection.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', records)
            connection.commit()

        yield write
        connection.execute("ANALYZE")
        connection.commit()
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


async def ledger_length(url: str) -> int:
    """How many entries were ever recorded."""
    database = database_for(url)
    await database.open()
    try:
        async with database.read() as tx:
            found = await tx.fetch("SELECT coalesce(max(seq), 0) FROM ledger")
            return int(found[0][0])
    finally:
        await database.close()


async def forget_stops(url: str, after: int) -> None:
    """Let stops recorded after this entry never have been, so that the same people can click anew."""
    database = database_for(url)
    await database.open()
    try:
        async with database.write() as tx:
            await tx.fetch("DELETE FROM stop WHERE seq > $1", after)
        if database.dialect == "postgres":
            async with database.read() as tx:
                await tx.fetch("VACUUM stop")
    finally:
        await database.close()
