"""Mailchimp Marketing: webhooks of an audience, its contacts and their interest groups.

Facts: https://mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks/ and
https://mailchimp.com/developer/marketing/api/list-members/
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from email_hooks import reading
from email_hooks.authenticity import verify_shared
from email_hooks.config import Config, listed, mapped, required
from email_hooks.errors import Malformed, NotConfigured
from email_hooks.events import EventKind, HookEvent, Origin
from email_hooks.forms import nested
from email_hooks.http import Ask, Http, Refused, Reply, in_path, json_ask, raise_for
from email_hooks.provider import Capabilities, Pushed, Suppressed
from email_hooks.request import HookRequest
from email_hooks.together import each

#: By `type`, then by `reason` ("": any other). On some accounts a complaint shows under `unsubscribe` only.
#: What is done by API has no mark of its own, so `sources.api` of the webhook should be off.
MEANINGS: Final = {
    "unsubscribe": {"": EventKind.UNSUBSCRIBED, "abuse": EventKind.COMPLAINED},
    "cleaned": {"": EventKind.BOUNCED_HARD, "abuse": EventKind.COMPLAINED},
    "subscribe": {"": EventKind.RESUBSCRIBED},
    "profile": {"": EventKind.PREFERENCES_CHANGED},
    "upemail": {"": EventKind.ADDRESS_CHANGED},
}
#: What is held back, by status; somebody `archived` or gone is not written to either.
LISTED: Final = {"unsubscribed": EventKind.UNSUBSCRIBED, "cleaned": EventKind.BOUNCED_HARD}
STOPPED: Final = frozenset({*LISTED, "archived"})
#: Refusals that no repetition changes, by the title of the problem (RFC 7807).
FINAL: Final = {
    "Member In Compliance State": "they left, bounced or complained at Mailchimp: only they can come back",
    "Forgotten Email Not Subscribed": "deleted for good at Mailchimp: only they can come back, by its form",
}
PAGE: Final = 1000
_FIELDS = "members.email_address,members.status,members.unsubscribe_reason,members.last_changed,total_items"
_DC = re.compile(r"[a-z]{2,4}[0-9]{1,4}")
_KEY = "an API key, under Account & billing > Extras > API keys; it ends in the data centre (…-us21)"


class Mailchimp:
    name = "mailchimp"
    capabilities = Capabilities(
        stops=frozenset({"list", "interest"}),
        # Only stops that were made by API: the others answer FINAL.
        resumes=frozenset({"list", "interest"}),
        # Most contacts lack most interests without ever having left one, so that is no list of stops.
        lists=frozenset({"list"}),
        signed=False,
        batch=500,
        batch_resumes=20,
        # Ten connections for a key; contacts that go one by one take `together.AT_ONCE` of them.
        parallel=2,
        probes=frozenset({"GET"}),
    )

    def verify(self, request: HookRequest, config: Config, now: datetime) -> None:
        verify_shared(request, config)

    def parse(self, request: HookRequest, config: Config) -> list[HookEvent]:
        body = nested(request.body)
        if not reading.text(body.get("type")):
            raise Malformed("the form has no type")
        event = _event(body)
        if event.kind is not EventKind.UNSUBSCRIBED or reading.part(body, "data").get("action") != "delete":
            return [event]
        deleted = event._replace(kind=EventKind.CONTACT_DELETED, event_id=f"{event.event_id}:deleted")
        return [event, deleted]

    async def push(
        self, http: Http, config: Config, scope: str, addresses: Sequence[str], *, stop: bool
    ) -> list[Pushed]:
        audience, interest = _place(scope)
        # Adding creates who is missing, so that a later import cannot write to them. A resume makes no
        # contact, and an interest means nothing to somebody who is none: those go one by one.
        by_batch = stop and interest is None
        confirmed = await _stopped(http, config, audience, addresses) if by_batch else frozenset()
        rest = [address for address in addresses if address.lower() not in confirmed]
        ask = partial(_member_ask, config, audience, interest, stop=stop)
        replies = await each(rest, lambda address: http.send(ask(address)))
        if any(reply.status == 404 for reply in replies):
            # The contact is not there; or is it the audience?
            raise_for(await http.send(_ask(config, "GET", f"/lists/{in_path(audience)}?fields=id")))
        told = {
            address: _pushed(address, reply, interest, stop=stop)
            for address, reply in zip(rest, replies, strict=True)
        }
        return [told.get(address) or Pushed(address) for address in addresses]

    async def suppressed(self, http: Http, config: Config, scope: str) -> AsyncIterator[list[Suppressed]]:
        audience, interest = _place(scope)
        if interest is not None:
            raise Refused(f"{scope}: Mailchimp does not say who left an interest group")
        for status, kind in LISTED.items():
            offset = 0
            while True:
                # By the last change: who changes meanwhile moves to the end, and is met there.
                query = {"status": status, "count": PAGE, "offset": offset, "fields": _FIELDS}
                query |= {"sort_field": "last_changed", "sort_dir": "ASC"}
                path = f"/lists/{in_path(audience)}/members?{urlencode(query)}"
                body = await _get(http, config, path)
                members, total = body.get("members"), body.get("total_items")
                if not isinstance(members, list) or not isinstance(total, int):
                    raise Malformed("the list of contacts is missing in the answer")
                yield [_suppressed(one, kind) for one in reading.objects(members) if _address_of(one)]
                offset += len(members)
                if not members or offset >= total:
                    break

    async def look_up(self, http: Http, config: Config, event: HookEvent) -> HookEvent:
        """A changed profile names its groups by their titles; asked for, it has them by scope."""
        audience, _, member = (event.lookup or "").partition("/")
        path = f"/lists/{in_path(audience)}/members/{in_path(member)}?fields=interests"
        interests = reading.part(await _get(http, config, path), "interests")
        chosen = {f"interest:{audience}/{key}": "true" if on else "false" for key, on in interests.items()}
        return event._replace(metadata=chosen, lookup=None)

    async def problems(self, http: Http, config: Config) -> list[str]:
        await _get(http, config, "/ping")
        found: list[str] = []
        interests: dict[str, set[str]] = {}
        for scope in [f"{kind}:{one}" for kind in ("list", "interest") for one in mapped(config, kind)]:
            audience, _, interest = scope.partition(":")[2].partition("/")
            if audience not in interests:
                interests[audience] = await _interests(http, config, audience)
            if not interests[audience]:
                found.append(f"{scope}: this account has no such audience")
            elif scope.startswith("interest:") and (not interest or interest not in interests[audience]):
                found.append(f"{scope}: not an interest of that audience; write interest:AUDIENCE/INTEREST")
        return found


PROVIDER = Mailchimp()


def member_hash(address: str) -> str:
    """How Mailchimp names a contact in a path."""
    return hashlib.md5(address.lower().encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


def _event(body: dict[str, Any]) -> HookEvent:
    type_, data = str(body["type"]), reading.part(body, "data")
    reason = reading.text(data.get("reason"))
    by_reason = MEANINGS.get(type_, {"": EventKind.IGNORED})
    kind = by_reason.get(reason or "", by_reason[""])
    audience = reading.text(data.get("list_id"))
    new_address = reading.text(data.get("new_email"))
    address = reading.text(data.get("old_email") if type_ == "upemail" else data.get("email"))
    campaign = reading.text(data.get("campaign_id"))
    problem = None
    if kind is not EventKind.IGNORED and address is None:
        problem = "no address"
    elif kind is EventKind.ADDRESS_CHANGED and new_address is None:
        problem = "no new address"
    profile = kind is EventKind.PREFERENCES_CHANGED and audience and address
    fired_at = reading.text(body.get("fired_at"))
    return HookEvent(
        provider=PROVIDER.name,
        kind=kind,
        address=address,
        # Without a zone; taken for UTC.
        occurred_at=reading.iso_time(fired_at),
        event_id=reading.composed_id(type_, fired_at, audience, address, new_address, reason, campaign),
        scope=f"list:{audience}" if audience else None,
        reason=reason,
        campaign=campaign,
        raw=body,
        origin=Origin.PERSON if kind is EventKind.COMPLAINED else Origin.UNKNOWN,
        new_address=new_address,
        lookup=f"{audience}/{member_hash(address)}" if profile and address else None,
        problem=problem,
    )


async def _stopped(http: Http, config: Config, audience: str, addresses: Sequence[str]) -> frozenset[str]:
    """Adds or updates them all in one call; who is not in the answer has to be asked for alone, where the
    refusal has a title."""
    members = [{"email_address": address, "status": "unsubscribed"} for address in addresses]
    path = f"/lists/{in_path(audience)}?skip_merge_validation=true"
    payload = {"members": members, "update_existing": True}
    reply = await http.send(_ask(config, "POST", path, payload))
    if reply.status == 400:
        return frozenset()
    raise_for(reply)
    body = reading.object_of(reply.body)
    done = reading.objects(body.get("new_members")) + reading.objects(body.get("updated_members"))
    return frozenset(
        str(one.get("email_address")).lower() for one in done if str(one.get("status")) in STOPPED
    )


def _member_ask(config: Config, audience: str, interest: str | None, address: str, *, stop: bool) -> Ask:
    path = f"/lists/{in_path(audience)}/members/{member_hash(address)}?skip_merge_validation=true"
    if interest is not None:
        return _ask(config, "PATCH", path, {"interests": {interest: not stop}})
    if not stop:
        return _ask(config, "PATCH", path, {"status": "subscribed"})
    status = "unsubscribed"
    return _ask(config, "PUT", path, {"email_address": address, "status_if_new": status, "status": status})


def _pushed(address: str, reply: Reply, interest: str | None, *, stop: bool) -> Pushed:
    if reply.status == 404:
        return Pushed(address)
    if reply.status == 400:
        try:
            final = FINAL.get(str(reading.object_of(reply.body).get("title")))
        except Malformed:
            final = None
        if final is not None:
            return Pushed(address, None if stop else final)
        return Pushed(address, "Mailchimp answered 400: it does not take this address")
    raise_for(reply)
    member = reading.object_of(reply.body)
    if interest is not None:
        chosen = reading.part(member, "interests").get(interest)
        known, done = isinstance(chosen, bool), chosen is not stop
    else:
        status = reading.text(member.get("status"))
        known, done = status is not None, status in STOPPED if stop else status == "subscribed"
    if not known:
        raise Malformed("the answer does not show the contact")
    return Pushed(address, None if done else "Mailchimp answered 200 and left the contact as it was")


def _suppressed(member: dict[str, Any], kind: EventKind) -> Suppressed:
    # The last change of anything: never before the opt-out.
    at = reading.iso_time(member.get("last_changed"))
    return Suppressed(_address_of(member) or "", kind, at, reading.text(member.get("unsubscribe_reason")))


def _address_of(member: dict[str, Any]) -> str | None:
    return reading.text(member.get("email_address"))


async def _interests(http: Http, config: Config, audience: str) -> set[str]:
    """The ids of an audience's interests and, as a sign of itself, its own; nothing where it is missing."""
    path = f"/lists/{in_path(audience)}"
    reply = await http.send(_ask(config, "GET", f"{path}?fields=id"))
    raise_for(reply, absent_is_fine=True)
    if reply.status == 404:
        return set()
    found = {audience}
    categories = await _get(http, config, f"{path}/interest-categories?count={PAGE}")
    for category in reading.objects(categories.get("categories")):
        below = f"{path}/interest-categories/{in_path(str(category.get('id')))}/interests?count={PAGE}"
        interests = await _get(http, config, below)
        found |= {str(one.get("id")) for one in reading.objects(interests.get("interests"))}
    return found


