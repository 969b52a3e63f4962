"""`receive`: a mail from a mail server's pipe, and the queue of what waits for the operator."""

from __future__ import annotations

import re
import sys
from datetime import datetime
from typing import BinaryIO

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from prefcenter.bootstrap import utc_now
from prefcenter.commands.database import opened
from prefcenter.commands.errors import CommandError
from prefcenter.domain.addresses import mask
from prefcenter.mail.authentication import sender_of
from prefcenter.mail.parts import MOST_OCTETS, read_mail
from prefcenter.settings import Settings
from prefcenter.storage.mail_in import DONE, KeptMail, MailsIn, mail_in_counts
from prefcenter.storage.vault import CannotUnseal
from prefcenter.use_cases.receive_mail import receive_mail
from prefcenter.use_cases.services import Services

_ID = re.compile(r"[0-9a-f]{32}")
_LISTED = 200
_PIECE = 1024 * 1024
_WIDE = 1000

#: What each reason means, and what to do.
REASONS = {
    "stop_unproved": "says stop, and nothing proves who wrote it: `prefcenter stop` it, if you believe it",
    "token_not_ours": "has a token in its subject that is not ours, or was cut off",
    "several_people": "carries links of several people",
    "complaint_unproved": "a complaint about a mail that carries nothing of ours",
    "complaint_unclear": "a feedback report of a sort that says too little",
    "bounce_unproved": "a dead address, and nothing proves that it is one that we wrote to",
    "bounce_of_another": "a dead address, in a report on a mail to somebody else",
    "bad_feedback_report": "a feedback report that breaks the rules of its form",
    "bad_delivery_status": "a delivery report that breaks the rules of its form",
    "bad_no_header": "not a mail: it has no header",
    "not_understood": "somebody wrote something else",
}


async def receive(settings: Settings, stdin: BinaryIO) -> int:
    """Returns 0 once the mail is kept; whatever it raises means that it is not."""
    raw = _read(stdin)
    async with opened(settings) as services:
        received = await receive_mail(services, raw, sender=None, now=utc_now())
    why = f" ({received.why})" if received.why else ""
    print(f"{received.became.value}{why}", file=sys.stderr)
    return 0


def _read(stdin: BinaryIO) -> bytes:
    """As much as is ever looked at; the rest is read too, as a closed pipe means failure to a mail server."""
    raw = stdin.read(MOST_OCTETS)
    while stdin.read(_PIECE):
        pass
    return raw


async def list_mails(settings: Settings) -> None:
    """What waits, the oldest first."""
    async with opened(settings) as services:
        mails = MailsIn(services.database, services.vault)
        found = await mails.open(_LISTED)
        counts = await mail_in_counts(services.database)
    if not found:
        print("No mail waits for you.")
        return
    table = Table(Column("id", no_wrap=True, min_width=32), "came in", "from", "reason", "days")
    now = utc_now()
    for mail in found:
        table.add_row(*_row(mails, mail, now))
    # In a pipe one mail is one line, however long.
    Console(width=None if sys.stdout.isatty() else _WIDE).print(table)
    print(f"{counts.open} wait, {len(found)} shown. `--show ID` prints one, `--done ID` closes it.")


def _row(mails: MailsIn, mail: KeptMail, now: datetime) -> list[str]:
    reason = REASONS.get(mail.reason, mail.reason)
    days = str((now - mail.received_at).days)
    return [mail.id, f"{mail.received_at:%Y-%m-%d %H:%M}", _from(mails, mail), escape(reason), days]


def _from(mails: MailsIn, mail: KeptMail) -> str:
    try:
        raw = mails.unsealed(mail)
    except CannotUnseal:
        return "sealed with a key that is gone"
    if raw is None:
        return "purged"
    sender = sender_of(read_mail(raw))
    return escape(mask(sender)) if sender is not None else "nobody named"


async def show_mail(settings: Settings, id_: str) -> None:
    """The mail itself on standard output; on standard error why it waits."""
    async with opened(settings) as services:
        mails, mail = await _found(services, "--show", id_)
        try:
            raw = mails.unsealed(mail)
        except CannotUnseal as error:
            raise CommandError(f"--show: {error}; put the key back into PREFCENTER_SECRET_KEYS") from error
    print(f"{mail.reason}: {REASONS.get(mail.reason, '')}", file=sys.stderr)
    if raw is None:
        raise CommandError("--show: purged, as it came in more than 30 days ago")
    if len(raw) < mail.size:
        print(f"the first {len(raw)} of {mail.size} octets", file=sys.stderr)
    sys.stdout.buffer.write(raw)
    sys.stdout.buffer.flush()


async def close_mail(settings: Settings, id_: str) -> None:
    async with opened(settings) as services:
        mails, mail = await _found(services, "--done", id_)
        if mail.state == DONE or not await mails.close(mail.id, utc_now()):
            print("Closed already; nothing was changed.")
            return
    print("Closed.")


async def _found(services: Services, option: str, id_: str) -> tuple[MailsIn, KeptMail]:
    id_ = id_.strip().lower()
    mails = MailsIn(services.database, services.vault)
    mail = await mails.find(id_) if _ID.fullmatch(id_) else None
    if mail is None:
        raise CommandError(f"{option}: no mail has this id; `prefcenter receive --queue` shows them")
    return mails, mail
