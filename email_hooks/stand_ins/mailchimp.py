"""Mailchimp in memory: an audience, its contacts and interest groups, and the webhooks of the audience.

Who left by themselves, bounced or complained cannot be subscribed by API; who was deleted for good cannot
even be added. `forgotten`: the latter.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from email_hooks.events import EventKind
from email_hooks.http import Reply
from email_hooks.request import HookRequest
from email_hooks.stand_ins.api import Called, Handler, Said, StandIn, answer, url_with

AUDIENCE, CATEGORY, INTEREST = "a6b5da1054", "a1e9f4b7f6", "9143cf3bd1"
LIST, GROUP = f"list:{AUDIENCE}", f"interest:{AUDIENCE}/{INTEREST}"
_MOST = 500
_STATUS = {EventKind.BOUNCED_HARD: "cleaned"}
_STOPS = (EventKind.UNSUBSCRIBED, EventKind.GROUP_UNSUBSCRIBED)


class MailchimpStandIn(StandIn):
    name = "mailchimp"
    scopes = (LIST, GROUP)
    of_contacts = frozenset({"interest"})

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        #: Contacts by their hash: the address.
        self.contacts: dict[str, str] = {}
        self.forgotten: set[str] = set()
        self._by_api: set[str] = set()

    def config(self, base_url: str) -> dict[str, Any]:
        return {
            "base_url": base_url,
            "api_key": f"key{self.key}-us21",
            "secret": [f"in-the-query{self.key}"],
            "scopes": self.scopes,
        }

    def allowed(self, called: Called) -> bool:
        login = base64.b64encode(f"any:key{self.key}-us21".encode()).decode()
        return called.headers.get("authorization") == f"Basic {login}"

    def locked_out(self) -> Reply:
        return _problem(401, "API Key Invalid")

    def know(self, address: str) -> None:
        self.contacts[_hash(address)] = address

    def hold(self, address: str, scope: str, kind: EventKind, at: datetime | None = None) -> None:
        super().hold(address, scope, kind, at)
        self.know(address)
        if scope == LIST:
            self._by_api.discard(address.lower())

    # -- the API ------------------------------------------------------------------------------------------

    def routes(self) -> Iterator[tuple[str, str, Handler]]:
        audience = rf"/lists/{AUDIENCE}"
        yield "GET", r"/ping", lambda called: answer(200, {"health_status": "Everything's Chimpy!"})
        yield "GET", audience, lambda called: answer(200, {"id": AUDIENCE})
        yield "POST", audience, self._batch
        yield "GET", rf"{audience}/interest-categories", self._categories
        yield "GET", rf"{audience}/interest-categories/{CATEGORY}/interests", self._interests
        yield "GET", rf"{audience}/members", self._members
        yield "GET", rf"{audience}/members/(?P<hash>[0-9a-f]+)", self._member
        yield "PATCH", rf"{audience}/members/(?P<hash>[0-9a-f]+)", self._update
        yield "PUT", rf"{audience}/members/(?P<hash>[0-9a-f]+)", self._upsert
        yield "GET", r"/lists/.*", lambda called: _problem(404, "Resource Not Found")

    def _categories(self, called: Called) -> Reply:
        return answer(200, {"categories": [{"id": CATEGORY, "title": "Letters"}], "total_items": 1})

    def _interests(self, called: Called) -> Reply:
        return answer(200, {"interests": [{"id": INTEREST, "name": "Weekly"}], "total_items": 1})

    def _batch(self, called: Called) -> Reply:
        document = called.json()
        if len(document["members"]) > _MOST:
            return _problem(400, "Invalid Resource")
        new: list[Any] = []
        updated: list[Any] = []
        errors: list[Any] = []
        for member in document["members"]:
            address = member["email_address"]
            known = _hash(address) in self.contacts
            problem = "ERROR_CONTACT_EXISTS" if known and not document["update_existing"] else None
            if problem is None and self._set(address, member) is not None:
                problem = "ERROR_GENERIC"
            if problem is not None:
                errors.append({"email_address": address, "error": "in words", "error_code": problem})
            else:
                (updated if known else new).append(self._shown(address))
        counts = {"total_created": len(new), "total_updated": len(updated), "error_count": len(errors)}
        return answer(200, {"new_members": new, "updated_members": updated, "errors": errors, **counts})

    def _member(self, called: Called) -> Reply:
        address = self.contacts.get(called.names["hash"])
        return _problem(404, "Resource Not Found") if address is None else answer(200, self._shown(address))

    def _update(self, called: Called) -> Reply:
        address = self.contacts.get(called.names["hash"])
        if address is None:
            return _problem(404, "Resource Not Found")
        title = self._set(address, called.json())
        return _problem(400, title) if title else answer(200, self._shown(address))

    def _upsert(self, called: Called) -> Reply:
        document = called.json()
        address = document["email_address"]
        if _hash(address) != called.names["hash"]:
            return _problem(400, "Invalid Resource")
        wanted = document if _hash(address) in self.contacts else {"status": document["status_if_new"]}
        title = self._set(address, wanted)
        return _problem(400, title) if title else answer(200, self._shown(address))

    def _set(self, address: str, wanted: dict[str, Any]) -> str | None:
        """Changes one contact, or names why not."""
        lowered, status = address.lower(), wanted.get("status")
        if lowered in self.forgotten:
            return "Forgotten Email Not Subscribed"
        held = lowered in self.held[LIST]
        if status == "subscribed" and held and lowered not in self._by_api:
            return "Member In Compliance State"
        if any(interest != INTEREST for interest in wanted.get("interests", {})):
            return "Invalid Resource"
        self.know(address)
        # It tells of changes only.
        if status in ("subscribed", "unsubscribed") and held is (status == "subscribed"):
            self.pushed(address, LIST, stop=not held)
            (self._by_api.discard if held else self._by_api.add)(lowered)
        chosen = wanted.get("interests", {}).get(INTEREST)
        if chosen is not None and (lowered in self.held[GROUP]) is chosen:
            self.pushed(address, GROUP, stop=not chosen)
        return None

    def _shown(self, address: str) -> dict[str, Any]:
        held = self.held[LIST].get(address.lower())
        return {
            "id": _hash(address),
            "email_address": address,
            "status": "subscribed" if held is None else _STATUS.get(held.kind, "unsubscribed"),
            "interests": {INTEREST: address.lower() not in self.held[GROUP]},
            "unsubscribe_reason": "N/A",
            "last_changed": held.at.isoformat() if held and held.at else self.now().isoformat(),
        }

    def _members(self, called: Called) -> Reply:
        status = called.query["status"]
        found = [row for row in map(self._shown, self.contacts.values()) if row["status"] == status]
        offset, count = int(called.query["offset"]), min(int(called.query["count"]), 1000)
        return answer(200, {"members": found[offset : offset + count], "total_items": len(found)})

    # -- its webhooks -------------------------------------------------------------------------------------

    def tell(self, events: Sequence[Said], *, sent_at: datetime | None = None) -> list[HookRequest]:
        return [self._request(_fields(said)) for said in events if said.kind is not EventKind.BOUNCED_SOFT]

    def unknown(self) -> HookRequest:
        return self._request({"type": "unheard", "data[email]": "a@example.com"})

    def _request(self, fields: dict[str, str]) -> HookRequest:
        return HookRequest(
            method="POST",
            url=url_with(self.hook_url, self.config("")),
            headers={"content-type": "application/x-www-form-urlencoded"},
            body=urlencode(fields).encode(),
        )


def _fields(said: Said) -> dict[str, str]:
    """What a webhook says; who did it, a person or the API, is not in it."""
    type_, details = _told(said)
    return {
        "type": type_,
        "fired_at": said.at.strftime("%Y-%m-%d %H:%M:%S"),
        **details,
        "data[id]": _hash(said.address)[:10],
        "data[list_id]": AUDIENCE,
        "data[email]": said.address,
        "data[email_type]": "html",
        "data[merges][FNAME]": "Ana",
        "data[campaign_id]": "cb398d21d2",
    }


def _told(said: Said) -> tuple[str, dict[str, str]]:
    if said.kind is EventKind.COMPLAINED:
        return "unsubscribe", {"data[action]": "unsub", "data[reason]": "abuse"}
    if said.kind is EventKind.BOUNCED_HARD:
        return "cleaned", {"data[reason]": "hard"}
    if said.scope == GROUP:
        groups = "" if said.kind in _STOPS else "Weekly"
        return "profile", {
            "data[merges][GROUPINGS][0][name]": "Letters",
            "data[merges][GROUPINGS][0][groups]": groups,
        }
    if said.kind in _STOPS:
        return "unsubscribe", {"data[action]": "unsub", "data[reason]": "manual"}
    return "subscribe", {}


def _hash(address: str) -> str:
    return hashlib.md5(address.lower().encode(), usedforsecurity=False).hexdigest()


def _problem(status: int, title: str) -> Reply:
    return answer(status, {"type": "about:blank", "title": title, "status": status, "detail": "in words"})
