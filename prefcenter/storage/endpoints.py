"""Webhook endpoints of marketing tools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from prefcenter.storage.database import Row, insert
from prefcenter.storage.fields import to_micros
from prefcenter.storage.models import Connection
from prefcenter.storage.orm import tortoise_errors
from prefcenter.storage.people import new_id
from prefcenter.storage.vault import Vault

ENABLED, DISABLED, GONE = "enabled", "disabled", "gone"


@dataclass(frozen=True, kw_only=True, slots=True)
class Webhook:
    """`state`: enabled, disabled (by its owner), gone (it answered 410)."""

    id: str
    url: str
    events: tuple[str, ...]
    description: str
    state: str
    state_reason: str | None
    created_at: datetime


ADD_WEBHOOK = insert(
    "connection",
    {
        "id": "text",
        "url": "text",
        "events": "text",
        "description": "text",
        "secret": "bytea",
        "state": "text",
        "created_at": "bigint",
    },
)


def webhook_row(webhook: Webhook, secret: str, vault: Vault) -> Row:
    """Of ADD_WEBHOOK."""
    return (
        webhook.id,
        webhook.url,
        " ".join(webhook.events),
        webhook.description,
        vault.seal(secret.encode()),
        webhook.state,
        to_micros(webhook.created_at),
    )


def new_webhook(*, url: str, events: Sequence[str], description: str, now: datetime) -> Webhook:
    return Webhook(
        id=new_id(),
        url=url,
        events=tuple(sorted(set(events))),
        description=description,
        state=ENABLED,
        state_reason=None,
        created_at=now,
    )


async def list_webhooks() -> list[Webhook]:
    with tortoise_errors():
        return [_webhook(row) for row in await Connection.all().order_by("created_at", "id")]


async def change_webhook(id_: str, changes: dict[str, object]) -> Webhook | None:
    """Set what `changes` names of url, events, description and state; None: no such endpoint."""
    with tortoise_errors():
        if changes and not await Connection.filter(id=id_).update(**changes):
            return None
        row = await Connection.get_or_none(id=id_)
    return None if row is None else _webhook(row)


async def delete_webhook(id_: str) -> bool:
    with tortoise_errors():
        return bool(await Connection.filter(id=id_).delete())


def _webhook(row: Connection) -> Webhook:
    return Webhook(
        id=row.id,
        url=row.url,
        events=tuple(row.events.split()),
        description=row.description,
        state=row.state,
        state_reason=row.state_reason,
        created_at=row.created_at,
    )
