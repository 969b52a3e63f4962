"""Resend: Standard Webhooks (Svix), a contact's global flag and its topics, and the suppression list.

Facts: https://resend.com/docs/dashboard/webhooks/event-types and
https://resend.com/docs/api-reference/contacts/update-contact-topics
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final

from email_hooks import reading
from email_hooks.authenticity import standard_id, verify_standard_request
from email_hooks.config import Config, base_url, mapped, required
from email_hooks.errors import Malformed
from email_hooks.events import ALL, EventKind, HookEvent, Origin
from email_hooks.http import Ask, Http, Refused, in_path, json_ask, raise_for
from email_hooks.provider import Capabilities, NoLookUp, Pushed, Suppressed
from email_hooks.request import HookRequest

API: Final = "https://api.resend.com"

#: Events about mails, by their type; `email.bounced` is decided by its details.
MAILS: Final = {
    "email.complained": (EventKind.COMPLAINED, Origin.PERSON),
    "email.suppressed": (EventKind.SUPPRESSED, Origin.UNKNOWN),
}
#: `suppression.added`, by its origin: `manual` is an operator, or a call of the API.
ADDED: Final = {
    "bounce": (EventKind.BOUNCED_HARD, Origin.UNKNOWN),
    "complaint": (EventKind.COMPLAINED, Origin.PERSON),
    "manual": (EventKind.UNSUBSCRIBED, Origin.OPERATOR),
}
#: A removal from the list is an operator's, and never a yes.
REMOVED: Final = (EventKind.RESUBSCRIBED, Origin.OPERATOR)
TOPICS: Final = {"opt_out": EventKind.GROUP_UNSUBSCRIBED, "opt_in": EventKind.GROUP_RESUBSCRIBED}
LISTED: Final = {"bounce": EventKind.BOUNCED_HARD, "complaint": EventKind.COMPLAINED}
PAGE: Final = 100
#: The address of "Ana <ana@example.com>".
_WITHIN = re.compile(r"<([^<>]+)>\s*$")


class Resend(NoLookUp):
    name = "resend"
    capabilities = Capabilities(
        stops=frozenset({ALL, "topic"}),
        resumes=frozenset({ALL, "topic"}),
        # There is no list of who left a topic: it is read contact by contact.
        lists=frozenset({ALL}),
        signed=True,
        parallel=1,
        # Two requests a second for the whole team, as long as it asked for no more.
        per_second=2.0,
    )

    def verify(self, request: HookRequest, config: Config, now: datetime) -> None:
        verify_standard_request(request, config, now, "the Signing Secret of the webhook (whsec_…)")

    def parse(self, request: HookRequest, config: Config) -> list[HookEvent]:
        body = reading.object_of(request.body)
        number = standard_id(request) or reading.composed_id(request.body)
        events = _events(body, number)
        if len(events) == 1:
            return events
        return [one._replace(event_id=f"{number}:{place}") for place, one in enumerate(events)]

    async def push(
        self, http: Http, config: Config, scope: str, addresses: Sequence[str], *, stop: bool
    ) -> list[Pushed]:
        return [await _pushed(http, config, scope, address, stop) for address in addresses]

    async def suppressed(self, http: Http, config: Config, scope: str) -> AsyncIterator[list[Suppressed]]:
        if scope != ALL:
            raise Refused(f"{scope}: Resend lists who left everything, not who left a topic")
        async for rows in _rows(http, config, "/contacts"):
            yield [
                # `created_at` is the contact's own, not that of its opt-out.
                Suppressed(str(one["email"]), EventKind.UNSUBSCRIBED)
                for one in rows
                if one.get("unsubscribed") is True and reading.text(one.get("email"))
            ]
        # Not every account has this list.
        async for rows in _rows(http, config, "/suppressions", absent_is_fine=True):
            yield [_listed(one) for one in rows if reading.text(one.get("email"))]

    async def problems(self, http: Http, config: Config) -> list[str]:
        topics = {
            reading.text(one.get("id")) or "" async for rows in _rows(http, config, "/topics") for one in rows
        }
        return [
            f"topic:{topic}: there is no such topic; the topics are {', '.join(sorted(topics)) or 'none'}"
            for topic in mapped(config, "topic")
            if topic not in topics
        ]


PROVIDER = Resend()


def _events(body: dict[str, Any], number: str) -> list[HookEvent]:
    type_, data = reading.text(body.get("type")) or "", reading.part(body, "data")
    if type_ == "contact.topics.updated":
        return _of_topics(body, data, number)
    kind, origin = _meaning(type_, data)
    # A mail to several people does not say whom it is about: it is about each.
    addresses = _recipients(data.get("to" if type_.startswith("email.") else "email"))
    if kind is EventKind.IGNORED or not addresses:
        problem = None if kind is EventKind.IGNORED else "no address"
        return [_told(body, data, number, kind, None, ALL, origin, problem)]
    return [_told(body, data, number, kind, address, ALL, origin) for address in addresses]


def _of_topics(body: dict[str, Any], data: dict[str, Any], number: str) -> list[HookEvent]:
    address = reading.text(data.get("email"))
    changes = data.get("topics")
    if not isinstance(changes, list):
        missing = "topics: missing or not an array"
        return [_told(body, data, number, EventKind.IGNORED, address, None, problem=missing)]
    found = []
    for change in changes:
        topic = reading.text(change.get("id")) if isinstance(change, dict) else None
        kind = TOPICS.get(str(change.get("subscription"))) if isinstance(change, dict) else None
        problem = "a topic cannot be read" if topic is None or kind is None else None
        found.append(
            _told(
                body,
                data,
                number,
                kind or EventKind.IGNORED,
                address,
                f"topic:{topic}" if topic else None,
                problem=problem if address else "no address",
            )
        )
    return found


def _told(
    body: dict[str, Any],
    data: dict[str, Any],
    number: str,
    kind: EventKind,
    address: str | None,
    scope: str | None,
    origin: Origin = Origin.UNKNOWN,
    problem: str | None = None,
) -> HookEvent:
    return HookEvent(
        "resend",
        kind,
        address,
        # The one of the envelope: within `data` it is that of the mail, or of the contact.
        reading.iso_time(body.get("created_at")),
        number,
        scope,
        _reason(body, data),
        reading.text(data.get("broadcast_id")),
        reading.text(data.get("message_id")) or reading.text(data.get("email_id")),
        reading.texts(data.get("tags")),
        body,
        origin,
        problem=problem,
    )


def _meaning(type_: str, data: dict[str, Any]) -> tuple[EventKind, Origin]:
    match type_:
        case "contact.updated":
            # Also told when a name changes, and by our own calls: it says how things are, not who did it.
            kinds = {True: EventKind.UNSUBSCRIBED, False: EventKind.RESUBSCRIBED}
            said = data.get("unsubscribed")
            return (kinds[said] if isinstance(said, bool) else EventKind.IGNORED), Origin.UNKNOWN
        case "contact.deleted":
            return EventKind.CONTACT_DELETED, Origin.UNKNOWN
        case "email.bounced":
            return _bounce(reading.part(data, "bounce")), Origin.UNKNOWN
        case "suppression.added":
            # Held back, whatever the reason is called.
            return ADDED.get(str(data.get("origin")), ADDED["manual"])
        case "suppression.removed":
            return REMOVED
        case _:
            return MAILS.get(type_, (EventKind.IGNORED, Origin.UNKNOWN))


def _bounce(bounce: dict[str, Any]) -> EventKind:
    on_a_list = str(bounce.get("subType")).lower() == "suppressed"
    if on_a_list or "suppressed sending" in str(bounce.get("message")).lower():
        return EventKind.SUPPRESSED
    permanent = str(bounce.get("type")).lower() == "permanent"
    return EventKind.BOUNCED_HARD if permanent else EventKind.BOUNCED_SOFT


def _reason(body: dict[str, Any], data: dict[str, Any]) -> str | None:
    bounce = reading.text(reading.part(data, "bounce").get("subType"))
    return bounce or reading.text(data.get("origin")) or reading.text(body.get("type"))


def _recipients(value: Any) -> list[str]:
    named = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    texts = [one.strip() for one in named if isinstance(one, str)]
    bare = [found[1].strip() if (found := _WITHIN.search(one)) else one for one in texts]
    return list(dict.fromkeys(one for one in bare if one))


def _ask(config: Config, method: str, path: str, payload: Any = None) -> Ask:
    key = required(config, "api_key", "made under API Keys, with full access")
    return json_ask(method, base_url(config, API) + path, {"authorization": f"Bearer {key}"}, payload)


async def _pushed(http: Http, config: Config, scope: str, address: str, stop: bool) -> Pushed:
    if "@" not in address:
        return Pushed(address, "not an address")
    ask = _change(config, scope, address, stop)
    reply = await http.send(ask)
    if reply.status == 404 and not stop:
        # Who is no contact is held back by nothing of theirs.
        return Pushed(address)
    if reply.status == 404:
        # Without a contact a stop would be lost on the day somebody imports one.
        contact = {"email": address, "unsubscribed": scope == ALL}
        created = await http.send(_ask(config, "POST", "/contacts", contact))
        if created.status != 409:
            raise_for(created)
        # Again in any case: it may have come into being in between, or the topic is not there.
        reply = await http.send(ask)
    raise_for(reply)
    if "error" in reading.object_of(reply.body):
        raise Malformed("the answer holds an error")
    return Pushed(address)


def _change(config: Config, scope: str, address: str, stop: bool) -> Ask:
    path = f"/contacts/{in_path(address)}"
    kind, _, topic = scope.partition(":")
    if scope == ALL:
        return _ask(config, "PATCH", path, {"unsubscribed": stop})
    if kind != "topic" or not topic:
        raise Refused(f"{scope}: Resend knows all, or topics, written as topic:ID")
    # A bare array, not an object that holds one.
    change = [{"id": topic, "subscription": "opt_out" if stop else "opt_in"}]
    return _ask(config, "PATCH", f"{path}/topics", change)


async def _rows(
    http: Http, config: Config, path: str, *, absent_is_fine: bool = False
) -> AsyncIterator[list[dict[str, Any]]]:
    query = f"?limit={PAGE}"
    while True:
        reply = await http.send(_ask(config, "GET", path + query))
        raise_for(reply, absent_is_fine=absent_is_fine)
        body = reading.object_of(reply.body) if reply.ok else {"data": []}
        if not isinstance(body.get("data"), list):
            raise Malformed("data: missing or not an array")
        rows = reading.objects(body["data"])
        yield rows
        if body.get("has_more") is not True:
            return
        following = f"?limit={PAGE}&after={in_path(reading.text(rows[-1].get('id')) or '' if rows else '')}"
        if following.endswith("after=") or following == query:
            raise Malformed("there should be more, and no way leads to it")
        query = following


def _listed(row: dict[str, Any]) -> Suppressed:
    origin = reading.text(row.get("origin"))
    kind = LISTED.get(origin or "", EventKind.UNSUBSCRIBED)
    return Suppressed(str(row["email"]), kind, reading.iso_time(row.get("created_at")), origin)
