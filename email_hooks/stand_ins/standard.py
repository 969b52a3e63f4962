"""A tool of one's own in memory, as docs/providers/standard.md asks for: it speaks Standard Webhooks both
ways, and has a list of whom it holds back."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from email_hooks.errors import HookError
from email_hooks.events import ALL, EventKind
from email_hooks.http import Reply
from email_hooks.request import HookRequest
from email_hooks.signatures import sign_standard, verify_standard
from email_hooks.stand_ins.api import Called, Handler, Said, StandIn, answer

_PAGE = 500


class StandardStandIn(StandIn):
    """A stop on `all` holds back from everything, whatever its groups say; it keeps the two apart."""

    name = "standard"
    scopes = ("group:news", "group:offers", ALL)
    signs_body = True
    signs_time = True

    def config(self, base_url: str) -> dict[str, Any]:
        return {
            "signing_key": [self._secret("in")],
            "events": {f"contact.{kind}": kind.value for kind in _TOLD},
            "push_url": f"{base_url}/preferences",
            "api_secret": self._secret("out"),
            "list_url": f"{base_url}/stopped",
            "api_key": f"token{self.key}",
            "scopes": self.scopes,
        }

    def _secret(self, direction: str) -> str:
        raw = hashlib.sha256(f"standard-{direction}{self.key}".encode()).digest()
        return "whsec_" + base64.b64encode(raw).decode("ascii")

    def allowed(self, called: Called) -> bool:
        if called.headers.get("authorization") != f"Bearer token{self.key}":
            return False
        if called.method == "GET":
            return True
        try:
            # By the machine's clock, since whoever signs reads it too.
            verify_standard(called.headers, called.body, self._secret("out"), datetime.now(UTC))
        except HookError:
            return False
        return True

    def routes(self) -> Iterator[tuple[str, str, Handler]]:
        yield "POST", "/preferences", self._preference
        yield "GET", "/stopped", self._stopped

    def _preference(self, called: Called) -> Reply:
        event = called.json()
        data = event["data"]
        if event["type"] != "preference.updated" or data["scope"] not in self.scopes:
            return answer(422, {"message": "no such group"})
        self.pushed(data["email"], data["scope"], stop=data["state"] == "stopped")
        return answer(204)

    def _stopped(self, called: Called) -> Reply:
        scope, cursor = called.query["scope"], called.query.get("cursor", "0")
        if not cursor.isdigit():
            return answer(400, {"message": "no such page"})
        start = int(cursor)
        if scope not in self.scopes:
            return answer(404, {"message": "no such group"})
        rows = [
            {
                "email": one.address,
                "kind": one.kind.value,
                "at": None if one.at is None else one.at.isoformat(),
            }
            for one in self.held[scope].values()
        ]
        more = str(start + _PAGE) if start + _PAGE < len(rows) else None
        return answer(200, {"data": rows[start : start + _PAGE], "next": more})

    def tell(self, events: Sequence[Said], *, sent_at: datetime | None = None) -> list[HookRequest]:
        return [self._request(said.event_id, _body(said), sent_at) for said in events]

    def unknown(self) -> HookRequest:
        return self._request("unknown", {"type": "contact.unheard", "data": {"email": "ana@example.com"}})

    def _request(self, event_id: str, body: Any, sent_at: datetime | None = None) -> HookRequest:
        encoded = msgspec.json.encode(body)
        signature = sign_standard(self._secret("in"), event_id, sent_at or self.now(), encoded)
        return HookRequest(
            method="POST",
            url=self.hook_url,
            headers={"content-type": "application/json", **signature},
            body=encoded,
        )


_TOLD = [kind for kind in EventKind if kind not in (EventKind.PREFERENCES_CHANGED, EventKind.IGNORED)]


def _body(said: Said) -> dict[str, Any]:
    return {
        "type": f"contact.{said.kind}",
        "timestamp": said.at.isoformat(),
        "data": {
            "email": said.address,
            "list": said.scope.removeprefix("group:"),
            "origin": "api" if said.by_api else "person",
        },
    }
