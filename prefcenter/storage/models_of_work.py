"""The tables of work that takes time: mails, confirmations, campaigns, imports, third parties."""

from __future__ import annotations

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from prefcenter.storage.fields import UtcMicrosField
from prefcenter.storage.models import ID


class Mail(Model):
    """A mail of ours on its way to one person or third party. What it says is composed as it is sent.

    `about`: what it is about, by the id that its kind gives a meaning to. `digest`: the SHA-256 of the mail.
    """

    id = fields.CharField(max_length=ID, primary_key=True)
    kind = fields.CharField(max_length=16)
    about = fields.CharField(max_length=64)
    priority = fields.IntField()
    state = fields.CharField(max_length=12)
    attempts = fields.IntField()
    created_at = UtcMicrosField()
    next_at = UtcMicrosField()
    token = fields.IntField()
    digest = fields.BinaryField(null=True)
    last_error = fields.CharField(max_length=200, null=True)
    ended_at = UtcMicrosField(null=True)

    class Meta:
        table = "mail"
        indexes = (
            Index(fields=("state", "priority", "next_at"), name="mail_due"),
            Index(fields=("about",), name="mail_about"),
        )


class Confirmation(Model):
    """Yeses of one person that wait for their mailbox to confirm them (double opt-in).

    `entries`: the ids of the ledger entries that wait, with a space between them.
    """

    id = fields.CharField(max_length=ID, primary_key=True)
    subject_id = fields.CharField(max_length=ID, db_index=True)
    wide = fields.BinaryField()
    channel = fields.CharField(max_length=8)
    entries = fields.TextField()
    created_at = UtcMicrosField()
    expires_at = UtcMicrosField(db_index=True)
    confirmed_at = UtcMicrosField(null=True)

    class Meta:
        table = "confirmation"


class Campaign(Model):
    """Asking people about a new or changed purpose, or giving notice of it. `after`: how far it has come.

    `counts`: who was not asked, by the reason, as JSON.
    """

    id = fields.CharField(max_length=ID, primary_key=True)
    purpose = fields.CharField(max_length=48)
    version = fields.IntField()
    kind = fields.CharField(max_length=8)
    state = fields.CharField(max_length=12)
    per_minute = fields.IntField()
    after = fields.BigIntField()
    counts = fields.TextField()
    created_at = UtcMicrosField()
    ended_at = UtcMicrosField(null=True)

    class Meta:
        table = "campaign"
        unique_together = (("purpose", "version", "kind"),)


class Asked(Model):
    """One person in one campaign. `carrier`: the live purpose that the mail travels as."""

    id = fields.CharField(max_length=ID, primary_key=True)
    campaign_id = fields.CharField(max_length=ID)
    subject_id = fields.CharField(max_length=ID, db_index=True)
    carrier = fields.CharField(max_length=48)
    state = fields.CharField(max_length=16)
    queued_at = UtcMicrosField()
    asked_at = UtcMicrosField(null=True)
    reminded_at = UtcMicrosField(null=True)
    answered_at = UtcMicrosField(null=True)

    class Meta:
        table = "asked"
        unique_together = (("campaign_id", "subject_id"),)
        indexes = (Index(fields=("campaign_id", "state", "asked_at"), name="asked_state"),)


class ImportRun(Model):
    """An import, as far as it has come: `position` goes on where the last committed chunk ended.

    `rejects`: how long its file of bad rows was by then, in bytes.
    """

    id = fields.CharField(max_length=ID, primary_key=True)
    name = fields.CharField(max_length=255)
    digest = fields.CharField(max_length=64, db_index=True)
    position = fields.BigIntField()
    rejects = fields.BigIntField(db_default=0)
    counts = fields.TextField()
    state = fields.CharField(max_length=12)
    created_at = UtcMicrosField()
    updated_at = UtcMicrosField()

    class Meta:
        table = "import_run"


class ImportChunk(Model):
    """What one committed chunk of an import left in the ledger, from `first_seq` to `last_seq`."""

    first_seq = fields.BigIntField(primary_key=True, generated=False)
    last_seq = fields.BigIntField()
    import_id = fields.CharField(max_length=ID)

    class Meta:
        table = "import_chunk"
        indexes = (Index(fields=("import_id", "first_seq"), name="import_chunk_of"),)


class Task(Model):
    """A third party to be told that a permission ended (GDPR Art. 19), until it confirms that it acted.

    `sealed`: the address that it is about, until then.
    """

    id = fields.CharField(max_length=ID, primary_key=True)
    recipient = fields.CharField(max_length=48)
    seq = fields.BigIntField(db_index=True)
    subject_id = fields.CharField(max_length=ID, db_index=True)
    purpose = fields.CharField(max_length=48)
    sealed = fields.BinaryField(null=True)
    state = fields.CharField(max_length=12)
    created_at = UtcMicrosField()
    told_at = UtcMicrosField(null=True)
    confirmed_at = UtcMicrosField(null=True)

    class Meta:
        table = "task"
        indexes = (Index(fields=("state", "created_at"), name="task_state"),)
