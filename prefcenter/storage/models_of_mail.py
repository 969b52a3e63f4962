"""The table of mail that came in and waits for the operator."""

from __future__ import annotations

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from prefcenter.storage.fields import UtcMicrosField
from prefcenter.storage.models import ID


class MailIn(Model):
    """A mail that could not be acted upon by itself. `body`: its first part, sealed. `size`: of all of it.

    `digest`: the same for the same mail. `wide`: who says to have sent it, where a mail asked them back.
    """

    id = fields.CharField(max_length=ID, primary_key=True)
    digest = fields.CharField(max_length=64, unique=True)
    reason = fields.CharField(max_length=24)
    state = fields.CharField(max_length=8)
    size = fields.BigIntField()
    body = fields.BinaryField(null=True)
    wide = fields.BinaryField(null=True)
    received_at = UtcMicrosField()
    closed_at = UtcMicrosField(null=True)

    class Meta:
        table = "mail_in"
        indexes = (
            Index(fields=("state", "received_at"), name="mail_in_state"),
            Index(fields=("wide",), name="mail_in_wide"),
        )
