"""What in a mail may be ours: tokens of links, Feedback-IDs, Message-IDs. Nothing of it is verified here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from prefcenter.mail.parts import Part

#: More candidates than any honest mail has are not looked at.
_MOST = 20

#: A signed token of ours: payload and 32 bytes of signature. Runs of letters are looked at once each.
_TOKEN = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{22,350}+\.[A-Za-z0-9_-]{43}+(?![A-Za-z0-9_-])")
_MESSAGE_ID = re.compile(r"<([^<>@\s]{1,200}+)@[^<>@\s]{1,255}+>")
_BREAKS = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Traces:
    """`feedback_ids`: whole values. `message_ids`: what stands before the @. The likeliest come first."""

    tokens: tuple[str, ...] = ()
    feedback_ids: tuple[str, ...] = ()
    message_ids: tuple[str, ...] = ()


def tokens_in(text: str) -> tuple[str, ...]:
    """What has the form of a token of a link of ours."""
    return _few(_TOKEN.findall(text))


def tokens_in_subject(subject: str) -> tuple[str, ...]:
    """Also one that a mail program has broken over lines."""
    return _few((*tokens_in(subject), *tokens_in(_BREAKS.sub("", subject))))


def traces_of_ours(original: Part) -> Traces:
    """Of a mail that is said to be ours, as a report returns it: its header fields alone."""
    ways = " ".join(original.values("list-unsubscribe")[:_MOST])
    ids = [*original.values("feedback-id"), *original.values("cfbl-feedback-id")]
    return Traces(tokens_in(ways), _few(ids), _message_ids(original.values("message-id")))


def traces_of_reply(reply: Part, text: str) -> Traces:
    """Of a mail that answers ours, if it does: what it refers to, and the links that it quotes."""
    refers = [*reply.values("in-reply-to"), *reversed(" ".join(reply.values("references")).split())]
    return Traces(tokens_in(text), (), _message_ids(refers))


def _message_ids(values: Iterable[str]) -> tuple[str, ...]:
    return _few(found for value in values for found in _MESSAGE_ID.findall(value))


def _few(values: Iterable[str]) -> tuple[str, ...]:
    """Each once, in order."""
    return tuple(list(dict.fromkeys(values))[:_MOST])
