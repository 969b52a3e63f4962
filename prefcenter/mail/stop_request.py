"""Somebody asks by mail for no more mail: by a token in the subject (`mailto:`), or in words of their own."""

from __future__ import annotations

import re
from dataclasses import dataclass

from prefcenter.mail.authentication import sender_of
from prefcenter.mail.own_words import all_text, own_words_of
from prefcenter.mail.parts import Part, decoded
from prefcenter.mail.stop_words import Says, says
from prefcenter.mail.traces import Traces, traces_of_reply

#: Subjects of answers and of passed on mail are somebody else's words.
_OF_ANOTHER = re.compile(
    r"\s*(?:re|aw|sv|vs|antw|odp|ynt|rif|res|fw|fwd|wg|tr|rv|enc)\s*(?:\[\d+\])?\s*:", re.I
)


@dataclass(frozen=True, slots=True)
class StopReply:
    """A mail whose own first words say stop. Whom it is about, only `traces` can prove.

    `sender`: the one address in From, a mere claim unless the receiving server vouches for it.
    """

    everything: bool
    traces: Traces
    sender: str | None


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """A person wrote, and it takes a person to read it."""


def read_words(mail: Part) -> StopReply | NotUnderstood:
    """What a person says in a mail without a token."""
    found = says(own_words_of(mail))
    subject = decoded(mail.value("subject"))
    if found is Says.NOTHING and not _OF_ANOTHER.match(subject):
        found = says(subject)
    if found is Says.NOTHING:
        return NotUnderstood()
    return StopReply(found is Says.STOP_ALL, traces_of_reply(mail, all_text(mail)), sender_of(mail))
