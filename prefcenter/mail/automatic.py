"""Mail that no person wrote: never answered and never acted upon, so that no loop begins (RFC 3834)."""

from __future__ import annotations

from prefcenter.mail.parts import Part

#: Fields that only mailing lists and mailing tools write (RFC 2369, 2919).
_OF_LISTS = (
    "list-id",
    "list-unsubscribe",
    "list-post",
    "list-help",
    "list-subscribe",
    "list-owner",
    "list-archive",
)
_OF_RESPONDERS = (
    "x-autoreply",
    "x-autorespond",
    "x-autoresponder",
    "x-auto-reply",
    "x-auto-response-suppress",
)
_PRECEDENCES = frozenset({"bulk", "junk", "list", "auto_reply"})


def why_automatic(mail: Part, sender: str | None = None) -> str | None:
    """By what it shows that no person wrote it; None: nothing shows it.

    `sender`: the envelope's, empty for the null sender; None: not known, so that Return-Path says it.
    """
    if sender == "" or (sender is None and mail.value("return-path") == "<>"):
        return "null_sender"
    submitted = mail.value("auto-submitted").partition(";")[0].strip().lower()
    if submitted not in ("", "no"):
        return "auto_submitted"
    if any(value.lower() in _PRECEDENCES for value in mail.values("precedence")):
        return "precedence"
    if any(mail.values(name) for name in _OF_RESPONDERS):
        return "auto_response"
    return "list" if any(mail.values(name) for name in _OF_LISTS) else None


def is_auto_reply(mail: Part) -> bool:
    """An answer that a machine gave: its subject is somebody else's."""
    return mail.value("auto-submitted").strip().lower().startswith("auto-replied")
