"""Postmark in memory: message streams, their suppressions, and the webhooks of a stream."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from email_hooks.events import EventKind
from email_hooks.http import Reply
from email_hooks.request import HookRequest
from email_hooks.stand_ins.api import Called, Handler, Said, StandIn, answer

_REASONS = {
    EventKind.UNSUBSCRIBED: "ManualSuppression",
    EventKind.COMPLAINED: "SpamComplaint",
    EventKind.BOUNCED_HARD: "HardBounce",
}
_MOST = 50
#: Streams of bulk mail: what a recipient did there, only the recipient can undo.
_BROADCAST = frozenset({"stream:broadcast"})


class PostmarkStandIn(StandIn):
    name = "postmark"
    scopes = ("stream:broadcast", "stream:outbound")

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        #: Addresses by the number of their bounce, for those that ask.
        self.bounces: dict[int, str] = {}

    def config(self, base_url: str) -> dict[str, Any]:
        return {
            "base_url": base_url,
            "api_key": f"token{self.key}",
            "basic": [f"postmark:login{self.key}"],
            "scopes": self.scopes,
        }

    def allowed(self, called: Called) -> bool:
        return called.headers.get("x-postmark-server-token") == f"token{self.key}"

    def routes(self) -> Iterator[tuple[str, str, Handler]]:
        streams = r"/message-streams"
        yield "GET", streams, self._streams
        yield "POST", rf"{streams}/(?P<stream>[^/]+)/suppressions", self._suppress
        yield "POST", rf"{streams}/(?P<stream>[^/]+)/suppressions/delete", self._reactivate
        yield "GET", rf"{streams}/(?P<stream>[^/]+)/suppressions/dump", self._dump
        yield "GET", r"/bounces/(?P<id>[0-9]+)", self._bounce

    def _streams(self, called: Called) -> Reply:
        found = [{"ID": scope.removeprefix("stream:")} for scope in self.scopes]
        return answer(200, {"MessageStreams": found, "TotalCount": len(found)})

    def _suppress(self, called: Called) -> Reply:
        return self._each(called, stop=True)

    def _reactivate(self, called: Called) -> Reply:
        return self._each(called, stop=False)

    def _each(self, called: Called, *, stop: bool) -> Reply:
        scope = f"stream:{called.names['stream']}"
        items = called.json()["Suppressions"]
        if scope not in self.scopes:
            return answer(422, {"ErrorCode": 1226, "Message": "The message stream does not exist."})
        if len(items) > _MOST:
            return answer(422, {"ErrorCode": 1300, "Message": "Too many suppressions in one request."})
        done = [
            {"EmailAddress": one, "Status": self._done(one, scope, stop), "Message": None}
            for one in (str(item["EmailAddress"]) for item in items)
        ]
        return answer(200, {"Suppressions": done})

    def _done(self, address: str, scope: str, stop: bool) -> str:
        held = self.held[scope].get(address.lower())
        if stop and "@" not in address:
            return "Failed"
        if stop and held is None:
            self.pushed(address, scope, stop=True)
            self.held[scope][address.lower()] = self.held[scope][address.lower()]._replace(reason="Customer")
        if not stop and held is not None:
            if held.kind is EventKind.COMPLAINED or (held.reason != "Customer" and scope in _BROADCAST):
                return "Failed"
            self.pushed(address, scope, stop=False)
        return "Suppressed" if stop else "Deleted"

    def _dump(self, called: Called) -> Reply:
        scope = f"stream:{called.names['stream']}"
        if scope not in self.scopes:
            return answer(422, {"ErrorCode": 1226, "Message": "The message stream does not exist."})
        rows = [
            {
                "EmailAddress": one.address,
                "SuppressionReason": _REASONS[one.kind],
                "Origin": one.reason or "Recipient",
                "CreatedAt": None if one.at is None else one.at.isoformat(),
            }
            for one in self.held[scope].values()
        ]
        return answer(200, {"Suppressions": rows})

    def _bounce(self, called: Called) -> Reply:
        number = int(called.names["id"])
        if number not in self.bounces:
            return answer(422, {"ErrorCode": 407, "Message": "Bounce was not found."})
        return answer(200, {"ID": number, "Type": "Unsubscribe", "Email": self.bounces[number]})

    def tell(self, events: Sequence[Said], *, sent_at: datetime | None = None) -> list[HookRequest]:
        return [self._request(said.event_id, self._body(said)) for said in events]

    def unknown(self) -> HookRequest:
        return self._request("unknown", {"RecordType": "Unheard", "Recipient": "a@example.com"})

    def _body(self, said: Said) -> dict[str, Any]:
        stream = said.scope.removeprefix("stream:")
        number = zlib.crc32(said.event_id.encode())
        if said.kind is EventKind.COMPLAINED:
            return {
                "RecordType": "SpamComplaint",
                "ID": number,
                "Type": "SpamComplaint",
                "Email": said.address,
                "BouncedAt": said.at.isoformat(),
                "MessageStream": stream,
            }
        if said.kind in (EventKind.BOUNCED_HARD, EventKind.BOUNCED_SOFT):
            return {
                "RecordType": "Bounce",
                "ID": number,
                "Type": "HardBounce" if said.kind is EventKind.BOUNCED_HARD else "SoftBounce",
                "Email": said.address,
                "BouncedAt": said.at.isoformat(),
                "MessageStream": stream,
            }
        stopped = said.kind in (EventKind.UNSUBSCRIBED, EventKind.GROUP_UNSUBSCRIBED)
        return {
            "RecordType": "SubscriptionChange",
            "MessageID": said.event_id,
            "ServerID": 23,
            "MessageStream": stream,
            "ChangedAt": said.at.isoformat(),
            "Recipient": said.address,
            "Origin": "Customer" if said.by_api else "Recipient",
            "SuppressSending": stopped,
            "SuppressionReason": "ManualSuppression" if stopped else None,
            "Tag": "news",
            "Metadata": {"uid": "42"},
        }

    def _request(self, trace: str, body: Any) -> HookRequest:
        login = base64.b64encode(f"postmark:login{self.key}".encode()).decode()
        return HookRequest(
            method="POST",
            url=self.hook_url,
            headers={
                "content-type": "application/json",
                "authorization": f"Basic {login}",
                "x-pm-webhook-trace-id": trace,
            },
            body=msgspec.json.encode(body),
        )
