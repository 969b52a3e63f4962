"""The tables of the mailing providers: what they said, what they must be told, and what was compared."""

from __future__ import annotations

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from prefcenter.storage.fields import UtcMicrosField

CONNECTION = 64
SCOPE = 128


class HookEventRow(Model):
    """What a provider told us, sealed, under the provider's own event key.

    `state`: received, then what came of it (storage/hook_events.py). `first_seq` to `last_seq`: what it left
    in the ledger. `reason`: why it was set aside. `next_at`, `token`: the lease of whoever works on it.
    """

    id = fields.BigIntField(primary_key=True, generated=True)
    connection = fields.CharField(max_length=CONNECTION)
    event_key = fields.CharField(max_length=255)
    body_digest = fields.BinaryField()
    body = fields.BinaryField(null=True)
    state = fields.CharField(max_length=12)
    received_at = UtcMicrosField()
    kind = fields.CharField(max_length=24, db_default="")
    wide = fields.BinaryField(null=True)
    attempts = fields.IntField(db_default=0)
    next_at = UtcMicrosField(db_default=0)
    token = fields.IntField(db_default=0)
    first_seq = fields.BigIntField(null=True)
    last_seq = fields.BigIntField(null=True)
    reason = fields.CharField(max_length=200, null=True)

    class Meta:
        table = "hook_event"
        unique_together = (("connection", "event_key"),)
        indexes = (
            Index(fields=("state", "next_at"), name="hook_event_due"),
            Index(fields=("connection", "received_at"), name="hook_event_received"),
            Index(fields=("wide",), name="hook_event_wide"),
        )


class Level(Model):
    """What a connection must know of one address on one of its scopes: stopped, or not any more.

    `version`: the ledger's `seq` that last changed it, `sent` and `confirmed`: the versions that were sent
    and that the provider has. `stop_sent`: a stop was sent and no later resume is confirmed, so that its
    report is an echo, `resume_sent` likewise. `said_at`, `honour_by`: since when the stop is to be honoured,
    and until when by `law`. `sealed`: the address, until the level is confirmed. `token` fences off a worker
    whose lease ran out. `confirmed_by`: answer, echo, reconciliation, or heard (it came from there).
    """

    id = fields.BigIntField(primary_key=True, generated=True)
    connection = fields.CharField(max_length=CONNECTION)
    scope = fields.CharField(max_length=SCOPE)
    wide = fields.BinaryField()
    subject_id = fields.CharField(max_length=32, null=True)
    sealed = fields.BinaryField(null=True)
    stopped = fields.BooleanField()
    version = fields.BigIntField()
    sent = fields.BigIntField(db_default=0)
    stop_sent = fields.BooleanField(db_default=False)
    resume_sent = fields.BooleanField(db_default=False)
    confirmed = fields.BigIntField(db_default=0)
    state = fields.CharField(max_length=12)
    said_at = UtcMicrosField()
    honour_by = UtcMicrosField(null=True)
    law = fields.CharField(max_length=64, null=True)
    attempts = fields.IntField(db_default=0)
    first_at = UtcMicrosField(null=True)
    next_at = UtcMicrosField()
    token = fields.IntField(db_default=0)
    last_status = fields.IntField(null=True)
    last_error = fields.CharField(max_length=200, null=True)
    sent_at = UtcMicrosField(null=True)
    ended_at = UtcMicrosField(null=True)
    confirmed_by = fields.CharField(max_length=16, null=True)

    class Meta:
        table = "level"
        unique_together = (("connection", "scope", "wide"),)
        indexes = (
            Index(fields=("connection", "state", "stopped", "next_at"), name="level_due"),
            Index(fields=("wide",), name="level_wide"),
            Index(fields=("state", "honour_by"), name="level_overdue"),
        )


class ConnectionState(Model):
    """How it goes with one connection of the file. `state`: running or paused (`reason`, since `since`).

    `open_until`: the circuit breaker, after `failures` in a row. `lease_until`, `token`: which process pushes
    now. `snapshot`: needed, running (`after`: how far) or done. `alarm`: a flood of stops. `problems`: what
    the last start check found.
    """

    name = fields.CharField(max_length=CONNECTION, primary_key=True)
    state = fields.CharField(max_length=12)
    reason = fields.CharField(max_length=200, null=True)
    since = UtcMicrosField(null=True)
    failures = fields.IntField(db_default=0)
    open_until = UtcMicrosField(null=True)
    lease_until = UtcMicrosField(db_default=0)
    token = fields.IntField(db_default=0)
    snapshot = fields.CharField(max_length=12)
    scopes = fields.TextField(null=True)
    after = fields.BigIntField(db_default=0)
    alarm = fields.CharField(max_length=200, null=True)
    alarm_at = UtcMicrosField(null=True)
    problems = fields.TextField(null=True)
    checked_at = UtcMicrosField(null=True)
    reconciled_at = UtcMicrosField(null=True)
    created_at = UtcMicrosField()

    class Meta:
        table = "connection_state"


class Reconciliation(Model):
    """One comparison of a connection's list with ours. `counts`, `examples` (masked addresses): JSON."""

    id = fields.BigIntField(primary_key=True, generated=True)
    connection = fields.CharField(max_length=CONNECTION)
    state = fields.CharField(max_length=12)
    started_at = UtcMicrosField()
    ended_at = UtcMicrosField(null=True)
    counts = fields.TextField()
    examples = fields.TextField()
    error = fields.CharField(max_length=200, null=True)

    class Meta:
        table = "reconciliation"
        indexes = (Index(fields=("connection", "started_at"), name="reconciliation_of"),)
