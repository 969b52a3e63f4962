"""HubSpot in memory: contacts, subscription types, the search with its cap, and the webhooks of an app.

Who left by themselves is not subscribed again by API, nor is anybody who left everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from email_hooks.events import EventKind
from email_hooks.http import Reply
from email_hooks.hubspot_signatures import signature
from email_hooks.request import HookRequest
from email_hooks.stand_ins.api import Called, Handler, Said, StandIn, answer

TYPES = ("6125111", "6125112")
_MOST = 100
_MOST_SEARCHED = 10_000
_STOPS = (EventKind.UNSUBSCRIBED, EventKind.GROUP_UNSUBSCRIBED)


class HubSpotStandIn(StandIn):
    name = "hubspot"
    scopes = (*(f"type:{one}" for one in TYPES), "all")
    signs_body = True
    signs_time = True

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._ids: dict[str, int] = {}
        self._by_api: set[tuple[str, str]] = set()

    def config(self, base_url: str) -> dict[str, Any]:
        return {
            "base_url": base_url,
            "api_key": f"pat-na1-{self.key}",
            "signing_key": [f"client-secret{self.key}"],
            "public_url": self.hook_url,
            "scopes": self.scopes,
        }

    def allowed(self, called: Called) -> bool:
        return called.headers.get("authorization") == f"Bearer pat-na1-{self.key}"

    def hold(self, address: str, scope: str, kind: EventKind, at: datetime | None = None) -> None:
        super().hold(address, scope, kind, at)
        self._by_api.discard((scope, address.lower()))
        self.id_of(address)

    def id_of(self, address: str) -> int:
        """The number of the contact; it becomes one, where it is none."""
        self.know(address)
        return self._ids.setdefault(address.lower(), len(self._ids) + 1)

    # -- the API ------------------------------------------------------------------------------------------

    def routes(self) -> Iterator[tuple[str, str, Handler]]:
        preferences = r"/communication-preferences/v4"
        statuses = rf"{preferences}/statuses"
        yield "GET", rf"{preferences}/definitions", self._definitions
        yield "POST", rf"{statuses}/batch/write", self._write_all
        yield "POST", rf"{statuses}/batch/unsubscribe-all", self._leave_all
        yield "POST", rf"{statuses}/(?P<address>[^/]+)", self._write
        yield "POST", rf"{statuses}/(?P<address>[^/]+)/unsubscribe-all", self._leave
        yield "GET", r"/crm/v3/objects/contacts/(?P<id>[0-9]+)", self._contact
        yield "POST", r"/crm/v3/objects/contacts/search", self._search

    def _definitions(self, called: Called) -> Reply:
        return answer(200, {"results": [{"id": one, "name": "News", "isActive": True} for one in TYPES]})

    def _write_all(self, called: Called) -> Reply:
        inputs = called.json()["inputs"]
        return _batch(inputs, [self._written(one["subscriberIdString"], one) for one in inputs])

    def _leave_all(self, called: Called) -> Reply:
        inputs = called.json()["inputs"]
        return _batch(inputs, [self._left(one) for one in inputs])

    def _write(self, called: Called) -> Reply:
        status = self._written(called.names["address"], called.json())
        return _refused() if status is None else _complete([status])

    def _leave(self, called: Called) -> Reply:
        # Not verbose: the statuses are left out.
        return _refused() if self._left(called.names["address"]) is None else _complete([])

    def _written(self, address: str, wanted: dict[str, Any]) -> dict[str, Any] | None:
        """The new status; None: refused."""
        scope, lowered = f"type:{wanted['subscriptionId']}", address.lower()
        stop = wanted["statusState"] == "UNSUBSCRIBED"
        held = lowered in self.held[scope]
        left = held and (scope, lowered) not in self._by_api
        if not _is_address(address) or scope not in self.scopes or wanted["channel"] != "EMAIL":
            return None
        if not stop and (left or lowered in self.held["all"]):
            return None
        if held is not stop:
            self.pushed(address, scope, stop=stop)
            if stop:
                self._by_api.add((scope, lowered))
        reason = "NO_STATUS_CHANGE" if held is stop else "REQUESTED_CHANGE_OCCURRED"
        return {
            "subscriberIdString": address,
            "subscriptionId": int(wanted["subscriptionId"]),
            "status": wanted["statusState"],
            "channel": "EMAIL",
            "setStatusSuccessReason": reason,
        }

    def _left(self, address: str) -> dict[str, Any] | None:
        if not _is_address(address):
            return None
        if address.lower() not in self.held["all"]:
            self.pushed(address, "all", stop=True)
        return {"subscriberIdString": address}

    def _contact(self, called: Called) -> Reply:
        for lowered, number in self._ids.items():
            if str(number) == called.names["id"]:
                email = self.known[lowered]
                return answer(200, {"id": str(number), "properties": {"email": email}})
        return answer(404, {"status": "error", "category": "OBJECT_NOT_FOUND"})

    def _search(self, called: Called) -> Reply:
        asked = called.json()
        limit, start = asked["limit"], int(asked.get("after", 0))
        if limit > _MOST or start + limit > _MOST_SEARCHED:
            return _refused()
        names = {one["propertyName"]: one for one in asked["filterGroups"][0]["filters"]}
        beyond = int(names.pop("hs_object_id")["value"])
        ((name, _),) = names.items()
        held = self.held["all" if name == "hs_email_optout" else f"type:{name.rpartition('_')[2]}"]
        found = sorted((self._ids[lowered], lowered) for lowered in held if self._ids[lowered] > beyond)
        rows = [
            {"id": str(number), "properties": {"email": self.known[lowered], "hs_object_id": str(number)}}
            for number, lowered in found[start : start + limit]
        ]
        return answer(200, {"total": len(found), "results": rows})

    # -- its webhooks -------------------------------------------------------------------------------------

    def tell(self, events: Sequence[Said], *, sent_at: datetime | None = None) -> list[HookRequest]:
        bodies = [self._body(said) for said in events if said.kind is not EventKind.BOUNCED_SOFT]
        return [
            self.request(bodies[start : start + _MOST], sent_at) for start in range(0, len(bodies), _MOST)
        ]

    def unknown(self) -> HookRequest:
        return self.request([{"eventId": 1, "subscriptionType": "company.unheard", "objectId": 1}])

    def request(self, body: Any, sent_at: datetime | None = None) -> HookRequest:
        """Signed as the app does it, whatever it says."""
        raw = msgspec.json.encode(body)
        milliseconds = str(int((sent_at or self.now()).timestamp() * 1000))
        key = f"client-secret{self.key}"
        return HookRequest(
            method="POST",
            url=self.hook_url,
            headers={
                "content-type": "application/json",
                "x-hubspot-request-timestamp": milliseconds,
                "x-hubspot-signature-v3": signature(3, key, "POST", self.hook_url, raw, milliseconds),
            },
            body=raw,
        )

    def _body(self, said: Said) -> dict[str, Any]:
        """A complaint is an opt-out like any other: nothing tells them apart."""
        name, value = _property(said)
        return {
            "eventId": said.event_id,
            "subscriptionId": 55,
            "portalId": 62515,
            "appId": 54321,
            "occurredAt": int(said.at.timestamp() * 1000),
            "subscriptionType": "contact.propertyChange",
            "attemptNumber": 0,
            "objectId": self.id_of(said.address),
            "propertyName": name,
            "propertyValue": value,
            "changeSource": "INTEGRATION" if said.by_api else "EMAIL",
        }


def _property(said: Said) -> tuple[str, str]:
    if said.kind is EventKind.BOUNCED_HARD:
        return "hs_email_hard_bounce_reason_enum", "UNKNOWN_USER"
    type_ = said.scope.partition(":")[2]
    stop = said.kind in (*_STOPS, EventKind.COMPLAINED)
    return f"hs_email_optout_{type_}" if type_ else "hs_email_optout", "true" if stop else "false"


def _is_address(address: str) -> bool:
    return "@" in address


def _batch(inputs: Sequence[Any], found: Sequence[Any]) -> Reply:
    """207 where some failed; which of them, the errors do not say."""
    if len(inputs) > _MOST:
        return _refused()
    done = [one for one in found if one is not None]
    body = {"status": "COMPLETE", "results": done}
    failed = len(found) - len(done)
    if not failed:
        return answer(200, body)
    errors = [{"status": "error", "category": "VALIDATION_ERROR", "message": "in words"}] * failed
    return answer(207, {**body, "numErrors": failed, "errors": errors})


def _complete(results: Sequence[Any]) -> Reply:
    return answer(200, {"status": "COMPLETE", "results": results})


def _refused() -> Reply:
    return answer(400, {"status": "error", "category": "VALIDATION_ERROR", "message": "in words"})
