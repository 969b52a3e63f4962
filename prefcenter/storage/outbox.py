"""Events for marketing tools: born in the choice's own transaction, with a body that never changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from prefcenter.domain.choices import Entry
from prefcenter.storage.database import Row
from prefcenter.storage.fields import to_micros
from prefcenter.storage.people import new_id
from prefcenter.storage.vault import Vault

CHOICE_RECORDED = "choice.recorded"
STANDING_CHANGED = "standing.changed"
SUBJECT_ERASED = "subject.erased"
PURPOSE_CHANGED = "purpose.changed"

#: Every event that a webhook endpoint can ask for.
EVENTS = (CHOICE_RECORDED, STANDING_CHANGED, SUBJECT_ERASED, PURPOSE_CHANGED)

_json = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Endpoint:
    id: str
    events: frozenset[str]


@dataclass(frozen=True, slots=True)
class Who:
    """The person of an event, as far as they are known."""

    id: str | None
    email: str | None
    external_ids: Sequence[str]


def event_body(event: str, at: datetime, data: Any) -> bytes:
    """The payload of the Standard Webhooks specification: type, timestamp, data."""
    return _json.encode({"type": event, "timestamp": at, "data": data})


def choice_data(entry: Entry, who: Who) -> dict[str, Any]:
    """`fingerprint`: names the address where we do not know it, as `/v1/links` did when it was minted."""
    return {
        "entry": entry.entry,
        "cursor": entry.seq,
        "action": entry.action,
        "source": entry.source,
        "purpose": entry.purpose,
        "channel": entry.channel,
        "effect": entry.effect,
        "reason": entry.reason,
        "occurred_at": entry.occurred_at,
        "recorded_at": entry.recorded_at,
        "fingerprint": entry.wide.hex(),
        "subject": who,
    }


def delivery_row(
    vault: Vault, endpoint: str, seq: int, event: str, body: bytes, *, suppressing: bool, now: datetime
) -> Row:
    """Of `statements.ADD_DELIVERY`. The id is the webhook-id of every attempt."""
    at = to_micros(now)
    return (new_id(), endpoint, seq, event, suppressing, vault.seal(body), "pending", 0, at, at, 0)
