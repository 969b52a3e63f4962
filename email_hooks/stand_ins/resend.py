"""Resend in memory: contacts, topics, the suppression list, and webhooks signed by Standard Webhooks."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from email_hooks.events import ALL, EventKind
from email_hooks.http import Reply
from email_hooks.request import HookRequest
from email_hooks.signatures import FAMILIES, sign_standard
from email_hooks.stand_ins.api import Called, Handler, Said, StandIn, answer

_ORIGINS = {EventKind.COMPLAINED: "complaint", EventKind.BOUNCED_HARD: "bounce"}
_OPT_OUTS = frozenset({EventKind.UNSUBSCRIBED, EventKind.GROUP_UNSUBSCRIBED})
_OPT_INS = frozenset({EventKind.RESUBSCRIBED, EventKind.GROUP_RESUBSCRIBED})
_MOST = 100


class ResendStandIn(StandIn):
    name = "resend"
    scopes = (ALL, "topic:t-1", "topic:t-2")
    signs_body = True
    signs_time = True

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        #: Ids of contacts by their address in small letters: without one nothing can be said of an address.
        self.contacts: dict[str, str] = {}
        digest = hashlib.sha256(f"resend{self.key}".encode()).digest()
        self._secret = "whsec_" + base64.b64encode(digest).decode()

    def config(self, base_url: str) -> dict[str, Any]:
        return {
            "base_url": base_url,
            "api_key": f"re_key{self.key}",
            "signing_key": self._secret,
            "scopes": self.scopes,
        }

    def allowed(self, called: Called) -> bool:
        return called.headers.get("authorization") == f"Bearer re_key{self.key}"

    def routes(self) -> Iterator[tuple[str, str, Handler]]:
        yield "GET", "/topics", self._topics
        yield "GET", "/contacts", self._contacts
        yield "POST", "/contacts", self._create
        yield "PATCH", "/contacts/(?P<contact>[^/]+)", self._update
        yield "PATCH", "/contacts/(?P<contact>[^/]+)/topics", self._update_topics
        yield "GET", "/suppressions", self._suppressions

    def hold(self, address: str, scope: str, kind: EventKind, at: datetime | None = None) -> None:
        """Reports and bounces are on the suppression list of the whole account, a contact or not."""
        if kind is EventKind.UNSUBSCRIBED:
            self._contact(address)
        super().hold(address, scope if kind is EventKind.UNSUBSCRIBED else ALL, kind, at)

    def _contact(self, address: str) -> str:
        return self.contacts.setdefault(address.lower(), f"c-{len(self.contacts) + 1}")

    def _known(self, called: Called) -> str | None:
        wanted = called.names["contact"]
        by_id = {number: address for address, number in self.contacts.items()}
        return by_id.get(wanted) or (wanted if wanted.lower() in self.contacts else None)

    def _set(self, address: str, scope: str, *, stop: bool) -> None:
        """Every change is told, ours too, and without a word on who made it."""
        held = self.held[scope].get(address.lower())
        if held is not None and held.kind is not EventKind.UNSUBSCRIBED:
            # On the suppression list: a contact's flag changes nothing about it.
            return
        self.pushed(address, scope, stop=stop)

    def _topics(self, called: Called) -> Reply:
        topics = [scope.removeprefix("topic:") for scope in self.scopes if scope != ALL]
        return self._page(called, [{"id": one, "default_subscription": "opt_in"} for one in topics])

    def _contacts(self, called: Called) -> Reply:
        held = self.held[ALL]
        return self._page(
            called,
            [
                {
                    "id": number,
                    "email": held[address].address if address in held else address,
                    "unsubscribed": address in held and held[address].kind is EventKind.UNSUBSCRIBED,
                }
                for address, number in self.contacts.items()
            ],
        )

    def _suppressions(self, called: Called) -> Reply:
        rows = [
            {
                "id": f"s-{address}",
                "email": one.address,
                "origin": _ORIGINS[one.kind],
                "created_at": (one.at or self.now()).isoformat(),
            }
            for address, one in self.held[ALL].items()
            if one.kind in _ORIGINS
        ]
        return self._page(called, rows)

    def _page(self, called: Called, rows: list[dict[str, Any]]) -> Reply:
        limit, after = int(called.query.get("limit", "20")), called.query.get("after")
        if not 1 <= limit <= _MOST:
            return answer(422, {"name": "validation_error", "message": "limit must be 1 to 100"})
        start = next((n + 1 for n, row in enumerate(rows) if row["id"] == after), 0)
        more = start + limit < len(rows)
        return answer(200, {"object": "list", "data": rows[start : start + limit], "has_more": more})

    def _create(self, called: Called) -> Reply:
        body = called.json()
        if "@" not in body.get("email", ""):
            return answer(422, {"name": "validation_error", "message": "email is invalid"})
        number = self._contact(body["email"])
        if body.get("unsubscribed") is True:
            self._set(body["email"], ALL, stop=True)
        return answer(201, {"object": "contact", "id": number})

    def _update(self, called: Called) -> Reply:
        address = self._known(called)
        if address is None:
            return answer(404, {"name": "not_found", "message": "Contact not found"})
        self._set(address, ALL, stop=called.json()["unsubscribed"] is True)
        return answer(200, {"object": "contact", "id": self._contact(address)})

    def _update_topics(self, called: Called) -> Reply:
        address, changes = self._known(called), called.json()
        if not isinstance(changes, list):
            return answer(422, {"name": "validation_error", "message": "the body must be an array"})
        if address is None or any(f"topic:{one['id']}" not in self.scopes for one in changes):
            return answer(404, {"name": "not_found", "message": "Contact or topic not found"})
        for one in changes:
            self._set(address, f"topic:{one['id']}", stop=one["subscription"] == "opt_out")
        return answer(200, {"id": self._contact(address)})

    def tell(self, events: Sequence[Said], *, sent_at: datetime | None = None) -> list[HookRequest]:
        return [self._request(said.event_id, self._body(said), sent_at) for said in events]

    def unknown(self) -> HookRequest:
        return self._request("unknown", {"type": "contact.unheard", "data": {"email": "a@example.com"}})

    def _body(self, said: Said) -> dict[str, Any]:
        type_, data = self._of(said)
        return {"type": type_, "created_at": said.at.isoformat(), "data": data}

    def _of(self, said: Said) -> tuple[str, dict[str, Any]]:
        if said.kind in _OPT_OUTS | _OPT_INS:
            return self._of_contact(said)
        mail = {"email_id": said.event_id, "to": [said.address], "subject": "News"}
        if said.kind is EventKind.COMPLAINED:
            return "email.complained", mail
        if said.kind in (EventKind.BOUNCED_HARD, EventKind.BOUNCED_SOFT):
            hard = said.kind is EventKind.BOUNCED_HARD
            bounce = {"type": "Permanent" if hard else "Transient", "subType": "General", "message": "No."}
            return "email.bounced", mail | {"bounce": bounce}
        return "email.suppressed", mail

    def _of_contact(self, said: Said) -> tuple[str, dict[str, Any]]:
        stop = said.kind in _OPT_OUTS
        if said.scope == ALL:
            return "contact.updated", {"email": said.address, "unsubscribed": stop}
        topic = {"id": said.scope.removeprefix("topic:"), "subscription": "opt_out" if stop else "opt_in"}
        return "contact.topics.updated", {"email": said.address, "topics": [topic]}

    def _request(self, event_id: str, body: Any, sent_at: datetime | None = None) -> HookRequest:
        encoded = msgspec.json.encode(body)
        signed = sign_standard(self._secret, event_id, sent_at or self.now(), encoded)
        # Under the older names of the scheme.
        headers = dict(zip(FAMILIES[1], signed.values(), strict=True))
        return HookRequest(
            method="POST",
            url=self.hook_url,
            headers={"content-type": "application/json", **headers},
            body=encoded,
        )
