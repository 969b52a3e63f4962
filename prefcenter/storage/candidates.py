"""Whoever a message of one purpose is meant for, with all that decides on it: one statement for a set.

This is the hot read. `reading.py` reads all there is of a person, this what one (purpose, channel) needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from prefcenter.domain.addresses import Fingerprints
from prefcenter.domain.facts import Facts
from prefcenter.domain.standing import Standing, Stop
from prefcenter.storage import rows
from prefcenter.storage.database import AnyDatabase, Row, Tx
from prefcenter.storage.fields import from_micros
from prefcenter.storage.statements import HEAD, STOP_COLUMNS

#: Addresses asked for in one statement; SQLite takes two parameters for each.
MOST = {"postgres": 2_000, "sqlite": 400}


class Matter(NamedTuple):
    """What is to be sent. `dated`: it depends on since when we know a person (`Purpose.is_dated`)."""

    purpose: str
    channel: str
    dated: bool


class Candidate(NamedTuple):
    """What decides on one recipient. `spelling`: the address is known in another spelling only."""

    standing: Standing | None = None
    stops: Sequence[Stop] = ()
    facts_body: str | None = None
    known_since: datetime | None = None
    spelling: bool = False

    def facts(self) -> Facts:
        """Raises msgspec's ValidationError or DecodeError for what nobody here wrote."""
        return _facts(self.facts_body)


NOBODY = Candidate()


# Of a standing, what decides; the purpose and the channel are those that were asked about.
_STANDING_COLUMNS = 'status, seq, entry, "at", proof, version, until, declined, noticed, noticed_at'


def _named(table: str, columns: str) -> str:
    return ", ".join(f"{table}.{name}" for name in columns.split(", "))


# A row for each stop of each person at each address; `n` is the place of the address in the question. The
# addresses are of email, whatever channel is asked about.
_CANDIDATES = f"""
SELECT a.n, c.narrow, {{since}}, f.body, {_named("g", _STANDING_COLUMNS)}, {_named("t", STOP_COLUMNS)}
FROM {{asked}}
LEFT JOIN contact_point c ON c.wide = a.wide AND c.channel = 'email'
{{subject}}
LEFT JOIN fact f ON f.subject_id = c.subject_id
LEFT JOIN standing g ON g.subject_id = c.subject_id AND g.purpose = $2 AND g.channel = $1
LEFT JOIN contact_point o ON o.subject_id = c.subject_id AND o.channel <> 'email'
LEFT JOIN stop t ON t.wide {{of_these}} AND t.purpose IN ('*', $2)
WHERE c.id IS NOT NULL OR t.id IS NOT NULL
"""
_SUBJECT = "LEFT JOIN subject s ON s.id = c.subject_id"
_STANDING_AT = 4
_STOP_AT = _STANDING_AT + len(_STANDING_COLUMNS.split(", "))


def on_postgres(*, dated: bool) -> str:
    """The statement; $1 channel, $2 purpose, $3 the addresses' wide fingerprints."""
    return _CANDIDATES.format(
        since="s.created_at" if dated else "NULL::bigint",
        subject=_SUBJECT if dated else "",
        asked="unnest($3::bytea[]) WITH ORDINALITY AS a(wide, n)",
        # As an array it is one look into the index; a list would become two conditions with OR.
        of_these="= ANY (ARRAY[a.wide, o.wide])",
    )


_POSTGRES = {dated: on_postgres(dated=dated) for dated in (False, True)}


@lru_cache(maxsize=4)
def _on_sqlite(number: int, dated: bool) -> str:
    asked = ", ".join(f"(${place + 3}, {place + 1})" for place in range(number))
    return _CANDIDATES.format(
        since="s.created_at" if dated else "NULL",
        subject=_SUBJECT if dated else "",
        asked=f"(SELECT column1 AS wide, column2 AS n FROM (VALUES {asked})) a",
        of_these="IN (a.wide, o.wide)",
    )


