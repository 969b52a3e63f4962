"""Whether our own receiving server vouches for the sender of a mail (RFC 8601, RFC 7489)."""

from __future__ import annotations

import re

from prefcenter.mail.addresses import parse_mailbox
from prefcenter.mail.errors import MailError
from prefcenter.mail.parts import Part

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"')
_COMMENT = re.compile(r"\([^()]*\)")
_DMARC = re.compile(r"\s*dmarc(?:/1)?\s*=\s*([a-z]+)\b(.*)", re.IGNORECASE | re.DOTALL)
_FROM = re.compile(r"(?:^|\s)header\.from\s*=\s*@?([^\s;]+)", re.IGNORECASE)
_LONGEST, _DEEPEST = 4_000, 8


def sender_of(mail: Part) -> str | None:
    """The one address in the one From field; None where it names none, or several."""
    stated = mail.values("from")
    if len(stated) != 1 or len(stated[0]) > 1_000:
        return None
    try:
        return parse_mailbox("From", stated[0]).address
    except MailError:
        return None


def is_vouched_for(mail: Part, sender: str, authserv_id: str | None) -> bool:
    """Whether DMARC passed for the domain of `sender`, as our own server says.

    `authserv_id`: what that server calls itself; None: no server is trusted. Only the topmost
    Authentication-Results field counts: those below it came with the mail, and anybody can write them.
    """
    stated = mail.value("authentication-results")
    if authserv_id is None or not stated or len(stated) > _LONGEST:
        return False
    server, *results = _without_foreign_words(stated).split(";")
    if (server.split() or [""])[0].lower() != authserv_id.lower():
        return False
    found = [result for result in map(_DMARC.fullmatch, results) if result]
    if len(found) != 1 or found[0][1].lower() != "pass":
        return False
    of = [domain.lower().rstrip(".") for domain in _FROM.findall(found[0][2])]
    return of == [sender.rpartition("@")[2].lower()]


def _without_foreign_words(stated: str) -> str:
    """Quoted strings and comments may hold what the sender wrote."""
    stated = _QUOTED.sub("-", stated)
    for _ in range(_DEEPEST):
        stated, found = _COMMENT.subn(" ", stated)
        if not found:
            break
    return stated
