"""What kind of mail came in. Any bytes have an answer, and nothing of it is verified here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from prefcenter.mail.automatic import is_auto_reply, why_automatic
from prefcenter.mail.delivery_status import DeliveryStatus, is_delivery_status, read_delivery_status
from prefcenter.mail.feedback_report import FeedbackReport, is_feedback_report, read_feedback_report
from prefcenter.mail.parts import Part, decoded, read_mail
from prefcenter.mail.stop_request import NotUnderstood, StopReply, read_words
from prefcenter.mail.traces import tokens_in_subject


@dataclass(frozen=True, slots=True)
class Automatic:
    """No person wrote it: to be ignored, and never answered. `why`: by what it shows."""

    why: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """It breaks the rules of what it says it is. `why`: which part does."""

    why: str


@dataclass(frozen=True, slots=True)
class StopRequest:
    """The subject has what may be tokens of ours. `otherwise`: what the mail is, should none of them be."""

    tokens: tuple[str, ...]
    otherwise: StopReply | NotUnderstood | Automatic


What = StopRequest | StopReply | FeedbackReport | DeliveryStatus | Automatic | NotUnderstood | Unreadable


@dataclass(frozen=True, slots=True)
class Incoming:
    """`digest`: the same for the same mail however often, and by whichever way, it arrives (SHA-256)."""

    mail: Part
    what: What
    digest: bytes


def read_incoming(raw: bytes, sender: str | None = None) -> Incoming:
    """`sender`: the envelope's, empty for the null sender; None: not known.

    Looks at the first 10 MiB, a few levels deep. Takes seconds for the worst of them: call it in a thread.
    """
    mail = read_mail(raw)
    return Incoming(mail, _what(mail, sender), _digest(mail))


def _what(mail: Part, sender: str | None) -> What:
    if not mail.headers:
        return Unreadable("no_header")
    if is_feedback_report(mail):
        return read_feedback_report(mail) or Unreadable("feedback_report")
    if is_delivery_status(mail):
        return read_delivery_status(mail) or Unreadable("delivery_status")
    if mail.kind == "multipart/report":
        # Read receipts (MDN, RFC 8098) and reports on mail as a whole (TLS, DMARC).
        return Automatic("report")
    why = why_automatic(mail, sender)
    tokens = tokens_in_subject(decoded(mail.value("subject")))
    # A mail program that follows our mailto: may well call that automatic. The token is the person's all the
    # same: no mail of ours has one in its subject, so no answer of a machine to our mail has one either.
    if tokens and not is_auto_reply(mail):
        return StopRequest(tokens, Automatic(why) if why else read_words(mail))
    return Automatic(why) if why else read_words(mail)


def _digest(mail: Part) -> bytes:
    """Not of what servers on the way add above it."""
    said = [mail.value(name) for name in ("message-id", "from", "date", "subject")]
    body = hashlib.sha256(mail.body).hexdigest()
    return hashlib.sha256("\n".join([*said, body]).encode("utf-8", "replace")).digest()
