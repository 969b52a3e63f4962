"""The tables. Their docstrings become the tables' comments, so they hold no semicolon.

Ledger, payload, stop and standing are written by the journal alone.
"""

from __future__ import annotations

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from prefcenter.storage.fields import UtcMicrosField

ID = 32  # hex digits of 128 random bits


class Subject(Model):
    """A person (data subject). Holds nothing but an id, addresses hang on contact points."""

    id = fields.CharField(max_length=ID, primary_key=True)
    created_at = UtcMicrosField()

    class Meta:
        table = "subject"


class ExternalId(Model):
    """A name that another system has for a subject, one subject may have several."""

    value = fields.CharField(max_length=255, primary_key=True)
    subject_id = fields.CharField(max_length=ID, db_index=True)

    class Meta:
        table = "external_id"


class ContactPoint(Model):
    """An address on a channel, sealed, found by its fingerprints. Links issued before `epoch` are void."""

    id = fields.BigIntField(primary_key=True, generated=True)
    subject_id = fields.CharField(max_length=ID)
    channel = fields.CharField(max_length=8)
    sealed = fields.BinaryField()
    narrow = fields.BinaryField()
    wide = fields.BinaryField()
    epoch = UtcMicrosField()

    class Meta:
        table = "contact_point"
        unique_together = (("channel", "narrow"), ("subject_id", "channel"))
        indexes = (Index(fields=("wide",), name="contact_point_wide"),)


class Fact(Model):
    """What is known of a subject now (country, age band, relationship…), the ledger has how it came to be."""

    subject_id = fields.CharField(max_length=ID, primary_key=True)
    seq = fields.BigIntField()
    body = fields.TextField()

    class Meta:
        table = "fact"


class AppliedCatalog(Model):
    """A catalog as it was applied. Immutable, so that a past day is decided by its own rules."""

    id = fields.BigIntField(primary_key=True, generated=True)
    digest = fields.CharField(max_length=64)
    body = fields.TextField()
    applied_at = UtcMicrosField()

    class Meta:
        table = "catalog"


class AppliedRegimes(Model):
    """The rules of every jurisdiction, in force from `applied_at` on. Immutable, as catalogs are."""

    id = fields.BigIntField(primary_key=True, generated=True)
    digest = fields.CharField(max_length=64)
    body = fields.TextField()
    applied_at = UtcMicrosField()

    class Meta:
        table = "regimes"


class PurposeVersion(Model):
    """One version of a purpose. A changed wording is a row too, only a material change raises `version`."""

    id = fields.BigIntField(primary_key=True, generated=True)
    purpose = fields.CharField(max_length=48, db_index=True)
    version = fields.IntField()
    catalog_id = fields.BigIntField()
    change = fields.CharField(max_length=16)
    body = fields.TextField()
    applied_at = UtcMicrosField()

    class Meta:
        table = "purpose_version"


class Notice(Model):
    """A privacy notice and when it is in force."""

    version = fields.CharField(max_length=64, primary_key=True)
    url = fields.TextField()
    published = fields.CharField(max_length=10)
    change = fields.CharField(max_length=16)
    in_force_at = UtcMicrosField()

    class Meta:
        table = "notice"


class Wording(Model):
    """Words that a person was shown, by the SHA-256 of their text and their language."""

    digest = fields.CharField(max_length=64, primary_key=True)
    language = fields.CharField(max_length=35)
    text = fields.TextField()
    first_seen_at = UtcMicrosField()

    class Meta:
        table = "wording"


class LedgerRow(Model):
    """A choice ever recorded. `seq` is gapless and in the order of commits, rows are never changed."""

    seq = fields.BigIntField(primary_key=True, generated=False)
    entry = fields.CharField(max_length=ID, unique=True)
    subject_id = fields.CharField(max_length=ID, null=True)
    wide = fields.BinaryField()
    channel = fields.CharField(max_length=8)
    purpose = fields.CharField(max_length=48)
    action = fields.CharField(max_length=16)
    source = fields.CharField(max_length=16)
    cause = fields.CharField(max_length=24, null=True)
    effect = fields.CharField(max_length=8)
    reason = fields.CharField(max_length=32, null=True)
    occurred_at = UtcMicrosField()
    recorded_at = UtcMicrosField()
    version = fields.IntField(null=True)
    proof = fields.CharField(max_length=12, null=True)
    target = fields.CharField(max_length=ID, null=True)
    until = UtcMicrosField(null=True)
    digest = fields.BinaryField()
    chain = fields.BinaryField()

    class Meta:
        table = "ledger"
        indexes = (Index(fields=("wide", "seq"), name="ledger_wide"),)


