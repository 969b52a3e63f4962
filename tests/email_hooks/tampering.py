"""Ways to spoil an authentic request."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from email_hooks import HookRequest


def without_credentials(request: HookRequest) -> HookRequest:
    """Nothing but the body: no header of its own, no query, no signature within."""
    body = request.body
    if body.startswith(b"{"):
        document = json.loads(body)
        for name in ("signature", "Signature"):
            document.pop(name, None)
        body = json.dumps(document).encode()
    return HookRequest(method="POST", url=request.url.partition("?")[0], headers={}, body=body)


def reserialized(request: HookRequest) -> HookRequest:
    """The same JSON in other bytes, as a framework that decodes and encodes would make of it."""
    return replace(request, body=json.dumps(json.loads(request.body), indent=1).encode())


def flipped(request: HookRequest) -> HookRequest:
    """One bit of the body changed, in the middle."""
    place = len(request.body) // 2
    changed = bytes([request.body[place] ^ 1])
    return replace(request, body=request.body[:place] + changed + request.body[place + 1 :])


def doubled(request: HookRequest) -> HookRequest:
    """Every header twice, the second one of somebody else."""
    pairs = [(name, value) for name, value in request.pairs()]
    return replace(request, headers=[*pairs, *((name.upper(), "x" + value) for name, value in pairs)])


def truncated(request: HookRequest) -> HookRequest:
    return replace(request, body=request.body[:-2])


def not_utf8(request: HookRequest) -> HookRequest:
    return replace(request, body=b"\xff\xfe" + request.body)


def odd_headers(request: HookRequest) -> HookRequest:
    """Values that are no ASCII, where a signature or a login is expected."""
    spoiled = [
        (name, value if name.lower() == "content-type" else "ß\udcff" + value)
        for name, value in request.pairs()
    ]
    return replace(request, headers=spoiled)


Spoil = Callable[[HookRequest], HookRequest]
