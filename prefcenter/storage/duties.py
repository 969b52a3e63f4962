"""Periodic duties: a row each, claimed by a conditional update, so there is no leader."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from prefcenter.storage.database import AnyDatabase
from prefcenter.storage.fields import to_micros
from prefcenter.storage.mail_in import forget_mails_in

_SEED = "INSERT INTO duty (name, next_run, token) VALUES ($1, $2, 0) ON CONFLICT (name) DO NOTHING"
_CLAIM = "UPDATE duty SET next_run = $1, token = token + 1 WHERE name = $2 AND next_run <= $3 RETURNING token"
_RESULT = "SELECT result FROM duty WHERE name = $1"
_KEEP_RESULT = (
    "INSERT INTO duty (name, result, next_run, token) VALUES ($1, $2, $3, 0) "
    "ON CONFLICT (name) DO UPDATE SET result = excluded.result, next_run = excluded.next_run"
)

ANSWERS_KEPT = timedelta(days=7)
DELIVERIES_KEPT = timedelta(days=90)
MAILS_KEPT = timedelta(days=90)
IMPORTS_KEPT = timedelta(days=90)
HOOK_BODIES_KEPT = timedelta(days=30)
#: The schedule of a stop takes 30 days; what is open after this waits for an endpoint that nobody turns on.
DELIVERIES_WAIT = timedelta(days=35)

# Pending for an endpoint that answered 410 or was deleted since, or for one that is turned off for good.
_ABANDON = """
UPDATE delivery SET state = 'failed', body = NULL, last_error = $1, ended_at = $2
WHERE state = 'pending' AND (created_at < $3 OR connection_id NOT IN (
    SELECT id FROM connection WHERE state <> 'gone'))
RETURNING id
"""
_NOBODY = "the webhook is gone, deleted or was turned off for too long"

log = structlog.get_logger(__name__)


async def claim_duty(database: AnyDatabase, name: str, every: timedelta, now: datetime) -> bool:
    """Whether this process does the duty now; nobody else will for `every`."""
    async with database.write() as tx:
        await tx.fetch(_SEED, name, to_micros(now))
        return bool(await tx.fetch(_CLAIM, to_micros(now + every), name, to_micros(now)))


async def duty_result(database: AnyDatabase, name: str) -> str | None:
    """What the duty last kept; None: nothing yet."""
    async with database.read() as tx:
        found = await tx.fetch(_RESULT, name)
    return found[0][0] if found else None


async def keep_result(database: AnyDatabase, name: str, result: str, next_run: datetime) -> None:
    """Keep what a duty came to, or how far it has come; nobody else does it before `next_run`."""
    async with database.write() as tx:
        await tx.fetch(_KEEP_RESULT, name, result, to_micros(next_run))


async def clean_up(database: AnyDatabase, now: datetime) -> None:
    """Delete what has served: stored answers, ended deliveries and mails, how far imports came, the
    bodies of received hooks and mails.

    Deliveries that nobody will ever take end here, loudly: an open one keeps a sealed address.
    """
    async with database.write() as tx:
        at = to_micros(now)
        abandoned = await tx.fetch(_ABANDON, _NOBODY, at, to_micros(now - DELIVERIES_WAIT))
        await tx.fetch("DELETE FROM idempotency_key WHERE created_at < $1", to_micros(now - ANSWERS_KEPT))
        await tx.fetch("DELETE FROM delivery WHERE ended_at < $1", to_micros(now - DELIVERIES_KEPT))
        await tx.fetch("DELETE FROM mail WHERE ended_at < $1", to_micros(now - MAILS_KEPT))
        await tx.fetch("DELETE FROM import_run WHERE updated_at < $1", to_micros(now - IMPORTS_KEPT))
        await tx.fetch(
            "UPDATE hook_event SET body = NULL WHERE body IS NOT NULL AND received_at < $1",
            to_micros(now - HOOK_BODIES_KEPT),
        )
        await forget_mails_in(tx, now)
    for (delivery,) in abandoned:
        log.error("delivery failed", delivery=delivery, reason=_NOBODY)
