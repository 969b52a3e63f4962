"""Asking a provider: what is sent, what comes back, and what may become of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from email_hooks.reading import json_of

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """One request. `body` is sent as it stands; `headers` name its type."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """An answer of any status. `headers` have small names; `body` is capped by who fetched it."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def ok(self) -> bool:
        return 200 <= self.status <= 299

    def json(self) -> Any:
        """Raises Malformed, where the provider does not answer in JSON."""
        return json_of(self.body)


class Http(Protocol):
    """The way out, given by the caller: it vets addresses, caps time and size and follows no redirect."""

    async def send(self, ask: Ask) -> Reply:
        """Raises TryAgain where no answer came."""

    def stream(self, ask: Ask) -> AsyncIterator[bytes]:
        """The body of a 2xx answer, piece by piece. Raises as `raise_for` does, and TryAgain."""


class PushError(Exception):
    """A call that did nothing, or may not have. `status`: the provider's answer, None: there was none."""

    def __init__(self, reason: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.retry_after = retry_after


class TryAgain(PushError):
    """Later it may work. `retry_after`: the provider's own wish, in seconds."""


class NotAllowed(PushError):
    """The key is wrong or may not do this: nothing will work till the operator mends it."""


class Refused(PushError):
    """It will never work as it is."""


def json_ask(method: str, url: str, headers: Mapping[str, str], payload: Any = None) -> Ask:
    """A request with a JSON body; none where `payload` is None."""
    if payload is None:
        return Ask(method=method, url=url, headers={"accept": "application/json", **headers})
    asked = {"accept": "application/json", "content-type": "application/json", **headers}
    return Ask(method=method, url=url, headers=asked, body=_encode(payload))


def in_path(value: str) -> str:
    """A value as one segment of a path: an address may hold `/`, `?`, `#`, `+` and `%`."""
    return quote(value, safe="")


#: Worth another try (PROVIDERS 0.4: network errors, these, and every 5xx).
_LATER = frozenset({408, 425, 429})
_LOCKED_OUT = frozenset({401, 403})


def raise_for(reply: Reply, *, absent_is_fine: bool = False) -> None:
    """Raises the PushError of an answer that is no 2xx. `absent_is_fine`: 404 on taking something away."""
    if reply.ok or (absent_is_fine and reply.status == 404):
        return
    kind = (
        NotAllowed
        if reply.status in _LOCKED_OUT
        else TryAgain
        if reply.status in _LATER or reply.status >= 500
        else Refused
    )
    raise kind(said(reply), status=reply.status, retry_after=retry_after(reply))


def said(reply: Reply) -> str:
    """The answer in a few words; what the provider wrote is left out, since it may name an address."""
    redirect = " (redirects are not followed)" if 300 <= reply.status <= 399 else ""
    return f"answered {reply.status}{redirect}"


def retry_after(reply: Reply) -> float | None:
    """The seconds of `Retry-After`; a date, or nonsense, is left to the caller's own schedule."""
    value = reply.headers.get("retry-after", "").strip()
    return float(value) if value.isascii() and value.isdigit() and len(value) < 10 else None
