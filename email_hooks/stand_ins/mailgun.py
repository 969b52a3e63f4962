"""Mailgun in memory: one sending domain, its unsubscribes by tag, complaints and bounces, and webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from email_hooks.events import ALL, EventKind
from email_hooks.http import Reply
from email_hooks.provider import Suppressed
from email_hooks.request import HookRequest
from email_hooks.stand_ins.api import Called, Handler, Said, StandIn, answer

DOMAIN = "mg.example.com"
_LISTS = {
    "unsubscribes": EventKind.UNSUBSCRIBED,
    "complaints": EventKind.COMPLAINED,
    "bounces": EventKind.BOUNCED_HARD,
}
_OPT_OUTS = frozenset({EventKind.UNSUBSCRIBED, EventKind.GROUP_UNSUBSCRIBED})
_BOUNCES = {EventKind.BOUNCED_HARD: "permanent", EventKind.BOUNCED_SOFT: "temporary"}
_MOST = 1000


class MailgunStandIn(StandIn):
    """It tells of what recipients do; of calls by API it tells nothing, and it has no event for a return."""

    name = "mailgun"
    scopes = (ALL, "tag:news", "tag:offers")
    # The signature covers a time and a token, not the event.
    signs_time = True
    base = "https://api.mailgun.net/v3"

    def config(self, base_url: str) -> dict[str, Any]:
        self.base = f"{base_url}/v3"
        return {
            "base_url": self.base,
            "api_key": f"key{self.key}",
            "account": DOMAIN,
            "signing_key": f"signing{self.key}",
            "scopes": self.scopes,
            "public_url": "https://example.com/hooks/main",
        }

    def allowed(self, called: Called) -> bool:
        login = base64.b64encode(f"api:key{self.key}".encode()).decode()
        return called.headers.get("authorization") == f"Basic {login}"

    def routes(self) -> Iterator[tuple[str, str, Handler]]:
        entries = "/v3/(?P<domain>[^/]+)/(?P<list>unsubscribes|complaints|bounces)"
        yield "GET", entries, self._list
        yield "POST", "/v3/(?P<domain>[^/]+)/unsubscribes", self._add
        yield "GET", f"{entries}/(?P<address>[^/]+)", self._one
        yield "DELETE", f"{entries}/(?P<address>[^/]+)", self._delete
        # Without an address the whole list goes.
        yield "DELETE", f"{entries}/?", self._wipe
        yield "GET", "/v3/(?P<domain>[^/]+)/tags/(?P<tag>[^/]+)", self._tag

    def hold(self, address: str, scope: str, kind: EventKind, at: datetime | None = None) -> None:
        """Complaints and bounces are of the whole domain, whatever tag the mail had."""
        super().hold(address, scope if kind is EventKind.UNSUBSCRIBED else ALL, kind, at)

    def pushed(self, address: str, scope: str, *, stop: bool) -> None:
        if stop and address.lower() not in self.held[scope]:
            self.hold(address, scope, EventKind.UNSUBSCRIBED)
        elif not stop:
            self.release(address, scope)

    def _gone(self, called: Called) -> Reply | None:
        return None if called.names["domain"] == DOMAIN else answer(404, {"message": "Domain not found"})

    def _entries(self, name: str) -> dict[str, tuple[Suppressed, list[str]]]:
        """The entries of a list by their address, each with its tags."""
        found: dict[str, tuple[Suppressed, list[str]]] = {}
        for scope in self.scopes if name == "unsubscribes" else (ALL,):
            tag = "*" if scope == ALL else scope.removeprefix("tag:")
            for key, one in self.held[scope].items():
                if one.kind is _LISTS[name]:
                    first, tags = found.get(key, (one, []))
                    found[key] = (first, [*tags, tag])
        return dict(sorted(found.items()))

    def _row(self, one: Suppressed, tags: list[str]) -> dict[str, Any]:
        at = (one.at or self.now()).astimezone(UTC)
        return {"address": one.address, "tags": tags, "created_at": format_datetime(at, usegmt=True)}

    def _list(self, called: Called) -> Reply:
        limit, after = int(called.query.get("limit", "100")), called.query.get("address", "")
        if (gone := self._gone(called)) is not None:
            return gone
        if not 1 <= limit <= _MOST:
            return answer(400, {"message": "limit must be 1 to 1000"})
        name = called.names["list"]
        rows = [(key, row) for key, row in self._entries(name).items() if key > after][:limit]
        query = urlencode({"page": "next", "address": rows[-1][0] if rows else after, "limit": limit})
        here = f"{self.base}/{DOMAIN}/{name}"
        # The last page has a `next` too: it leads to an empty one.
        paging = {"first": f"{here}?limit={limit}", "next": f"{here}?{query}"}
        return answer(200, {"items": [self._row(*row) for _, row in rows], "paging": paging})

    def _add(self, called: Called) -> Reply:
        if (gone := self._gone(called)) is not None:
            return gone
        items = called.json()
        if (
            not isinstance(items, list)
            or len(items) > _MOST
            or not all("@" in one["address"] for one in items)
        ):
            return answer(400, {"message": "Invalid batch"})
        for item in items:
            for tag in item.get("tags") or ["*"]:
                self.pushed(item["address"], ALL if tag == "*" else f"tag:{tag}", stop=True)
        return answer(200, {"message": f"{len(items)} addresses have been added to the unsubscribes table"})

    def _one(self, called: Called) -> Reply:
        found = self._entries(called.names["list"]).get(called.names["address"].lower())
        if found is None:
            return answer(404, {"message": "Address not found in the list"})
        return answer(200, self._row(*found))

    def _delete(self, called: Called) -> Reply:
        address, tag = called.names["address"], called.query.get("tag")
        found = self._entries(called.names["list"]).get(address.lower())
        tags = [one for one in found[1] if tag in (None, one)] if found else []
        if not tags:
            return answer(404, {"message": "Address not found in the list"})
        for one in tags:
            self.pushed(address, ALL if one == "*" else f"tag:{one}", stop=False)
        return answer(200, {"message": "Address has been removed", "address": address})

    def _wipe(self, called: Called) -> Reply:
        self.held.clear()
        return answer(200, {"message": "All addresses have been removed"})

    def _tag(self, called: Called) -> Reply:
        tag = called.names["tag"]
        return (
            answer(200, {"tag": tag})
            if f"tag:{tag}" in self.scopes
            else answer(404, {"message": "Tag not found"})
        )

    def tell(self, events: Sequence[Said], *, sent_at: datetime | None = None) -> list[HookRequest]:
        return [
            self._request(said.event_id, data, sent_at)
            for said in events
            if (data := self._data(said)) is not None
        ]

    def unknown(self) -> HookRequest:
        return self._request("unknown", {"event": "unheard", "recipient": "a@example.com"})

    def _data(self, said: Said) -> dict[str, Any] | None:
        about: dict[str, Any] = {
            "id": said.event_id[:22],
            "timestamp": said.at.timestamp(),
            "recipient": said.address,
            "tags": [],
            "user-variables": {"uid": "42"},
            "message": {"headers": {"message-id": f"{said.event_id}@{DOMAIN}"}},
        }
        if said.kind in _OPT_OUTS:
            # Which tag, it does not say: these are those of the mail.
            return about | {"event": "unsubscribed", "tags": ["news", "offers"]}
        if said.kind is EventKind.COMPLAINED:
            return about | {"event": "complained"}
        if said.kind in _BOUNCES:
            return about | {"event": "failed", "severity": _BOUNCES[said.kind], "reason": "generic"}
        return None

    def _request(self, event_id: str, data: dict[str, Any], sent_at: datetime | None = None) -> HookRequest:
        seconds = str(int((sent_at or self.now()).timestamp()))
        token = hashlib.sha256(event_id.encode()).hexdigest()[:50]
        key = f"signing{self.key}".encode()
        signature = hmac.new(key, f"{seconds}{token}".encode(), "sha256").hexdigest()
        signed = {"timestamp": seconds, "token": token, "signature": signature}
        return HookRequest(
            method="POST",
            url=self.hook_url,
            headers={"content-type": "application/json"},
            body=msgspec.json.encode({"signature": signed, "event-data": data}),
        )
