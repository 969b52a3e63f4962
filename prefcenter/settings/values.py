"""What each kind of setting may be: parsers that raise ValueError("what is wrong; remedy")."""

from __future__ import annotations

import hmac
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qs, urlsplit

SHORTEST_SECRET = 32  # characters
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_ADDRESS = r"[^@\s<>,;\"]+@[^@\s<>,;\"]+"
_SENDER = re.compile(rf"[^<>\x00-\x1f\x7f]*<{_ADDRESS}>|{_ADDRESS}")
_SWITCH = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


class Secret:
    """A text that prints as stars; compared in constant time."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret('**********')"

    def __str__(self) -> str:
        return "**********"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)


def parse_secret(text: str, folder: Path) -> Secret:
    if len(text) < SHORTEST_SECRET:
        raise ValueError(f"{len(text)} characters are too short; use at least {SHORTEST_SECRET} random ones")
    return Secret(text)


def parse_secret_keys(text: str, folder: Path) -> tuple[Secret, ...]:
    keys = [key.strip() for key in re.split(r"[,\n]", text) if key.strip()]
    for position, key in enumerate(keys, start=1):
        if len(key) < SHORTEST_SECRET:
            raise ValueError(
                f"key {position} of {len(keys)} is too short ({len(key)} characters);"
                f" use at least {SHORTEST_SECRET} random ones"
            )
    if len(set(keys)) < len(keys):
        raise ValueError("holds a key twice; keep it once, in the place of its age")
    if not keys:
        raise ValueError("holds no key; put at least one there, the one that signs last")
    return tuple(map(Secret, keys))


def _split(url: str, remedy: str) -> SplitResult:
    """The parts of a URL; errors quote nothing of it, since a password may be inside."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # reading it is what checks it
    except ValueError:
        raise ValueError(f"not a URL; {remedy}") from None
    if re.search(r"[\s<>\"\x00-\x1f\x7f]", url):
        raise ValueError(f"a URL has no spaces, quotes or line ends; {remedy}")
    return parts


def parse_database_url(text: str, folder: Path) -> str:
    remedy = "write sqlite:///prefcenter.db or postgres://user:password@host/name"
    scheme, _, rest = text.partition("://")
    if scheme == "sqlite":
        path = rest.removeprefix("/")
        if path == rest or not path or "?" in path or ":memory:" in path:
            raise ValueError(f"SQLite needs three slashes and the path of a file; {remedy}")
        return f"sqlite:///{(folder / path).resolve()}"
    if scheme not in ("postgres", "postgresql"):
        raise ValueError(f"not a SQLite or PostgreSQL URL; {remedy}")
    parts = _split(text, remedy)
    if not (parts.hostname or "host" in parse_qs(parts.query)):
        raise ValueError(f"no host in it; {remedy}")
    if len(parts.path) < 2:
        raise ValueError(f"no database name in it; {remedy}")
    return text


def parse_base_url(text: str, folder: Path) -> str:
    remedy = "write the public address, such as https://preferences.example.com"
    parts = _split(text, remedy)
    if parts.scheme not in ("http", "https") or not parts.hostname or not text.isascii():
        raise ValueError(f"not an http(s) URL in ASCII (an international name as xn--…); {remedy}")
    if parts.username is not None or "?" in text or "#" in text:
        raise ValueError(f"no user, query or fragment may be in it; {remedy}")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("http is for localhost, 127.0.0.1 and ::1 only, links carry power; use https")
    if parts.port == 0 or {".", ".."} & set(parts.path.split("/")):
        raise ValueError(f"no browser would go there; {remedy}")
    return parts._replace(netloc=parts.netloc.lower()).geturl().rstrip("/")


def parse_smtp_url(text: str, folder: Path) -> Secret:
    remedy = "write smtp://user:password@host:587 or smtps://…, with %-escapes in the password"
    parts = _split(text, remedy)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError(f"not an SMTP URL; {remedy}")
    return Secret(text)


class MailIn(NamedTuple):
    """Where mail is taken in: `protocol` is lmtp or smtp."""

    protocol: str
    host: str
    port: int


def parse_mail_in(text: str, folder: Path) -> MailIn:
    remedy = "write lmtp://127.0.0.1:8024 or smtp://127.0.0.1:8025"
    parts = _split(text, remedy)
    if parts.scheme not in ("lmtp", "smtp") or not parts.hostname or parts.port is None:
        raise ValueError(f"not an LMTP or SMTP URL with host and port; {remedy}")
    if parts.username is not None or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"nothing but host and port may be in it; {remedy}")
    return MailIn(parts.scheme, parts.hostname, parts.port)


def parse_authserv_id(text: str, folder: Path) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]+", text):
        raise ValueError("not one name; write what stands first in Authentication-Results: mx.example.com")
    return text


def parse_sender(text: str, folder: Path) -> str:
    if not _SENDER.fullmatch(text):
        raise ValueError('not a sender; write news@example.com or "Example Ltd <news@example.com>"')
    return text


def parse_address(text: str, folder: Path) -> str:
    if not re.fullmatch(_ADDRESS, text):
        raise ValueError("not one bare address; write unsubscribe@example.com")
    return text


def parse_path(text: str, folder: Path) -> Path:
    return (folder / text).resolve()


def parse_folder(text: str, folder: Path) -> Path:
    path = parse_path(text, folder)
    if not path.is_dir():
        raise ValueError("no such folder; make it, or leave the variable out")
    return path


def parse_switch(text: str, folder: Path) -> bool:
    if text.lower() not in _SWITCH:
        raise ValueError(f"{text!r} is neither yes nor no; write 1 or 0")
    return _SWITCH[text.lower()]
