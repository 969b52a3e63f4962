"""listmonk in memory: subscribers, their rows on two lists, the blocklist; and a relay, no part of it.

It tells nothing by itself: only where `relays` is set, somebody has put a relay beside it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from email_hooks.events import EventKind
from email_hooks.http import Reply
from email_hooks.request import HookRequest
from email_hooks.signatures import SHARED, sign_standard
from email_hooks.stand_ins.api import Called, Handler, Said, StandIn, answer

LISTS = {4: "ce13e971-c2ed-4069-bd0c-240e9a9f56f9", 5: "2b6d6a0f-90b1-4f70-9a07-14bbd1d04c0d"}
_TYPES = {
    EventKind.UNSUBSCRIBED: "subscriber.unsubscribed",
    EventKind.GROUP_UNSUBSCRIBED: "subscriber.unsubscribed",
    EventKind.RESUBSCRIBED: "subscriber.resubscribed",
    EventKind.GROUP_RESUBSCRIBED: "subscriber.resubscribed",
    EventKind.COMPLAINED: "subscriber.complained",
    EventKind.BOUNCED_HARD: "subscriber.bounced",
}


class ListmonkStandIn(StandIn):
    name = "listmonk"
    scopes = (*(f"list:{one}" for one in LISTS), "all")
    signs_body = True
    signs_time = True

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.relays = False
        self._ids: dict[str, int] = {}
        #: Who has a row on a list, of any status.
        self.rows: dict[int, set[str]] = {one: set() for one in LISTS}

    @property
    def secret(self) -> str:
        return SHARED + base64.b64encode(f"listmonk relay {self.key}".encode().ljust(32, b"-")).decode()

    def config(self, base_url: str) -> dict[str, Any]:
        return {
            "base_url": base_url,
            "account": "prefcenter",
            "api_key": f"token{self.key}",
            "signing_key": [self.secret],
            "scopes": self.scopes,
        }

    def allowed(self, called: Called) -> bool:
        return called.headers.get("authorization") == f"token prefcenter:token{self.key}"

    def locked_out(self) -> Reply:
        return answer(403, {"message": "invalid API credentials"})

    def know(self, address: str) -> None:
        super().know(address)
        self._ids.setdefault(address.lower(), len(self._ids) + 1)

    def hold(self, address: str, scope: str, kind: EventKind, at: datetime | None = None) -> None:
        self.know(address)
        super().hold(address, scope, kind, at)
        lowered = address.lower()
        if scope != "all":
            self.rows[int(scope.removeprefix("list:"))].add(lowered)
            return
        # Whoever is blocked leaves each of their lists too, and does not come back to them with it.
        for list_, members in self.rows.items():
            if lowered in members and lowered not in self.held[f"list:{list_}"]:
                super().hold(address, f"list:{list_}", kind, at)

    def report(
        self, kind: EventKind, address: str, scope: str, at: datetime | None = None, *, by_api: bool = False
    ) -> None:
        if self.relays:
            super().report(kind, address, scope, at, by_api=by_api)

    # -- the API ------------------------------------------------------------------------------------------

    def routes(self) -> Iterator[tuple[str, str, Handler]]:
        yield "GET", r"/api/lists", self._lists
        yield "GET", r"/api/subscribers", self._query
        yield "POST", r"/api/subscribers", self._create
        yield "PUT", r"/api/subscribers/blocklist", self._blocklist
        yield "PUT", r"/api/subscribers/lists", self._change_lists
        yield "PATCH", r"/api/subscribers/(?P<id>[0-9]+)", self._patch

    def _lists(self, called: Called) -> Reply:
        found = [{"id": one, "uuid": uuid, "name": f"List {one}"} for one, uuid in LISTS.items()]
        return _data({"results": found, "total": len(found)})

    def _query(self, called: Called) -> Reply:
        found = list(self.known)
        if "search" in called.query:
            pattern = re.compile(called.query["search"], re.IGNORECASE)
            found = [one for one in found if pattern.search(one)]
        if "query" in called.query:
            found = [one for one in found if one in self.held["all"]]
        if "list_id" in called.query:
            # With the status `unsubscribed`, which is the only one asked for.
            found = [one for one in found if one in self.held[f"list:{called.query['list_id']}"]]
        page, size = int(called.query.get("page", 1)), int(called.query.get("per_page", 20))
        shown = [self._shown(one) for one in found[(page - 1) * size : page * size]]
        return _data({"results": shown, "total": len(found), "page": page, "per_page": size})

    def _create(self, called: Called) -> Reply:
        asked = called.json()
        if "@" not in asked["email"]:
            return answer(400, {"message": "Invalid email."})
        if asked["email"].lower() in self.known:
            return answer(409, {"message": "E-mail already exists."})
        self.know(asked["email"])
        if asked["status"] == "blocklisted":
            self.pushed(asked["email"], "all", stop=True)
        return _data(self._shown(asked["email"].lower()))

    def _blocklist(self, called: Called) -> Reply:
        for address in self._of(called.json()["ids"]):
            if address.lower() not in self.held["all"]:
                self.pushed(address, "all", stop=True)
        return _data(True)

    def _change_lists(self, called: Called) -> Reply:
        asked = called.json()
        if not set(asked["target_list_ids"]) & set(LISTS):
            # Lists that the role does not allow are left out silently, until none is left.
            return answer(403, {"message": "permission denied"})
        for list_ in set(asked["target_list_ids"]) & set(LISTS):
            for address in self._of(asked["ids"]):
                self._change_list(address, list_, asked["action"], asked.get("status"))
        return _data(True)

    def _change_list(self, address: str, list_: int, action: str, status: str | None) -> None:
        lowered, scope = address.lower(), f"list:{list_}"
        if action == "remove":
            self.rows[list_].discard(lowered)
            self.release(address, scope)
            return
        if action == "unsubscribe" and lowered not in self.rows[list_]:
            # Nothing happens, and it says that all is well.
            return
        self.rows[list_].add(lowered)
        stop = action == "unsubscribe" or status == "unsubscribed"
        if (lowered in self.held[scope]) is not stop:
            self.pushed(address, scope, stop=stop)

    def _patch(self, called: Called) -> Reply:
        found = self._of([int(called.names["id"])])
        if not found:
            return answer(400, {"message": "Subscriber not found."})
        if called.json().get("status") == "enabled" and found[0].lower() in self.held["all"]:
            self.pushed(found[0], "all", stop=False)
        return _data(self._shown(found[0].lower()))

    def _of(self, ids: Sequence[int]) -> list[str]:
        wanted = set(ids)
        return [self.known[lowered] for lowered, number in self._ids.items() if number in wanted]

    def _shown(self, lowered: str) -> dict[str, Any]:
        blocked = self.held["all"].get(lowered)
        rows = []
        for list_, members in self.rows.items():
            if lowered in members:
                held = self.held[f"list:{list_}"].get(lowered)
                status = "confirmed" if held is None else "unsubscribed"
                rows.append(
                    {"id": list_, "subscription_status": status, "subscription_updated_at": _time(held)}
                )
        return {
            "id": self._ids[lowered],
            "email": lowered,
            "status": "enabled" if blocked is None else "blocklisted",
            "updated_at": _time(blocked),
            "lists": rows,
        }

    # -- a relay ------------------------------------------------------------------------------------------

    def tell(self, events: Sequence[Said], *, sent_at: datetime | None = None) -> list[HookRequest]:
        told = [said for said in events if said.kind in _TYPES]
        return [self.relay(said.event_id, _body(said), sent_at) for said in told]

    def unknown(self) -> HookRequest:
        return self.relay("unknown", {"type": "subscriber.unheard", "data": {"email": "a@example.com"}})

    def relay(self, number: str, body: Any, sent_at: datetime | None = None) -> HookRequest:
        raw = msgspec.json.encode(body)
        signed = sign_standard(self.secret, number, sent_at or self.now(), raw)
        headers = {"content-type": "application/json", **signed}
        return HookRequest(method="POST", url=self.hook_url, headers=headers, body=raw)


def _body(said: Said) -> dict[str, Any]:
    data: dict[str, Any] = {"email": said.address}
    if said.scope != "all":
        data["list_id"] = int(said.scope.removeprefix("list:"))
    return {"type": _TYPES[said.kind], "timestamp": said.at.isoformat(), "data": data}


def _time(held: Any) -> str | None:
    return None if held is None or held.at is None else held.at.isoformat()


def _data(value: Any) -> Reply:
    return answer(200, {"data": value})
