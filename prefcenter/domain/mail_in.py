"""What reports that come by mail mean: which feedback is a complaint, which failure is a dead address."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum


class Meaning(StrEnum):
    COMPLAINT = "complaint"
    IGNORED = "ignored"
    UNCLEAR = "unclear"


#: Feedback-Type (RFC 5965 7.3, RFC 6591, RFC 6430). `opt-out` is of a draft that some still speak.
FEEDBACK: dict[str, Meaning] = {
    "abuse": Meaning.COMPLAINT,
    "fraud": Meaning.COMPLAINT,
    "opt-out": Meaning.COMPLAINT,
    "opt-out-list": Meaning.COMPLAINT,
    "not-spam": Meaning.IGNORED,
    "auth-failure": Meaning.IGNORED,
    "virus": Meaning.IGNORED,
}

#: Permanent, but of this mail, its sender or the server: the address may well work (RFC 3463, RFC 7372).
#: A full mailbox, or a filter that refused one mail, must not cost anybody their invoices.
_NOT_OF_THE_ADDRESS = ("5.3.", "5.5.", "5.6.", "5.7.")
_NOT_DEAD = frozenset("5.1.7 5.1.8 5.2.2 5.2.3 5.2.4 5.4.0 5.4.2 5.4.3 5.4.5 5.4.6 5.4.7".split())

#: A report dated before this, or in the future, has a clock that says nothing.
_BELIEVED = timedelta(days=7)


def meaning_of_feedback(kind: str) -> Meaning:
    """`kind`: the Feedback-Type, in lower case."""
    return FEEDBACK.get(kind, Meaning.UNCLEAR)


def is_dead(action: str, status: str) -> bool:
    """Whether a server says that an address takes no mail, for good (RFC 3464 2.3.3, 2.3.4)."""
    permanent = action == "failed" and status.startswith("5.")
    return permanent and status not in _NOT_DEAD and not status.startswith(_NOT_OF_THE_ADDRESS)


def stated_time(reported_at: datetime | None, now: datetime) -> datetime | None:
    """The time that a report may claim for what it says; None: the time at which it came in."""
    return reported_at if reported_at is not None and now - _BELIEVED <= reported_at <= now else None
