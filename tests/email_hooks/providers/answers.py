"""What the tests of a provider share: a request of plain JSON, canned answers, a list in one piece."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from email_hooks.http import Ask, Reply, raise_for
from email_hooks.provider import Provider, Suppressed
from email_hooks.request import HookRequest


def posted(body: Any, **headers: str) -> HookRequest:
    """A request for `parse`; `headers` with `_` for `-`."""
    return HookRequest(
        method="POST",
        url="https://example.com/hooks/main",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=json.dumps(body).encode(),
    )


class Answering:
    """A provider that answers by a function, and remembers what it was asked."""

    def __init__(self, answer: Callable[[Ask], tuple[int, Any]]) -> None:
        self._answer = answer
        self.asked: list[Ask] = []

    async def send(self, ask: Ask) -> Reply:
        self.asked.append(ask)
        status, body = self._answer(ask)
        return Reply(status=status, body=b"" if body is None else json.dumps(body).encode())

    async def stream(self, ask: Ask) -> AsyncIterator[bytes]:
        reply = await self.send(ask)
        raise_for(reply)
        for start in range(0, len(reply.body), 7):
            yield reply.body[start : start + 7]


async def all_of(provider: Provider, http: Any, config: Any, scope: str) -> list[Suppressed]:
    return [one async for page in provider.suppressed(http, config, scope) for one in page]