async def candidates(
    database: AnyDatabase, addresses: Sequence[Fingerprints], matter: Matter
) -> list[Candidate]:
    """For each address, in order. At most `MOST` of them. Raises StorageUnavailable."""
    async with database.lookup() as tx:
        return await _find(tx, database.dialect, addresses, matter)


async def head_and_candidates(
    database: AnyDatabase, addresses: Sequence[Fingerprints], matter: Matter
) -> tuple[int, list[Candidate]]:
    """The ledger's head as it was before, so that whoever stops meanwhile shows in what came after it."""
    async with database.lookup() as tx:
        return await _head(tx), await _find(tx, database.dialect, addresses, matter)


async def ledger_head(database: AnyDatabase) -> int:
    """The ledger's last `seq`; 0 while it is empty."""
    async with database.lookup() as tx:
        return await _head(tx)


async def _head(tx: Tx) -> int:
    found = await tx.fetch(HEAD)
    return found[0][0] if found else 0


async def _find(tx: Tx, dialect: str, addresses: Sequence[Fingerprints], matter: Matter) -> list[Candidate]:
    if not addresses:
        return []
    wides = [address.wide for address in addresses]
    purpose, channel, dated = matter
    if dialect == "postgres":
        found = await tx.fetch(_POSTGRES[dated], channel, purpose, wides)
    else:
        found = await tx.fetch(_on_sqlite(len(wides), dated), channel, purpose, *wides)
    return _in_order(found, addresses, matter)


def _in_order(found: Iterable[Row], addresses: Sequence[Fingerprints], matter: Matter) -> list[Candidate]:
    grouped: list[list[Row]] = [_NONE] * len(addresses)
    for row in found:
        place = row[0] - 1
        if grouped[place] is _NONE:
            grouped[place] = [row]
        else:
            grouped[place].append(row)
    return [
        candidate_of(of_one, address, matter) if of_one else NOBODY
        for of_one, address in zip(grouped, addresses, strict=True)
    ]


_NONE: list[Row] = []


def candidate_of(of_one: list[Row], address: Fingerprints, matter: Matter) -> Candidate:
    """From all rows of an address."""
    if len(of_one) > 1:
        narrows = {row[1] for row in of_one}
        if address.narrow not in narrows and len(narrows) > 1:
            # Several people have other spellings of it: nobody is meant, and what stops the address holds.
            return Candidate(stops=_stops(row for row in of_one if row[_STOP_AT] == address.wide))
        narrow = address.narrow if address.narrow in narrows else narrows.pop()
        of_one = [row for row in of_one if row[1] == narrow]
    first = of_one[0]
    if first[1] is None:
        return Candidate(stops=_stops(of_one))
    return Candidate(
        _standing(first[_STANDING_AT:_STOP_AT], matter) if first[_STANDING_AT] is not None else None,
        _stops(of_one) if first[_STOP_AT] is not None else (),
        first[3],
        None if first[2] is None else from_micros(first[2]),
        first[1] != address.narrow,
    )


def _standing(row: Row, matter: Matter) -> Standing:
    status, seq, entry, given, proof, version, until, declined, noticed, noticed_at = row
    at = from_micros(given)
    return Standing(
        "",
        matter.purpose,
        matter.channel,
        rows.STATUS[status],
        seq,
        entry,
        at,
        at,
        rows.PROOF[proof],
        version,
        None if until is None else from_micros(until),
        declined,
        noticed,
        None if noticed_at is None else from_micros(noticed_at),
    )


def _stops(of_one: Iterable[Row]) -> Sequence[Stop]:
    return tuple({row[_STOP_AT:]: rows.stop_from(row[_STOP_AT:]) for row in of_one if row[_STOP_AT]}.values())


@lru_cache(maxsize=4096)
def _facts(body: str | None) -> Facts:
    return rows.facts_from(body)
