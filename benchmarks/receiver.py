"""A marketing tool's webhook endpoint, in a process of its own: notes what it heard, and when."""

from __future__ import annotations

import time
from typing import Any

import msgspec


class Data(msgspec.Struct):
    fingerprint: str


class Event(msgspec.Struct):
    data: Data


class Heard(msgspec.Struct):
    """One post. `at`: by `time.monotonic`, which all processes of a machine share."""

    id: str
    fingerprint: str
    at: float


_events = msgspec.json.Decoder(Event)
_heard: list[Heard] = []


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """POST /hook notes, POST /bare does not; GET /heard tells all, GET /number how many; GET /readyz."""
    if scope["type"] != "http":
        return
    match scope["path"]:
        case "/hook":
            body = await _body(receive)
            headers = dict(scope["headers"])
            fingerprint = _events.decode(body).data.fingerprint
            _heard.append(Heard(headers[b"webhook-id"].decode(), fingerprint, time.monotonic()))
            answer = b""
        case "/bare":
            _events.decode(await _body(receive))
            answer = b""
        case "/heard":
            answer = msgspec.json.encode(_heard)
        case "/number":
            answer = str(len(_heard)).encode()
        case _:
            answer = b"ok"
    length = (b"content-length", str(len(answer)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": answer})


async def _body(receive: Any) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
