"""One mail to one person, composed so that every mail program reads the same."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256

from prefcenter.mail.addresses import Mailbox, parse_mailbox
from prefcenter.mail.errors import MailError
from prefcenter.mail.fields import Field, one_line, unstructured
from prefcenter.mail.list_headers import (
    ONE_CLICK,
    feedback_id,
    list_id,
    list_unsubscribe,
    unsubscribe_headers,
)

__all__ = [
    "Envelope",
    "ListUnsubscribe",
    "MailError",
    "OutgoingEmail",
    "compose",
    "envelope",
    "feedback_id",
    "list_id",
    "new_message_id",
    "unsubscribe_headers",
]

#: 7bit: bodies travel through servers without 8BITMIME, and lines of any length are wrapped by the encoding.
_POLICY = SMTP.clone(cte_type="7bit")
_MESSAGE_ID = re.compile(r"<[!-;=?A-~]+@[!-;=?A-~]+>")
_FEEDBACK_ID = re.compile(r"[A-Za-z0-9._-]*(?::[A-Za-z0-9._-]*){3}")
_LIST_ID = re.compile(r"([\x20-\x7e]* )?<[A-Za-z0-9._-]+>")


@dataclass(frozen=True, kw_only=True, slots=True)
class ListUnsubscribe:
    """How a mail program unsubscribes: by POST to `url`, or by mail to `mailto`, its subject `token`."""

    url: str
    mailto: str | None = None
    token: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class OutgoingEmail:
    """A mail to send. `sender` may have a name (`Example <news@example.com>`).

    `list_id` and `feedback_id` come from the functions of that name. `automatic`: sent in answer to something
    the person did (a confirmation, a fresh link), so that no autoresponder answers it (RFC 3834).
    """

    to: str
    subject: str
    text: str
    html: str
    sender: str
    message_id: str
    date: datetime
    list_unsubscribe: ListUnsubscribe | None = None
    list_id: str | None = None
    feedback_id: str | None = None
    automatic: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """Who an SMTP server is told the mail is from and for."""

    sender: str
    recipient: str
    smtputf8: bool


def compose(mail: OutgoingEmail) -> EmailMessage:
    """The mail as bytes go: text and HTML, one of each header. `MailError` names the field that is wrong."""
    sender, to = parse_mailbox("sender", mail.sender), parse_mailbox("to", mail.to)
    message = EmailMessage(policy=_POLICY.clone(utf8=_needs_smtputf8(sender, to)))
    for field in (sender.field("From"), to.field("To"), *_fields(mail)):
        message[field.name] = field
    message.set_content(_body("text", mail.text))
    message.add_alternative(_body("html", mail.html), subtype="html")
    # Not at random: the same mail is the same bytes, so that their hash says what was sent. Neither
    # encoding of the parts has "=_" in it. Short enough for a line: in parts (RFC 2231) few programs read it.
    message.set_boundary(f"=_{sha256(mail.message_id.encode()).hexdigest()[:40]}")
    return message


def envelope(message: EmailMessage) -> Envelope:
    """Read from the From and To fields, which name one mailbox each."""
    sender = parse_mailbox("From", _only(message, "From"))
    to = parse_mailbox("To", _only(message, "To"))
    return Envelope(sender=sender.address, recipient=to.address, smtputf8=_needs_smtputf8(sender, to))


def new_message_id(host: str) -> str:
    """A random Message-ID under `host`; keep it for every retry of the same mail."""
    return f"<{secrets.token_hex(16)}@{host}>"


def _fields(mail: OutgoingEmail) -> list[Field]:
    subject = unstructured("Subject", one_line("subject", mail.subject))
    fields = [subject, _date(mail.date), _message_id(mail.message_id)]
    if mail.list_unsubscribe is not None:
        how = mail.list_unsubscribe
        where = list_unsubscribe(how.url, how.mailto, how.token)
        fields += [Field(where, "List-Unsubscribe"), Field(ONE_CLICK, "List-Unsubscribe-Post")]
    if mail.list_id is not None:
        fields.append(_matching("list_id", _LIST_ID, mail.list_id, "List-ID"))
    if mail.feedback_id is not None:
        fields.append(_matching("feedback_id", _FEEDBACK_ID, mail.feedback_id, "Feedback-ID"))
    if mail.automatic:
        fields.append(Field("auto-generated", "Auto-Submitted"))
    return fields


def _date(date: datetime) -> Field:
    if date.tzinfo is None:
        raise MailError("date", "must have a time zone")
    return Field(format_datetime(date), "Date")


def _message_id(message_id: str) -> Field:
    return _matching("message_id", _MESSAGE_ID, message_id, "Message-ID")


def _matching(field: str, form: re.Pattern[str], value: str, header: str) -> Field:
    if not form.fullmatch(value):
        raise MailError(field, f"is not a valid {header}; make it with the function for it")
    return Field(value, header)


def _body(field: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        pass
    else:
        return text
    raise MailError(field, "holds half a character (a lone surrogate), which no encoding can carry")


def _only(message: EmailMessage, header: str) -> str:
    values = message.get_all(header, [])
    if len(values) != 1:
        raise MailError(header, "must be there exactly once")
    return str(values[0])


def _needs_smtputf8(*mailboxes: Mailbox) -> bool:
    return any(mailbox.needs_smtputf8 for mailbox in mailboxes)
