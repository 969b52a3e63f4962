"""The entries of a batch: made, chained to those before, sealed and folded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from prefcenter.domain.choices import Action, Entry, Source
from prefcenter.domain.folding import fold
from prefcenter.domain.judge import Verdict
from prefcenter.storage import rows
from prefcenter.storage.batch import Batch
from prefcenter.storage.fields import to_micros
from prefcenter.storage.people import Contact
from prefcenter.storage.third_parties import note_ended


def entry_id(now: datetime) -> str:
    """Milliseconds and 80 random bits, as in a UUIDv7 (RFC 9562 5.7): neighbours in time share a page."""
    return f"{to_micros(now) // 1000:012x}{os.urandom(10).hex()}"


def new_entry(
    batch: Batch,
    wide: bytes,
    subject: str | None,
    channel: str,
    purpose: str,
    action: Action,
    source: Source,
    verdict: Verdict,
    now: datetime,
    version: int | None = None,
    target: str | None = None,
    until: datetime | None = None,
) -> Entry:
    """The next entry of the ledger, by what a choice came to."""
    return Entry(
        batch.seq + 1,
        entry_id(now),
        subject,
        wide,
        channel,
        purpose,
        action,
        source,
        verdict.cause,
        verdict.effect,
        verdict.reason,
        verdict.occurred_at,
        now,
        version,
        verdict.proof,
        target,
        until,
    )


def add(batch: Batch, entry: Entry, evidence: Any, left: Contact | None = None) -> None:
    """Take the entry up with its evidence. `left`: as for `note_ended`."""
    payload = rows.payload_bytes(_with_wording_kept(batch, evidence, entry.recorded_at))
    salt = os.urandom(16)
    digest = rows.payload_digest(salt, payload)
    row = rows.entry_row(entry)
    batch.seq = entry.seq
    batch.chain = rows.chain_value(batch.chain, row, digest)
    batch.ledger.append((*row, digest, batch.chain))
    batch.payloads.append((entry.seq, salt, batch.vault.seal(payload)))
    batch.new_entries.append(entry)
    note_ended(batch, entry, left)
    fold(batch.state, entry, batch.purposes.find)
    if entry.wide in batch.history:
        batch.history[entry.wide].append(entry)


def _with_wording_kept(batch: Batch, evidence: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
    """Words shown to many are kept once, under their digest; the evidence names them by it."""
    text = evidence.get("wording")
    if text is None:
        return evidence
    digest = hashlib.sha256(text.encode()).hexdigest()
    batch.wordings.append((digest, evidence.get("language", "und"), text, to_micros(now)))
    return {**evidence, "wording": digest}
