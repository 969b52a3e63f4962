"""What is read for decisions, pages and the API: sets of people with what stands for and against them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from prefcenter.domain.addresses import Fingerprints, whose
from prefcenter.domain.choices import Entry
from prefcenter.domain.decide import Dossier
from prefcenter.domain.facts import NO_FACTS
from prefcenter.domain.standing import Standing, StandingKey, Stop
from prefcenter.storage import rows, statements
from prefcenter.storage.database import AnyDatabase, Row, Tx
from prefcenter.storage.fields import from_micros
from prefcenter.storage.units import Claim, KeyReused, StoredAnswer
from prefcenter.storage.vault import Vault

_CONTACT_COLUMNS = "c.subject_id, c.channel, c.narrow, c.wide, c.sealed, c.epoch, s.created_at"
_CONTACT_TABLES = "contact_point c JOIN subject s ON s.id = c.subject_id"
_CONTACTS = f"SELECT {_CONTACT_COLUMNS} FROM {_CONTACT_TABLES} WHERE c.{{column}} {{keys}} ORDER BY c.id"
_BY_WIDE = _CONTACTS.replace("{column}", "wide")
_BY_SUBJECT = _CONTACTS.replace("{column}", "subject_id")


@dataclass(frozen=True, slots=True)
class ContactPoint:
    subject: str
    channel: str
    narrow: bytes
    wide: bytes
    sealed: bytes
    epoch: datetime
    known_since: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Person(Dossier):
    """What is known of whoever has an address. `subject` None: nobody has it, but stops may stand."""

    subject: str | None = None
    contacts: Sequence[ContactPoint] = ()
    matched: str | None = None


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """An entry with its evidence; `evidence` None: erased."""

    entry: Entry
    evidence: dict[str, Any] | None


class Reader:
    """Reads of committed state, a set at a time."""

    def __init__(self, database: AnyDatabase, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def head(self) -> int:
        """The ledger's last `seq`; 0 while it is empty."""
        async with self._database.read() as tx:
            found = await tx.fetch(statements.HEAD)
        return found[0][0] if found else 0

    async def people_at(self, addresses: Sequence[Fingerprints], channel: str = "email") -> list[Person]:
        """Whoever has these addresses, in their order; one spelling apart counts if it is unambiguous."""
        async with self._database.read() as tx:
            contacts = await _contacts(tx, _BY_WIDE, "bytea", {address.wide for address in addresses})
            at: dict[bytes, list[ContactPoint]] = {}
            for contact in contacts:
                if contact.channel == channel:
                    at.setdefault(contact.wide, []).append(contact)
            wanted = [(*whose(a.narrow, at.get(a.wide, ())), (a.wide,)) for a in addresses]
            return await self._people(tx, wanted, {address.wide for address in addresses})

    async def people_named(self, subjects: Sequence[str | None]) -> list[Person]:
        """The people with these ids, in their order; unknown ids are nobody."""
        async with self._database.read() as tx:
            known = await _contacts(tx, _BY_SUBJECT, "text", {s for s in subjects if s})
            first = {contact.subject: contact for contact in reversed(known)}
            return await self._people(tx, [(first.get(s) if s else None, None, ()) for s in subjects], set())

    async def subjects_of(self, external_ids: Iterable[str]) -> dict[str, str]:
        async with self._database.read() as tx:
            return {
                row[0]: row[1] for row in await tx.among(statements.EXTERNAL_IDS, "text", set(external_ids))
            }

    async def _people(
        self,
        tx: Tx,
        wanted: Sequence[tuple[ContactPoint | None, str | None, Sequence[bytes]]],
        wides: set[bytes],
    ) -> list[Person]:
        subjects = {contact.subject for contact, _, _ in wanted if contact is not None}
        mine: dict[str, list[ContactPoint]] = {}
        for contact in await _contacts(tx, _BY_SUBJECT, "text", subjects):
            mine.setdefault(contact.subject, []).append(contact)
            wides.add(contact.wide)
        stops: dict[bytes, list[Stop]] = {}
        for row in await tx.among(statements.STOPS, "bytea", wides):
            stop = rows.stop_from(row)
            stops.setdefault(stop.wide, []).append(stop)
        standings: dict[str, dict[StandingKey, Standing]] = {}
        for row in await tx.among(statements.STANDINGS, "text", subjects):
            standing = rows.standing_from(row)
            standings.setdefault(standing.subject, {})[standing.key] = standing
        facts = {
            row[0]: rows.facts_if_readable(row[1])
            for row in await tx.among(statements.FACTS, "text", subjects)
        }
        people = []
        for found, matched, own in wanted:
            subject = found.subject if found else None
            contacts = mine.get(subject, []) if subject else []
            reached = {*own, *(one.wide for one in contacts)}
            people.append(
                Person(
                    subject=subject,
                    contacts=contacts,
                    stops=[stop for wide in reached for stop in stops.get(wide, ())],
                    standings=standings.get(subject, {}) if subject else {},
                    facts=facts.get(subject, NO_FACTS) if subject else NO_FACTS,
                    known_since=contacts[0].known_since if contacts else None,
                    matched=matched,
                )
            )
        return people

    async def answer_to(self, claim: Claim) -> StoredAnswer | None:
        """What was answered under this Idempotency-Key. Raises KeyReused if that was to something else."""
        async with self._database.read() as tx:
            found = await tx.among(statements.CLAIMS, "text", [claim.key])
        for api_key, _, fingerprint, status, response in found:
            if api_key == claim.api_key:
                if bytes(fingerprint) != claim.fingerprint:
                    raise KeyReused
                return StoredAnswer(status, self._vault.unseal(response))
        return None

    async def external_ids_of(self, subject: str) -> list[str]:
        async with self._database.read() as tx:
            return [row[1] for row in await tx.among(statements.EXTERNAL_IDS_OF, "text", [subject])]

    async def contact_at(self, narrow: bytes, wide: bytes) -> ContactPoint | None:
        async with self._database.read() as tx:
            found = await _contacts(tx, _BY_WIDE, "bytea", {wide})
        return next((contact for contact in found if contact.narrow == narrow), None)

    async def address_at(self, wide: bytes) -> str | None:
        """The address, where we have it and it is the only one of this wide form."""
        async with self._database.read() as tx:
            found = await _contacts(tx, _BY_WIDE, "bytea", {wide})
        return self.address(found[0]) if len(found) == 1 else None

    async def stops_at(self, wide: bytes) -> list[Stop]:
        async with self._database.read() as tx:
            return [rows.stop_from(row) for row in await tx.among(statements.STOPS, "bytea", [wide])]

    async def subjects_at(self, wides: set[bytes]) -> dict[bytes, list[str]]:
        """Everybody with an address of each wide form."""
        async with self._database.read() as tx:
            found = await _contacts(tx, _BY_WIDE, "bytea", wides)
        owners: dict[bytes, list[str]] = {}
        for contact in found:
            owners.setdefault(contact.wide, []).append(contact.subject)
        return owners

    async def ends_of_contacts(self) -> list[ContactPoint]:
        """The first and the last contact point ever made: a sample of what was sealed when."""
        sql = f"SELECT {_CONTACT_COLUMNS} FROM {_CONTACT_TABLES} ORDER BY c.id"
        async with self._database.read() as tx:
            return [_contact(row) for end in ("", " DESC") for row in await tx.fetch(f"{sql}{end} LIMIT 1")]

    async def all_contacts(self, channel: str) -> AsyncIterator[ContactPoint]:
        """Every contact point of a channel, a thousand at a time."""
        sql = (
            f"SELECT {_CONTACT_COLUMNS}, c.id FROM {_CONTACT_TABLES} "
            "WHERE c.id > $1 AND c.channel = $2 ORDER BY c.id LIMIT 1000"
        )
        last = 0
        while True:
            async with self._database.read() as tx:
                found = await tx.fetch(sql, last, channel)
            if not found:
                return
            last = found[-1][7]
            for row in found:
                yield _contact(row)

    def address(self, contact: ContactPoint) -> str:
        return self._vault.unseal(contact.sealed).decode()

    async def entries(self, ids: Iterable[str]) -> dict[str, Entry]:
        async with self._database.read() as tx:
            found = await tx.among(statements.ENTRIES_BY_ID, "text", set(ids))
        return {entry.entry: entry for entry in map(rows.entry_from, found)}

    async def items(self, ids: Iterable[str]) -> dict[str, HistoryItem]:
        """Entries with their evidence."""
        found = await self.entries(ids)
        async with self._database.read() as tx:
            payloads = await self._payloads(tx, [entry.seq for entry in found.values()])
        return {id_: HistoryItem(entry, payloads.get(entry.seq)) for id_, entry in found.items()}

    async def history(self, wides: Iterable[bytes], subject: str | None) -> list[HistoryItem]:
        """All entries of some addresses that concern this person, in the order they were committed."""
        async with self._database.read() as tx:
            found = [
                rows.entry_from(row)
                for row in await tx.among(statements.ENTRIES_BY_WIDE, "bytea", set(wides))
            ]
            entries = sorted((e for e in found if e.subject in (None, subject)), key=lambda e: e.seq)
            payloads = await self._payloads(tx, [entry.seq for entry in entries])
        return [HistoryItem(entry, payloads.get(entry.seq)) for entry in entries]

    async def changes(self, after: int, limit: int) -> list[Entry]:
        """Entries after a cursor, in the order they were committed."""
        sql = f"SELECT {statements.LEDGER_COLUMNS} FROM ledger WHERE seq > $1 ORDER BY seq LIMIT $2"
        async with self._database.read() as tx:
            return [rows.entry_from(row) for row in await tx.fetch(sql, after, limit)]

    async def _payloads(self, tx: Tx, seqs: Sequence[int]) -> dict[int, dict[str, Any]]:
        found = await tx.among(statements.PAYLOADS, "bigint", seqs)
        return {row[0]: msgspec.json.decode(self._vault.unseal(row[1])) for row in found}

    async def wordings(self, digests: Iterable[str]) -> dict[str, str]:
        async with self._database.read() as tx:
            found = await tx.among(
                "SELECT digest, text FROM wording WHERE digest {keys}", "text", set(digests)
            )
        return {row[0]: row[1] for row in found}

    async def deliveries_of(self, seqs: Iterable[int]) -> list[dict[str, Any]]:
        """How the events of some entries fare on their way to each connection."""
        sql = (
            "SELECT seq, connection_id, event, state, attempts, created_at, ended_at, last_error "
            "FROM delivery WHERE seq {keys} ORDER BY seq, id"
        )
        async with self._database.read() as tx:
            found = await tx.among(sql, "bigint", set(seqs))
        return [
            {
                "cursor": row[0],
                "webhook": row[1],
                "event": row[2],
                "state": row[3],
                "attempts": row[4],
                "queued_at": from_micros(row[5]),
                "ended_at": None if row[6] is None else from_micros(row[6]),
                "last_error": row[7],
            }
            for row in found
        ]


async def _contacts(tx: Tx, sql: str, kind: str, keys: set[Any]) -> list[ContactPoint]:
    return [_contact(row) for row in await tx.among(sql, kind, keys)]


def _contact(row: Row) -> ContactPoint:
    return ContactPoint(
        row[0],
        row[1],
        bytes(row[2]),
        bytes(row[3]),
        bytes(row[4]),
        from_micros(row[5]),
        from_micros(row[6]),
    )
