"""Rows of the tables to the domain's values and back, and the digests that show any later change."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from prefcenter.domain.choices import Action, Cause, Effect, Entry, Proof, Source, Status
from prefcenter.domain.facts import NO_FACTS, Facts
from prefcenter.domain.standing import Standing, Stop
from prefcenter.storage.database import Row
from prefcenter.storage.fields import from_micros, to_micros

#: What the first entry's chain value builds on.
GENESIS = bytes(32)

#: Under this key the evidence of a fact has what was said, to be read again when a past day is decided.
FACTS = "facts"

_json = msgspec.json.Encoder(order="deterministic")
_facts = msgspec.json.Decoder(Facts)

# To look a word up takes a quarter of the time of asking the enum, and a long list asks for everybody.
STATUS = {status.value: status for status in Status}
PROOF = {proof.value: proof for proof in Proof}
_CAUSE = {cause.value: cause for cause in Cause}
_SOURCE = {source.value: source for source in Source}


def stop_from(row: Row) -> Stop:
    wide, channel, purpose, cause, source, seq, entry, at, recorded_at = row
    return Stop(
        bytes(wide),
        channel,
        purpose,
        _CAUSE[cause],
        _SOURCE[source],
        seq,
        entry,
        from_micros(at),
        from_micros(recorded_at),
    )


def stop_row(stop: Stop) -> Row:
    return (
        stop.wide,
        stop.channel,
        stop.purpose,
        stop.cause,
        stop.source,
        stop.seq,
        stop.entry,
        to_micros(stop.at),
        to_micros(stop.recorded_at),
    )


def standing_from(row: Row) -> Standing:
    subject, purpose, channel, status, seq, entry, at, proof, version, until, said_at, *about_change = row
    declined, noticed, noticed_at = about_change
    return Standing(
        subject,
        purpose,
        channel,
        STATUS[status],
        seq,
        entry,
        from_micros(at),
        from_micros(said_at),
        PROOF[proof],
        version,
        None if until is None else from_micros(until),
        declined,
        noticed,
        None if noticed_at is None else from_micros(noticed_at),
    )


def standing_row(standing: Standing) -> Row:
    return (
        standing.subject,
        standing.purpose,
        standing.channel,
        standing.status,
        standing.seq,
        standing.entry,
        to_micros(standing.at),
        standing.proof,
        standing.version,
        None if standing.until is None else to_micros(standing.until),
        to_micros(standing.said_at),
        standing.declined,
        standing.noticed,
        None if standing.noticed_at is None else to_micros(standing.noticed_at),
    )


def entry_from(row: Row) -> Entry:
    """An entry from the columns of `statements.LEDGER_COLUMNS`."""
    return Entry(
        row[0],
        row[1],
        row[2],
        bytes(row[3]),
        row[4],
        row[5],
        Action(row[6]),
        Source(row[7]),
        None if row[8] is None else Cause(row[8]),
        Effect(row[9]),
        row[10],
        from_micros(row[11]),
        from_micros(row[12]),
        row[13],
        None if row[14] is None else Proof(row[14]),
        row[15],
        None if row[16] is None else from_micros(row[16]),
    )


def entry_row(entry: Entry) -> Row:
    """The columns of `statements.LEDGER_COLUMNS`, in that order."""
    return (
        entry.seq,
        entry.entry,
        entry.subject,
        entry.wide,
        entry.channel,
        entry.purpose,
        entry.action,
        entry.source,
        entry.cause,
        entry.effect,
        entry.reason,
        to_micros(entry.occurred_at),
        to_micros(entry.recorded_at),
        entry.version,
        entry.proof,
        entry.target,
        None if entry.until is None else to_micros(entry.until),
    )


def payload_bytes(evidence: Mapping[str, Any]) -> bytes:
    return _json.encode(evidence)


def payload_digest(salt: bytes, payload: bytes) -> bytes:
    """Says nothing once the salt is gone, so evidence can be erased and the ledger still verifies."""
    return hashlib.sha256(salt + payload).digest()


def chain_value(before: bytes, row: Row, digest: bytes) -> bytes:
    """Binds a row to all rows before it."""
    return hashlib.sha256(before + digest + _json.encode(row)).digest()


def facts_from(body: str | None) -> Facts:
    return NO_FACTS if body is None else _facts.decode(body)


#: Facts that cannot be read, with no field set: whatever asks for one fails, and every decision asks.
UNREADABLE = object.__new__(Facts)


def facts_if_readable(body: str) -> Facts:
    """One person's facts among those of many: UNREADABLE instead of an error."""
    try:
        return facts_from(body)
    except (msgspec.DecodeError, UnicodeError):
        return UNREADABLE


def facts_body(facts: Mapping[str, Any]) -> str:
    return _json.encode(facts).decode()


def facts_dict(body: str) -> dict[str, Any]:
    """The facts as they were said, to be merged with what is said next."""
    return msgspec.json.decode(body, type=dict[str, Any])


def facts_of(facts: Mapping[str, Any]) -> Facts:
    return msgspec.convert(facts, Facts)
