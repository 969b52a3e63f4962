"""The list header fields of a subscription mail: RFC 2369, 2919 and 8058, and Feedback-ID."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote, urlsplit

from prefcenter.mail.addresses import parse_mailbox
from prefcenter.mail.errors import MailError
from prefcenter.mail.fields import one_line, phrase
from prefcenter.mail.hosts import is_loopback

#: The one pair that RFC 8058 allows.
ONE_CLICK = "List-Unsubscribe=One-Click"

_TOKEN = re.compile(r"[A-Za-z0-9._~-]+")
_URI = re.compile(r"[!-~]+")
_NOT_IN_URI = frozenset('<>"\\^`{|}')
_LABELS = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_NOT_IN_FEEDBACK_ID = re.compile(r"[^A-Za-z0-9._-]+")


def unsubscribe_headers(
    url: str,
    title: str,
    purpose: str,
    host: str,
    mailto: str | None,
    token: str,
    campaign: str | None,
    signed: str,
) -> dict[str, str]:
    """The four fields that a mailing tool adds to one recipient's mail, as ASCII ready to paste.

    Made for millions: `url`, `token` and `signed` (the signed part of the Feedback-ID) are our own and taken
    as they are; what is the same for a whole list (`title`, `purpose`, `host` without port, the address
    `mailto`, `campaign`) is checked once.
    """
    list_id_field, about, sender = _same_for_the_list(title, purpose, host, campaign)
    where = f"<{url}>" if mailto is None else f"<{url}>, <{_mailto(mailto)}{token}>"
    return {
        "List-Unsubscribe": where,
        "List-Unsubscribe-Post": ONE_CLICK,
        "List-ID": list_id_field,
        "Feedback-ID": f"{about}:{signed}:{sender}",
    }


def list_unsubscribe(url: str, mailto: str | None, token: str) -> str:
    """The value of List-Unsubscribe, everything checked: `MailError` names what is wrong."""
    if not is_one_click_url(url):
        raise MailError("list_unsubscribe.url", "must be an https address (http on this machine only)")
    if mailto is None:
        return f"<{url}>"
    if not _TOKEN.fullmatch(token):
        raise MailError("list_unsubscribe.token", "is needed for mailto, of letters, digits and . _ ~ - only")
    return f"<{url}>, <{_mailto(mailto)}{token}>"


def list_id(title: str, purpose: str, host: str) -> str:
    """`"Product news" <newsletter.prefs.example.com>`; `host` has no port."""
    identifier = f"{purpose}.{host}"
    if not _LABELS.fullmatch(identifier):
        raise MailError("list_id", "purpose and host must be of ASCII letters, digits, hyphens and dots")
    return f"{phrase(one_line('list_id', title))} <{identifier}>"


def feedback_id(purpose: str, host: str, campaign: str | None, signed: str) -> str:
    """`campaign:purpose:signed:sender`, of which Gmail groups complaints by the first two and the last.

    `signed` says whose mail it is, to us alone (`Links.feedback_minter`); the sender part is stable for a
    host.
    """
    return f"{feedback_about(purpose, campaign)}:{signed}:{_sender(host)}"


def feedback_about(purpose: str, campaign: str | None) -> str:
    """`campaign:purpose`, as they stand in a Feedback-ID; without a campaign its place is empty."""
    return ":".join(_NOT_IN_FEEDBACK_ID.sub("-", part) for part in (campaign or "", purpose))


def feedback_parts(value: str) -> tuple[str, str]:
    """What a Feedback-ID is about, and its signed part; both are empty where it has not four parts."""
    parts = value.strip().split(":")
    return (":".join(parts[:2]), parts[2]) if len(parts) == 4 else ("", "")


def _sender(host: str) -> str:
    # Google asks for 5 to 15 characters, the same in every mail of a sender.
    return sha256(host.encode()).hexdigest()[:12]


def is_one_click_url(url: str) -> bool:
    """Whether a mail program may POST here: https with a host, or http on loopback (the demo)."""
    if not _URI.fullmatch(url) or not _NOT_IN_URI.isdisjoint(url):
        return False
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host or "")))


@lru_cache(maxsize=1024)
def _same_for_the_list(title: str, purpose: str, host: str, campaign: str | None) -> tuple[str, str, str]:
    return list_id(title, purpose, host), feedback_about(purpose, campaign), _sender(host)


@lru_cache(maxsize=64)
def _mailto(address: str) -> str:
    # In the subject: a local part holds 64 octets and loses its case on the way.
    return f"mailto:{quote(parse_mailbox('mailto', address).address, safe='@+')}?subject="