async def _get(http: Http, config: Config, path: str) -> dict[str, Any]:
    reply = await http.send(_ask(config, "GET", path))
    raise_for(reply)
    return reading.object_of(reply.body)


def _ask(config: Config, method: str, path: str, payload: Any = None) -> Ask:
    key = required(config, "api_key", _KEY)
    login = base64.b64encode(f"any:{key}".encode()).decode()
    return json_ask(method, _base(config, key) + path, {"authorization": f"Basic {login}"}, payload)


def _base(config: Config, key: str) -> str:
    """The data centre's own host, named by the end of the key."""
    if listed(config, "base_url"):
        return required(config, "base_url", "leave it out: the key names the host").rstrip("/")
    dc = key.rpartition("-")[2]
    if not _DC.fullmatch(dc):
        raise NotConfigured(f"api_key: does not name its data centre; use {_KEY}")
    return f"https://{dc}.api.mailchimp.com/3.0"


def _place(scope: str) -> tuple[str, str | None]:
    """The audience, and the interest where it is about one. Raises Refused."""
    kind, _, where = scope.partition(":")
    audience, slash, interest = where.partition("/")
    if kind == "list" and audience and not slash:
        return audience, None
    if kind == "interest" and audience and interest:
        return audience, interest
    raise Refused(f"{scope}: write it as list:AUDIENCE or interest:AUDIENCE/INTEREST")
