"""HubSpot: changed properties of contacts, and communication preferences by subscription type.

Facts: https://developers.hubspot.com/docs/api/webhooks and
https://developers.hubspot.com/docs/api-reference/communication-preferences-subscriptions-v4/guide
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from email_hooks import hubspot_signatures, reading
from email_hooks.authenticity import verify_second
from email_hooks.config import Config, base_url, keys_of, listed, mapped, required, tolerance_of
from email_hooks.errors import Malformed
from email_hooks.events import ALL, EventKind, HookEvent, Origin
from email_hooks.http import Ask, Http, Refused, Reply, in_path, json_ask, raise_for
from email_hooks.provider import Capabilities, Pushed, Suppressed
from email_hooks.request import HookRequest
from email_hooks.together import each

API: Final = "https://api.hubapi.com"
STATUSES: Final = "/communication-preferences/v4/statuses"
SEARCH: Final = "/crm/v3/objects/contacts/search"

#: There is no event for an opt-out: it shows as a changed property, this one or this one and a type's id.
OPT_OUT: Final = "hs_email_optout"
#: Properties that say why nothing can be delivered; an empty value or "false" is no news.
UNDELIVERABLE: Final = {
    "hs_email_hard_bounce_reason_enum": EventKind.BOUNCED_HARD,
    "hs_email_bad_address": EventKind.BOUNCED_HARD,
    # HubSpot's own decision about an address: it no longer writes there.
    "hs_email_quarantined": EventKind.SUPPRESSED,
}
OTHERS: Final = {
    "contact.privacyDeletion": EventKind.CONTACT_DELETED,
    "contact.merge": EventKind.ADDRESS_CHANGED,
}
#: By `changeSource`; a private app's own calls show as one of the first two.
ORIGINS: Final = {
    "API": Origin.API,
    "INTEGRATION": Origin.API,
    "IMPORT": Origin.OPERATOR,
    "CRM": Origin.OPERATOR,
    "CRM_UI": Origin.OPERATOR,
}
#: Answers that a repetition does not change.
_NEVER = frozenset({400, 404, 409, 422})
_PAGE = 100
_OPT_OUT = re.compile(rf"{OPT_OUT}(?:_([0-9]{{1,19}}))?")


class HubSpot:
    name = "hubspot"
    capabilities = Capabilities(
        stops=frozenset({ALL, "type"}),
        # An opt-out of everything can be made by API, and not be taken back.
        resumes=frozenset({"type"}),
        lists=frozenset({ALL, "type"}),
        signed=True,
        batch=100,
        # Five searches a second for the account; other calls may be twice as many.
        per_second=4.0,
        settles=60,
    )

    def verify(self, request: HookRequest, config: Config, now: datetime) -> None:
        keys = keys_of(config, "the Client secret of the app, under Auth")
        tolerance = tolerance_of(config, 300)
        verify_second(request, config)
        hubspot_signatures.verify(request, config, keys, now, tolerance)

    def parse(self, request: HookRequest, config: Config) -> list[HookEvent]:
        return [_event(one if isinstance(one, dict) else {}, one) for one in reading.list_of(request.body)]

    async def push(
        self, http: Http, config: Config, scope: str, addresses: Sequence[str], *, stop: bool
    ) -> list[Pushed]:
        wanted = _wanted(scope, config, stop=stop)
        confirmed = await _together(http, config, wanted, addresses)
        # A 207 keeps silent about some, and a 400 about all for one that it cannot read: they go alone.
        rest = [address for address in addresses if address.lower() not in confirmed]
        alone = await each(rest, partial(_alone, http, config, wanted))
        told = {one.address: one for one in alone}
        return [told.get(address) or Pushed(address) for address in addresses]

    async def suppressed(self, http: Http, config: Config, scope: str) -> AsyncIterator[list[Suppressed]]:
        type_ = _type_of(scope)
        name = OPT_OUT if type_ is None else f"{OPT_OUT}_{type_}"
        last = 0
        while True:
            # A search ends at 10 000: each page is a search of its own, for what comes after the last id.
            reply = await http.send(_ask(config, "POST", SEARCH, _search(name, last)))
            raise_for(reply)
            body = reading.object_of(reply.body)
            if not isinstance(body.get("results"), list):
                raise Malformed("the contacts are missing in the answer")
            contacts = reading.objects(body["results"])
            if not contacts:
                return
            numbers = [_number(one.get("id")) for one in contacts]
            if min(numbers) <= last:
                raise Malformed("the search does not go on after the last id")
            last = max(numbers)
            # When it was, is not said: the last change of a contact may be of anything.
            emails = (reading.text(reading.part(one, "properties").get("email")) for one in contacts)
            yield [Suppressed(email, EventKind.UNSUBSCRIBED) for email in emails if email]

    async def look_up(self, http: Http, config: Config, event: HookEvent) -> HookEvent:
        path = f"/crm/v3/objects/contacts/{in_path(event.lookup or '')}?properties=email,hs_additional_emails"
        reply = await http.send(_ask(config, "GET", path))
        raise_for(reply)
        properties = reading.part(reading.object_of(reply.body), "properties")
        email = reading.text(properties.get("email"))
        if email is None:
            raise Refused("the contact has no address")
        if event.kind is not EventKind.ADDRESS_CHANGED:
            return event._replace(address=email, lookup=None)
        others = [one for one in str(properties.get("hs_additional_emails") or "").split(";") if one.strip()]
        if len(others) != 1:
            raise Refused("the merged contact does not have exactly one other address; compare it by hand")
        return event._replace(address=others[0].strip(), new_address=email, lookup=None)

    async def problems(self, http: Http, config: Config) -> list[str]:
        reply = await http.send(_ask(config, "GET", "/communication-preferences/v4/definitions"))
        raise_for(reply)
        types = {
            str(one.get("id")): one.get("isActive")
            for one in reading.objects(reading.object_of(reply.body).get("results"))
        }
        return [
            f"type:{one}: "
            + ("this subscription type is archived" if one in types else "no such subscription type")
            + f"; there are {', '.join(sorted(types))}"
            for one in mapped(config, "type")
            if types.get(one, False) is False
        ]


PROVIDER = HubSpot()


def _event(body: dict[str, Any], raw: Any) -> HookEvent:
    type_, name = reading.text(body.get("subscriptionType")), reading.text(body.get("propertyName"))
    kind, scope, problem = _meaning(body, type_, name or "")
    number = reading.text(body.get("objectId"))
    if type_ == "contact.merge":
        number = reading.text(body.get("newObjectId")) or reading.text(body.get("primaryObjectId")) or number
    needed = kind is not EventKind.IGNORED
    if raw is not body:
        problem = "not an object"
    elif needed and number is None:
        problem = "no objectId, so nobody can be found"
    # The eventId alone is not unique.
    parts = [body.get(key) for key in ("portalId", "subscriptionId", "eventId", "objectId", "occurredAt")]
    return HookEvent(
        provider=PROVIDER.name,
        kind=kind,
        address=None,
        occurred_at=reading.unix_time(body.get("occurredAt"), per_second=1000),
        event_id=reading.composed_id(*parts) if raw is body else reading.composed_id("odd", raw),
        scope=scope,
        reason=name or type_,
        raw=raw,
        origin=ORIGINS.get(str(body.get("changeSource")), Origin.UNKNOWN),
        lookup=number if needed and problem is None else None,
        problem=problem,
    )


def _meaning(body: dict[str, Any], type_: str | None, name: str) -> tuple[EventKind, str | None, str | None]:
    """Kind, scope and problem."""
    if type_ in OTHERS:
        gone = type_ == "contact.privacyDeletion"
        return OTHERS[type_], None, "HubSpot does not say whose contact it deleted" if gone else None
    # The second is how apps of the newer platform say the first; 0-1 are contacts.
    generic = type_ == "object.propertyChange" and body.get("objectTypeId") == "0-1"
    if type_ != "contact.propertyChange" and not generic:
        return EventKind.IGNORED, None, None
    value = str(body.get("propertyValue") or "").lower()
    if name in UNDELIVERABLE:
        bad = value not in ("", "false")
        return (UNDELIVERABLE[name], ALL, None) if bad else (EventKind.IGNORED, None, None)
    opt_out = _OPT_OUT.fullmatch(name)
    if opt_out is None:
        return EventKind.IGNORED, None, None
    if value not in ("true", "false", ""):
        return EventKind.IGNORED, None, f"{OPT_OUT} is neither true nor false"
    stop = value == "true"
    if opt_out[1] is None:
        return EventKind.UNSUBSCRIBED if stop else EventKind.RESUBSCRIBED, ALL, None
    kind = EventKind.GROUP_UNSUBSCRIBED if stop else EventKind.GROUP_RESUBSCRIBED
    return kind, f"type:{opt_out[1]}", None


def _wanted(scope: str, config: Config, *, stop: bool) -> dict[str, Any] | None:
    """The status of one type that is asked for; None: out of everything."""
    type_ = _type_of(scope)
    if type_ is None:
        if not stop:
            raise Refused("all: HubSpot lets nobody back on everything by API; take back one type")
        return None
    status: dict[str, Any] = {"subscriptionId": type_, "channel": "EMAIL"}
    status["statusState"] = "UNSUBSCRIBED" if stop else "SUBSCRIBED"
    # Asked for where the account's data privacy settings are on.
    for name, ours in (("legalBasis", "legal_basis"), ("legalBasisExplanation", "legal_basis_explanation")):
        if listed(config, ours):
            status[name] = required(config, ours, "as HubSpot spells it")
    return status


async def _together(
    http: Http, config: Config, wanted: dict[str, Any] | None, addresses: Sequence[str]
) -> frozenset[str]:
    """One call for all; those of whom the answer says that it is so."""
    if wanted is None:
        path, inputs = f"{STATUSES}/batch/unsubscribe-all?channel=EMAIL", list[Any](addresses)
    else:
        path = f"{STATUSES}/batch/write"
        inputs = [{"subscriberIdString": address, **wanted} for address in addresses]
    reply = await http.send(_ask(config, "POST", path, {"inputs": inputs}))
    if reply.status == 400:
        return frozenset()
    raise_for(reply)
    found = reading.objects(reading.object_of(reply.body).get("results"))
    return frozenset(str(one.get("subscriberIdString")).lower() for one in found if _is_so(one, wanted))


async def _alone(http: Http, config: Config, wanted: dict[str, Any] | None, address: str) -> Pushed:
    path = f"{STATUSES}/{in_path(address)}"
    if wanted is None:
        path += "/unsubscribe-all?channel=EMAIL&verbose=false"
    reply = await http.send(_ask(config, "POST", path, wanted or {}))
    if reply.status in _NEVER:
        return Pushed(address, _refusal(reply, wanted))
    raise_for(reply)
    body = reading.object_of(reply.body)
    found = reading.objects(body.get("results")) or [body]
    if not any(_is_so(one, wanted) for one in found):
        raise Malformed("the answer does not say that it is done")
    return Pushed(address)


def _is_so(status: dict[str, Any], wanted: dict[str, Any] | None) -> bool:
    if wanted is None:
        return True
    found = status.get("status") or status.get("statusState")
    return found == wanted["statusState"] and str(status.get("subscriptionId")) == str(
        wanted["subscriptionId"]
    )


def _refusal(reply: Reply, wanted: dict[str, Any] | None) -> str:
    back = wanted is not None and wanted["statusState"] == "SUBSCRIBED"
    why = "who left by themselves come back by themselves, and legal_basis may be asked for"
    return f"HubSpot answered {reply.status}: " + (why if back else "it does not take this address")


def _search(name: str, after: int) -> dict[str, Any]:
    filters = [
        {"propertyName": name, "operator": "EQ", "value": "true"},
        {"propertyName": "hs_object_id", "operator": "GT", "value": str(after)},
    ]
    return {
        "filterGroups": [{"filters": filters}],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": ["email"],
        "limit": _PAGE,
    }


def _number(value: Any) -> int:
    found = reading.text(value) or ""
    if not (found.isascii() and found.isdigit() and len(found) < 20):
        raise Malformed("a contact has no id")
    return int(found)


def _type_of(scope: str) -> int | None:
    """The id of a subscription type; None for everything. Raises Refused."""
    if scope == ALL:
        return None
    kind, _, number = scope.partition(":")
    if kind != "type" or not (number.isascii() and number.isdigit() and len(number) < 20):
        raise Refused(f"{scope}: write it as all, or as type:123 with the id of a subscription type")
    return int(number)


def _ask(config: Config, method: str, path: str, payload: Any = None) -> Ask:
    token = required(config, "api_key", "the access token of a private app, or of its OAuth")
    return json_ask(method, base_url(config, API) + path, {"authorization": f"Bearer {token}"}, payload)
