"""A marketing tool to look at: a webhook endpoint that verifies what it hears, and a page that shows it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from email_hooks.errors import NotAuthentic
from email_hooks.signatures import new_secret, verify_standard
from prefcenter.demo.context import DEMO_NAV
from prefcenter.domain.addresses import mask
from prefcenter.storage.outbox import CHOICE_RECORDED, STANDING_CHANGED
from prefcenter.storage.units import StoredAnswer
from prefcenter.use_cases.services import Services
from prefcenter.use_cases.webhooks import add_webhook
from prefcenter.web.body import PUBLIC_LIMIT, read_body
from prefcenter.web.state import page

_KEPT = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """One event. `after_ms`: how long after the choice it was here. `who` is masked."""

    id: str
    type: str
    who: str
    summary: str
    after_ms: int
    at: datetime
    body: str


class Tool:
    """Keeps the newest events in memory; an event that comes twice is kept once (by its webhook-id)."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._secret = new_secret()
        self._heard: deque[Heard] = deque(maxlen=_KEPT)

    @property
    def heard(self) -> Sequence[Heard]:
        """Newest first."""
        return tuple(reversed(self._heard))

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            Route("/demo/tool", self._show, methods=["GET"]),
            Route("/demo/tool", self._receive, methods=["POST"]),
        ]

    async def register(self, services: Services) -> None:
        await add_webhook(
            services,
            url=f"{services.settings.base_url}/demo/tool",
            events=[CHOICE_RECORDED, STANDING_CHANGED],
            description="The demo's marketing tool",
            secret=self._secret,
            now=self._now(),
            respond=lambda webhook, secret: StoredAnswer(201, b""),
        )

    async def _show(self, request: Request) -> Response:
        return page(request, "demo/tool", here="/demo/tool", nav=DEMO_NAV, heard=self.heard)

    async def _receive(self, request: Request) -> Response:
        body = await read_body(request, PUBLIC_LIMIT)
        now = self._now()
        try:
            verify_standard(request.headers, body, self._secret, now)
            event = msgspec.json.decode(body, type=_Event)
        except (NotAuthentic, msgspec.DecodeError):
            return Response(status_code=401)
        id_ = request.headers["webhook-id"]
        if all(one.id != id_ for one in self._heard):
            self._heard.append(_heard(id_, event, body, now))
        return Response(status_code=204)


class _Event(msgspec.Struct):
    type: str
    timestamp: datetime
    data: dict[str, Any]


def _heard(id_: str, event: _Event, body: bytes, now: datetime) -> Heard:
    data = event.data
    who = data.get("subject") or {}
    email = who.get("email")
    if event.type == CHOICE_RECORDED:
        summary = f"{data.get('action')} {data.get('purpose')} ({data.get('source')}, {data.get('effect')})"
    else:
        may = "may be sent" if data.get("allowed") else "may not be sent"
        summary = f"{data.get('purpose')} {may} ({data.get('status')})"
    return Heard(
        id=id_,
        type=event.type,
        who=mask(email) if isinstance(email, str) else "?",
        summary=summary,
        after_ms=round((now - event.timestamp).total_seconds() * 1000),
        at=now,
        body=msgspec.json.format(body, indent=2).decode(),
    )
