"""SendGrid in memory: the account's lists, unsubscribe groups, and signed batches of events."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from email_hooks.events import ALL, EventKind
from email_hooks.http import Reply
from email_hooks.request import HookRequest
from email_hooks.stand_ins.api import Called, Handler, Said, StandIn, answer

_LISTS = {
    "unsubscribes": EventKind.UNSUBSCRIBED,
    "spam_reports": EventKind.COMPLAINED,
    "bounces": EventKind.BOUNCED_HARD,
}
#: What a person, or a mailbox, makes known. A group's end has an event; the end of a global stop has none.
_EVENTS = {
    EventKind.UNSUBSCRIBED: "unsubscribe",
    EventKind.GROUP_UNSUBSCRIBED: "group_unsubscribe",
    EventKind.GROUP_RESUBSCRIBED: "group_resubscribe",
    EventKind.COMPLAINED: "spamreport",
    EventKind.BOUNCED_HARD: "bounce",
    EventKind.BOUNCED_SOFT: "bounce",
}
_MOST = 500


class SendGridStandIn(StandIn):
    name = "sendgrid"
    scopes = (ALL, "group:10", "group:11")
    signs_body = True
    signs_time = True

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        #: Groups that were deleted, to the adapter's surprise.
        self.deleted: set[str] = set()
        number = int.from_bytes(hashlib.sha256(f"sendgrid{self.key}".encode()).digest()[:16], "big")
        self._private = ec.derive_private_key(number, ec.SECP256R1())

    def config(self, base_url: str) -> dict[str, Any]:
        public = self._private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return {
            "base_url": base_url,
            "api_key": f"SG.key{self.key}",
            "signing_key": base64.b64encode(public).decode(),
            "scopes": self.scopes,
        }

    def allowed(self, called: Called) -> bool:
        return called.headers.get("authorization") == f"Bearer SG.key{self.key}"

    def routes(self) -> Iterator[tuple[str, str, Handler]]:
        group = r"/v3/asm/groups/(?P<group>[^/]+)"
        everything = "/v3/asm/suppressions/global"
        yield "GET", "/v3/asm/groups", self._groups
        yield "GET", group, self._group
        yield "POST", f"{group}/suppressions", self._suppress
        yield "POST", everything, self._suppress
        yield "DELETE", rf"{group}/suppressions/(?P<email>[^/]+)", self._delete
        yield "DELETE", rf"{everything}/(?P<email>[^/]+)", self._delete
        yield "GET", f"{group}/suppressions", self._members
        yield "GET", r"/v3/suppression/(?P<list>[a-z_]+)", self._list

    def hold(self, address: str, scope: str, kind: EventKind, at: datetime | None = None) -> None:
        """Reports and bounces are of the whole account, whatever group the mail had."""
        super().hold(address, scope if kind is EventKind.UNSUBSCRIBED else ALL, kind, at)

    def _existing(self) -> list[str]:
        groups = [scope.removeprefix("group:") for scope in self.scopes if scope != ALL]
        return [group for group in groups if group not in self.deleted]

    def _groups(self, called: Called) -> Reply:
        return answer(200, [{"id": int(group), "name": f"Group {group}"} for group in self._existing()])

    def _group(self, called: Called) -> Reply:
        group = called.names["group"]
        if group not in self._existing():
            return answer(404, {"errors": [{"message": "group not found"}]})
        return answer(200, {"id": int(group), "name": f"Group {group}"})

    def _suppress(self, called: Called) -> Reply:
        addresses = called.json().get("recipient_emails")
        if not addresses or len(addresses) > _MOST or not all("@" in one for one in addresses):
            return answer(400, {"errors": [{"field": "recipient_emails", "message": "invalid"}]})
        # Where the group is gone, the address goes onto the global list: with the same answer.
        scope = f"group:{called.names['group']}" if called.names.get("group") in self._existing() else ALL
        for address in addresses:
            if address.lower() not in self.held[scope]:
                self.pushed(address, scope, stop=True)
        return answer(201, {"recipient_emails": addresses})

    def _delete(self, called: Called) -> Reply:
        scope = f"group:{called.names['group']}" if "group" in called.names else ALL
        held = self.held[scope].get(called.names["email"].lower())
        if held is None or held.kind is not EventKind.UNSUBSCRIBED:
            return answer(404, {"errors": [{"message": "email not found"}]})
        self.pushed(held.address, scope, stop=False)
        return answer(204)

    def _members(self, called: Called) -> Reply:
        if called.names["group"] not in self._existing():
            return answer(404, {"errors": [{"message": "group not found"}]})
        return answer(200, [one.address for one in self.held[f"group:{called.names['group']}"].values()])

    def _list(self, called: Called) -> Reply:
        kind = _LISTS.get(called.names["list"])
        limit, offset = int(called.query.get("limit", "500")), int(called.query.get("offset", "0"))
        if not 1 <= limit <= _MOST:
            return answer(400, {"errors": [{"field": "limit", "message": "must be 1 to 500"}]})
        rows = [one for one in self.held[ALL].values() if one.kind is kind]
        return answer(
            200,
            [
                {"email": one.address, "created": int((one.at or self.now()).timestamp())}
                for one in rows[offset : offset + limit]
            ],
        )

    def tell(self, events: Sequence[Said], *, sent_at: datetime | None = None) -> list[HookRequest]:
        told = [body for said in events if (body := self._body(said)) is not None]
        return [self._request(told, sent_at)] if told else []

    def unknown(self) -> HookRequest:
        return self._request([{"event": "unheard", "email": "a@example.com", "sg_event_id": "unheard"}])

    def _body(self, said: Said) -> dict[str, Any] | None:
        name = _EVENTS.get(said.kind)
        if said.scope == ALL and name in ("group_unsubscribe", "group_resubscribe"):
            name = "unsubscribe" if said.kind is EventKind.GROUP_UNSUBSCRIBED else None
        if name is None:
            return None
        body = {
            "email": said.address,
            "timestamp": int(said.at.timestamp()),
            "event": name,
            "sg_event_id": said.event_id,
            "sg_message_id": f"{said.event_id}.filter0001",
            "category": ["news"],
        }
        if name.startswith("group_"):
            body["asm_group_id"] = int(said.scope.removeprefix("group:"))
        if name == "bounce":
            body["type"] = "bounce" if said.kind is EventKind.BOUNCED_HARD else "blocked"
        return body

    def _request(self, told: list[dict[str, Any]], sent_at: datetime | None = None) -> HookRequest:
        # The bytes end with CRLF, and it is signed.
        body = msgspec.json.encode(told) + b"\r\n"
        seconds = str(int((sent_at or self.now()).timestamp()))
        signature = self._private.sign(seconds.encode() + body, ec.ECDSA(SHA256()))
        return HookRequest(
            method="POST",
            url=self.hook_url,
            headers={
                "content-type": "application/json",
                "x-twilio-email-event-webhook-signature": base64.b64encode(signature).decode(),
                "x-twilio-email-event-webhook-timestamp": seconds,
            },
            body=body,
        )
