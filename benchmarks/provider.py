"""Several mailing providers in one process, with Postmark's calls: each answers in 50 ms, one never does."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec

ANSWERS_IN = 0.05  # seconds
#: Longer than anybody waits.
HANGS_FOR = 30
HANGS = "hangs"


class Suppression(msgspec.Struct):
    EmailAddress: str


class Asked(msgspec.Struct):
    Suppressions: list[Suppression]


class Done(msgspec.Struct):
    """One address that a provider has. `at`: by `time.monotonic`, as its 2xx left."""

    provider: str
    address: str
    at: float


_asked = msgspec.json.Decoder(Asked)
_done: list[Done] = []
_calls = 0


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """/NAME/… is the API of a provider; GET /done tells all, GET /number how many, GET /calls of how many."""
    if scope["type"] != "http":
        return
    body = await _body(receive)
    match scope["path"]:
        case "/done":
            answer = msgspec.json.encode(_done)
        case "/number":
            answer = str(len(_done)).encode()
        case "/calls":
            answer = str(_calls).encode()
        case "/readyz":
            answer = b"ok"
        case path:
            answer = await _api(path.split("/")[1], scope["method"], body)
    headers = [(b"content-length", str(len(answer)).encode()), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


async def _api(provider: str, method: str, body: bytes) -> bytes:
    global _calls
    if method == "GET":
        return msgspec.json.encode({"MessageStreams": [{"ID": "broadcast"}]})
    if provider == HANGS:
        await asyncio.sleep(HANGS_FOR)
    await asyncio.sleep(ANSWERS_IN)
    addresses = [one.EmailAddress for one in _asked.decode(body).Suppressions]
    at = time.monotonic()
    _calls += 1
    _done.extend(Done(provider, address, at) for address in addresses)
    items = [{"EmailAddress": one, "Status": "Suppressed", "Message": None} for one in addresses]
    return msgspec.json.encode({"Suppressions": items})


async def _body(receive: Any) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
