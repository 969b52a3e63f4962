"""listmonk: its blocklist and its lists. It sends no events; a relay may (Standard Webhooks, see the docs).

Facts: https://listmonk.app/docs/apis/subscribers/ and https://listmonk.app/docs/bounces/
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from email_hooks import reading
from email_hooks.authenticity import verify_standard_request
from email_hooks.config import Config, mapped, required
from email_hooks.errors import Malformed
from email_hooks.events import ALL, EventKind, HookEvent
from email_hooks.http import Ask, Http, Refused, json_ask, raise_for
from email_hooks.provider import Capabilities, Pushed, Suppressed
from email_hooks.request import HookRequest
from email_hooks.signatures import FAMILIES
from email_hooks.together import each

#: What our relay format can say, by `type`: about everything, and about one list.
RELAYED: Final = {
    "subscriber.unsubscribed": (EventKind.UNSUBSCRIBED, EventKind.GROUP_UNSUBSCRIBED),
    "subscriber.blocklisted": (EventKind.UNSUBSCRIBED, EventKind.UNSUBSCRIBED),
    "subscriber.resubscribed": (EventKind.RESUBSCRIBED, EventKind.GROUP_RESUBSCRIBED),
    "subscriber.complained": (EventKind.COMPLAINED, EventKind.COMPLAINED),
    "subscriber.bounced": (EventKind.BOUNCED_HARD, EventKind.BOUNCED_HARD),
    "subscriber.deleted": (EventKind.CONTACT_DELETED, EventKind.CONTACT_DELETED),
}
PAGE: Final = 500
#: The one query in SQL, and nothing of anybody's stands in it.
_BLOCKLISTED: Final = "subscribers.status = 'blocklisted'"


class Listmonk:
    name = "listmonk"
    capabilities = Capabilities(
        stops=frozenset({ALL, "list"}),
        resumes=frozenset({ALL, "list"}),
        lists=frozenset({ALL, "list"}),
        # The relay's.
        signed=True,
        tells=False,
        # Each address has to be searched for: so many small calls in one push.
        batch=50,
        parallel=2,
    )

    def verify(self, request: HookRequest, config: Config, now: datetime) -> None:
        verify_standard_request(request, config, now, "the whsec_… that your relay signs with")

    def parse(self, request: HookRequest, config: Config) -> list[HookEvent]:
        body = reading.object_of(request.body)
        number = next((found for family in FAMILIES if (found := request.header(family[0]))), None)
        return [_event(body, number or reading.composed_id(request.body))]

    async def push(
        self, http: Http, config: Config, scope: str, addresses: Sequence[str], *, stop: bool
    ) -> list[Pushed]:
        list_ = _list_of(scope)
        found = await each(addresses, partial(_find, http, config))
        ids = {address: one for address, one in zip(addresses, found, strict=True) if one is not None}
        missing = [address for address in addresses if address not in ids] if stop else []
        made = await each(missing, partial(_create, http, config, list_ is None))
        refused = {one.address: one for one in made if isinstance(one, Pushed)}
        ids |= {address: one for address, one in zip(missing, made, strict=True) if isinstance(one, int)}
        await _change(http, config, list_, sorted(ids.values()), stop=stop)
        return [refused.get(address) or Pushed(address) for address in addresses]

    async def suppressed(self, http: Http, config: Config, scope: str) -> AsyncIterator[list[Suppressed]]:
        list_ = _list_of(scope)
        asked: dict[str, Any] = {"query": _BLOCKLISTED}
        if list_ is not None:
            asked = {"list_id": list_, "subscription_status": "unsubscribed"}
        # The order of making does not change while it is read.
        async for page in _pages(http, config, asked | {"order_by": "created_at", "order": "asc"}):
            yield [_suppressed(one, list_) for one in page if reading.text(one.get("email"))]

    async def look_up(self, http: Http, config: Config, event: HookEvent) -> HookEvent:
        """A relay may name a list by its uuid; asked for, the event has its number."""
        for one in await _lists(http, config):
            if one.get("uuid") == event.lookup:
                return event._replace(scope=f"list:{one.get('id')}", lookup=None)
        raise Refused("no list has this uuid, or the API user may not see it")

    async def problems(self, http: Http, config: Config) -> list[str]:
        lists = sorted(str(one.get("id")) for one in await _lists(http, config))
        if ALL in config.get("scopes", ()):
            # Raises NotAllowed where the role may not: found out now and not by night.
            await _data(http, _ask(config, "GET", _path({"query": _BLOCKLISTED, "per_page": 1})))
        return [
            f"list:{one}: no list has this number, or the API user may not see it; it sees {', '.join(lists)}"
            for one in mapped(config, "list")
            if one not in lists
        ]


PROVIDER = Listmonk()


def _event(body: dict[str, Any], number: str) -> HookEvent:
    type_, data = reading.text(body.get("type")), reading.part(body, "data")
    address = reading.text(data.get("email"))
    list_, uuid = reading.text(data.get("list_id")), reading.text(data.get("list_uuid"))
    of_all, of_list = RELAYED.get(type_ or "", (EventKind.IGNORED, EventKind.IGNORED))
    kind = of_list if list_ or uuid else of_all
    narrow = kind in (EventKind.GROUP_UNSUBSCRIBED, EventKind.GROUP_RESUBSCRIBED)
    missing = address is None and kind is not EventKind.IGNORED
    return HookEvent(
        provider=PROVIDER.name,
        kind=kind,
        address=address,
        occurred_at=reading.iso_time(body.get("timestamp")),
        event_id=number,
        scope=f"list:{list_ or uuid}" if narrow else ALL,
        reason=reading.text(data.get("reason")) or type_,
        raw=body,
        lookup=uuid if narrow and list_ is None and not missing else None,
        problem="no data.email" if missing else None,
    )


async def _find(http: Http, config: Config, address: str) -> int | None:
    """The number of a subscriber. `search` is a pattern, and needs no quoting as SQL would: what is no letter
    or digit is escaped, and what is found must be equal."""
    pattern = re.sub(r"([^\w@]|_)", r"\\\1", address)
    async for page in _pages(http, config, {"search": pattern}):
        for one in page:
            number = one.get("id")
            if str(one.get("email")).lower() == address.lower() and isinstance(number, int):
                return number
    return None


async def _create(http: Http, config: Config, blocked: bool, address: str) -> int | Pushed:
    """A subscriber of no list, so that no later import can write to them; its number."""
    new = {"email": address, "name": address.partition("@")[0]}
    status = "blocklisted" if blocked else "enabled"
    reply = await http.send(_ask(config, "POST", "/api/subscribers", {**new, "status": status}))
    if reply.status == 409:
        # Made in the meantime, or out of our sight.
        number = await _find(http, config, address)
        hidden = "listmonk has this subscriber and does not show it: the API user needs subscribers:get_all"
        return Pushed(address, hidden) if number is None else number
    if reply.status == 400:
        return Pushed(address, "listmonk answered 400: it does not take this address")
    raise_for(reply)
    number = reading.part(reading.object_of(reply.body), "data").get("id")
    if not isinstance(number, int):
        raise Malformed("the new subscriber has no id in the answer")
    return number


async def _change(http: Http, config: Config, list_: int | None, ids: list[int], *, stop: bool) -> None:
    if not ids:
        return
    if list_ is not None:
        # `unsubscribe` does nothing for who is not on the list, and `remove` forgets who left it.
        status = "unsubscribed" if stop else "confirmed"
        change = {"ids": ids, "action": "add", "status": status, "target_list_ids": [list_]}
        await _do(http, _ask(config, "PUT", "/api/subscribers/lists", change))
    elif stop:
        await _do(http, _ask(config, "PUT", "/api/subscribers/blocklist", {"ids": ids}))
    else:
        # PATCH, since PUT without `lists` takes them off every list.
        asks = [_ask(config, "PATCH", f"/api/subscribers/{one}", {"status": "enabled"}) for one in ids]
        for data in await each(asks, partial(_data, http)):
            if not isinstance(data, dict) or data.get("status") != "enabled":
                raise Malformed("the answer does not show the subscriber as enabled")


def _suppressed(subscriber: dict[str, Any], list_: int | None) -> Suppressed:
    at = subscriber.get("updated_at")
    if list_ is not None:
        rows = (one for one in reading.objects(subscriber.get("lists")) if one.get("id") == list_)
        at = next(rows, {}).get("subscription_updated_at")
    # The blocklist does not say why: who bounced is on it as well.
    return Suppressed(str(subscriber["email"]), EventKind.UNSUBSCRIBED, reading.iso_time(at))


async def _pages(http: Http, config: Config, asked: dict[str, Any]) -> AsyncIterator[list[dict[str, Any]]]:
    number = 1
    while True:
        data = await _data(http, _ask(config, "GET", _path({**asked, "page": number, "per_page": PAGE})))
        found = data.get("results") if isinstance(data, dict) else None
        if not isinstance(found, list):
            raise Malformed("the subscribers are missing in the answer")
        yield reading.objects(found)
        if len(found) < PAGE:
            return
        number += 1


async def _lists(http: Http, config: Config) -> list[dict[str, Any]]:
    data = await _data(http, _ask(config, "GET", "/api/lists?per_page=all"))
    return reading.objects(data.get("results") if isinstance(data, dict) else None)


async def _do(http: Http, ask: Ask) -> None:
    if await _data(http, ask) is not True:
        raise Malformed("the answer does not say that it is done")


async def _data(http: Http, ask: Ask) -> Any:
    reply = await http.send(ask)
    raise_for(reply)
    return reading.object_of(reply.body).get("data")


def _path(asked: dict[str, Any]) -> str:
    return f"/api/subscribers?{urlencode(asked)}"


def _list_of(scope: str) -> int | None:
    """The number of a list; None for everything. Raises Refused."""
    if scope == ALL:
        return None
    kind, _, number = scope.partition(":")
    if kind != "list" or not (number.isascii() and number.isdigit() and len(number) < 10):
        raise Refused(f"{scope}: write it as all, or as list:4 with the number of a list")
    return int(number)


def _ask(config: Config, method: str, path: str, payload: Any = None) -> Ask:
    base = required(config, "base_url", "where your listmonk is, such as https://lists.example.com")
    user = required(config, "account", "the name of an API user, under Admin > Users")
    token = required(config, "api_key", "the token of that API user")
    return json_ask(method, base.rstrip("/") + path, {"authorization": f"token {user}:{token}"}, payload)