class Payload(Model):
    """The evidence of an entry, sealed, with the salt of its digest: the only part erasure may delete."""

    seq = fields.BigIntField(primary_key=True, generated=False)
    salt = fields.BinaryField()
    sealed = fields.BinaryField()

    class Meta:
        table = "payload"


class StopRow(Model):
    """The newest stop of one cause on one scope of an address."""

    id = fields.BigIntField(primary_key=True, generated=True)
    wide = fields.BinaryField()
    channel = fields.CharField(max_length=8)
    purpose = fields.CharField(max_length=48)
    cause = fields.CharField(max_length=24)
    source = fields.CharField(max_length=16)
    seq = fields.BigIntField()
    entry = fields.CharField(max_length=ID)
    at = UtcMicrosField()
    recorded_at = UtcMicrosField()

    class Meta:
        table = "stop"
        unique_together = (("wide", "channel", "purpose", "cause"),)


class StandingRow(Model):
    """The newest yes, or question, of a subject on a (purpose, channel), and its state.

    `declined`: the version that they said no to while keeping an older one. `noticed`: the version that they
    were given notice of, and when.
    """

    id = fields.BigIntField(primary_key=True, generated=True)
    subject_id = fields.CharField(max_length=ID)
    purpose = fields.CharField(max_length=48)
    channel = fields.CharField(max_length=8)
    status = fields.CharField(max_length=32)
    seq = fields.BigIntField(null=True)
    entry = fields.CharField(max_length=ID)
    at = UtcMicrosField()
    proof = fields.CharField(max_length=12)
    version = fields.IntField()
    until = UtcMicrosField(null=True)
    said_at = UtcMicrosField()
    declined = fields.IntField(null=True)
    noticed = fields.IntField(null=True)
    noticed_at = UtcMicrosField(null=True)

    class Meta:
        table = "standing"
        unique_together = (("subject_id", "purpose", "channel"),)


class Connection(Model):
    """A webhook endpoint of a marketing tool. `state`: enabled, disabled (by us), gone (it answered 410)."""

    id = fields.CharField(max_length=ID, primary_key=True)
    url = fields.TextField()
    events = fields.TextField()
    description = fields.CharField(max_length=200)
    secret = fields.BinaryField()
    state = fields.CharField(max_length=12)
    state_reason = fields.CharField(max_length=200, null=True)
    created_at = UtcMicrosField()

    class Meta:
        table = "connection"


class Delivery(Model):
    """One event on its way to one connection. `token` fences off a worker whose lease ran out."""

    id = fields.CharField(max_length=ID, primary_key=True)
    connection_id = fields.CharField(max_length=ID)
    seq = fields.BigIntField()
    event = fields.CharField(max_length=32)
    suppressing = fields.BooleanField()
    body = fields.BinaryField(null=True)
    state = fields.CharField(max_length=12)
    attempts = fields.IntField()
    created_at = UtcMicrosField()
    next_at = UtcMicrosField()
    token = fields.IntField()
    last_status = fields.IntField(null=True)
    last_error = fields.CharField(max_length=200, null=True)
    ended_at = UtcMicrosField(null=True)

    class Meta:
        table = "delivery"
        indexes = (
            Index(fields=("seq",), name="delivery_seq"),
            Index(fields=("connection_id", "state", "next_at"), name="delivery_due"),
        )


class ApiKey(Model):
    """A key of the API. Only the SHA-256 of its secret is kept: 256 random bits need no slow hash."""

    name = fields.CharField(max_length=64, primary_key=True)
    digest = fields.CharField(max_length=64, unique=True)
    scopes = fields.TextField()
    created_at = UtcMicrosField()
    revoked_at = UtcMicrosField(null=True)

    class Meta:
        table = "api_key"


class IdempotencyKey(Model):
    """The answer once given to a request, for whoever repeats it under the same key."""

    id = fields.BigIntField(primary_key=True, generated=True)
    api_key = fields.CharField(max_length=64)
    key = fields.CharField(max_length=255)
    fingerprint = fields.BinaryField()
    status = fields.IntField()
    response = fields.BinaryField()
    created_at = UtcMicrosField(db_index=True)

    class Meta:
        table = "idempotency_key"
        unique_together = (("api_key", "key"),)


class Duty(Model):
    """A periodic duty of the worker, claimed by a conditional update: there is no leader.

    `result`: what its last run came to, as JSON.
    """

    name = fields.CharField(max_length=32, primary_key=True)
    next_run = UtcMicrosField()
    token = fields.IntField()
    result = fields.TextField(null=True)

    class Meta:
        table = "duty"
