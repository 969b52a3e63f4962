"""Mailgun: webhooks signed within their JSON, and a sending domain's suppressions, per tag.

Facts: https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks and
https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/unsubscribe
"""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from email_hooks import reading
from email_hooks.authenticity import any_same, hmac_hex, require_fresh, verify_second
from email_hooks.config import Config, keys_of, listed, mapped, regional_url, required, tolerance_of
from email_hooks.errors import Malformed, NotAuthentic
from email_hooks.events import ALL, EventKind, HookEvent, Origin
from email_hooks.http import Ask, Http, Refused, in_path, json_ask, raise_for
from email_hooks.provider import Capabilities, Pushed, Suppressed
from email_hooks.request import HookRequest
from email_hooks.together import each

API: Final = {"": "https://api.mailgun.net/v3", "eu": "https://api.eu.mailgun.net/v3"}
#: The tag that means every mail of the domain.
EVERY_TAG: Final = "*"

EVENTS: Final = {"unsubscribed": EventKind.UNSUBSCRIBED, "complained": EventKind.COMPLAINED}
#: A `failed` that is permanent and has one of these reasons is no bounce: the address was on a list already.
ON_A_LIST: Final = frozenset({"suppress-bounce", "suppress-unsubscribe", "suppress-complaint"})
#: Every list that holds mail back whatever its tag, and what being on it means.
LISTS: Final = (("complaints", EventKind.COMPLAINED), ("bounces", EventKind.BOUNCED_HARD))
PAGE: Final = 1000
#: Time and token are signed without a mark between them: the first ten digits are the time and nothing else,
#: or one signature would carry many tokens, each of them fresh.
_SECONDS = re.compile(r"[0-9]{10}")
_DAY: Final = 24 * 60 * 60


class Mailgun:
    name = "mailgun"
    capabilities = Capabilities(
        stops=frozenset({ALL, "tag"}),
        resumes=frozenset({ALL, "tag"}),
        lists=frozenset({ALL, "tag"}),
        signed=True,
        batch=1000,
        # Each is a DELETE of its own.
        batch_resumes=10,
    )

    def verify(self, request: HookRequest, config: Config, now: datetime) -> None:
        # The signature does NOT cover the event: whoever sees one request could sign anything with it. Hence
        # https, one use of each token (it is the event's id: the receiver drops what it has seen), and a
        # window, of a day, because retries are perhaps not signed again. A `secret` beside it helps too.
        keys = keys_of(config, "the HTTP webhook signing key, which is not the API key")
        tolerance = tolerance_of(config, _DAY)
        if not (listed(config, "public_url") or [request.url])[0].startswith("https://"):
            raise NotAuthentic("not over https; behind a proxy, set public_url to the address outside")
        verify_second(request, config)
        signed = reading.part(reading.object_of(request.body), "signature")
        seconds, token = _plain(signed, "timestamp"), _plain(signed, "token")
        if not _SECONDS.fullmatch(seconds) or not token.isascii() or not token.isalnum():
            raise NotAuthentic("the signed time or token is missing, or is none")
        expected = [hmac_hex(key, f"{seconds}{token}".encode()) for key in keys]
        # Events of a subaccount carry a second signature, by the key of the primary account.
        given = [_plain(signed, name) for name in ("signature", "parent-signature")]
        if True not in [any_same(one, expected) for one in given]:
            raise NotAuthentic("the signature is missing or wrong")
        require_fresh(reading.unix_time(seconds), now, tolerance)

    def parse(self, request: HookRequest, config: Config) -> list[HookEvent]:
        body = reading.object_of(request.body)
        data = body.get("event-data")
        if not isinstance(data, dict):
            raise Malformed("event-data: missing or not an object")
        token = _plain(reading.part(body, "signature"), "token")
        return [_event(data, token, by_tag=bool(mapped(config, "tag")))]

    async def push(
        self, http: Http, config: Config, scope: str, addresses: Sequence[str], *, stop: bool
    ) -> list[Pushed]:
        tag = _tag(scope)
        if not stop:
            return await each(addresses, partial(_taken_back, http, config, tag))
        # `tags` here, though it is `tag` in the form of one.
        payload = [{"address": address, "tags": [tag]} for address in addresses]
        reply = await http.send(_ask(config, "POST", "/unsubscribes", payload))
        raise_for(reply)
        if reading.text(reading.object_of(reply.body).get("message")) is None:
            raise Malformed("the answer does not say that anything was added")
        return [Pushed(address) for address in addresses]

    async def suppressed(self, http: Http, config: Config, scope: str) -> AsyncIterator[list[Suppressed]]:
        tag = _tag(scope)
        async for rows in _rows(http, config, "unsubscribes"):
            yield [_listed(one, EventKind.UNSUBSCRIBED) for one in rows if tag in _tags(one)]
        if scope == ALL:
            for name, kind in LISTS:
                async for rows in _rows(http, config, name):
                    yield [_listed(one, kind) for one in rows]

    async def look_up(self, http: Http, config: Config, event: HookEvent) -> HookEvent:
        """Narrows an opt-out to its tag: the event does not say which, the suppression does."""
        if event.lookup is None:
            return event
        reply = await http.send(_ask(config, "GET", f"/unsubscribes/{_segment(event.lookup)}"))
        raise_for(reply, absent_is_fine=True)
        event = event._replace(lookup=None)
        tags = _tags(reading.object_of(reply.body)) if reply.ok else set()
        if EVERY_TAG in tags or not tags:
            return event
        # Of several, the mail had one of them, or a comparison brings the others.
        likely = tags & set(_texts(event.raw.get("tags"))) or tags & set(mapped(config, "tag")) or tags
        return event._replace(kind=EventKind.GROUP_UNSUBSCRIBED, scope=f"tag:{min(likely)}")

    async def problems(self, http: Http, config: Config) -> list[str]:
        reply = await http.send(_ask(config, "GET", "/unsubscribes?limit=1"))
        if reply.status == 404:
            return ["account: there is no such sending domain in this account and region (region: eu?)"]
        raise_for(reply)
        found = []
        for tag in mapped(config, "tag"):
            reply = await http.send(_ask(config, "GET", f"/tags/{_segment(tag)}"))
            raise_for(reply, absent_is_fine=True)
            if reply.status == 404:
                found.append(f"tag:{tag}: this domain has sent nothing with this tag yet; is it misspelt?")
        return found


PROVIDER = Mailgun()


def _event(data: dict[str, Any], token: str, *, by_tag: bool) -> HookEvent:
    kind = _kind(data)
    address = reading.text(data.get("recipient"))
    message_id = reading.text(reading.part(data, "message", "headers").get("message-id"))
    campaign = next(iter(reading.objects(data.get("campaigns"))), {})
    return HookEvent(
        provider="mailgun",
        kind=kind,
        address=address,
        occurred_at=reading.unix_time(data.get("timestamp")),
        # Ids of events are unique for a day only.
        event_id=token or reading.composed_id(data.get("id"), data.get("timestamp"), address),
        scope=ALL,
        reason=reading.text(data.get("reason")),
        campaign=reading.text(campaign.get("id")) or next(iter(_texts(data.get("tags"))), None),
        message_id=f"<{message_id.strip('<>')}>" if message_id else None,
        metadata=reading.texts(data.get("user-variables")),
        raw=data,
        origin=Origin.PERSON if kind in (EventKind.UNSUBSCRIBED, EventKind.COMPLAINED) else Origin.UNKNOWN,
        # By which tag, an event does not say; till that is found out it is an opt-out of all.
        lookup=address if by_tag and kind is EventKind.UNSUBSCRIBED else None,
        problem=None if address or kind is EventKind.IGNORED else "no recipient",
    )


def _kind(data: dict[str, Any]) -> EventKind:
    name = reading.text(data.get("event")) or ""
    if name != "failed":
        return EVENTS.get(name, EventKind.IGNORED)
    if data.get("severity") != "permanent":
        return EventKind.BOUNCED_SOFT
    return EventKind.SUPPRESSED if str(data.get("reason")) in ON_A_LIST else EventKind.BOUNCED_HARD


def _plain(value: dict[str, Any], name: str) -> str:
    return reading.text(value.get(name)) or ""


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str) and one] if isinstance(value, list) else []


def _tags(row: dict[str, Any]) -> set[str]:
    """What an entry is about; one without a tag is about all."""
    one = reading.text(row.get("tag"))
    return {*_texts(row.get("tags")), *([one] if one else [])} or {EVERY_TAG}


def _listed(row: dict[str, Any], kind: EventKind) -> Suppressed:
    return Suppressed(
        str(row["address"]), kind, _mail_time(row.get("created_at")), reading.text(row.get("error"))
    )


def _mail_time(value: Any) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value) if isinstance(value, str) else None
        return moment and (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _base(config: Config) -> str:
    domain = required(config, "account", "the sending domain, such as mg.example.com")
    return f"{regional_url(config, API)}/{in_path(domain)}"


def _ask(config: Config, method: str, path: str, payload: Any = None, *, url: str | None = None) -> Ask:
    key = required(config, "api_key", "the domain's sending key has no access; an API key of the account has")
    login = base64.b64encode(f"api:{key}".encode()).decode()
    return json_ask(method, url or _base(config) + path, {"authorization": f"Basic {login}"}, payload)


def _tag(scope: str) -> str:
    kind, _, tag = scope.partition(":")
    if scope == ALL:
        return EVERY_TAG
    if kind != "tag" or not tag or tag == EVERY_TAG:
        raise Refused(f"{scope}: Mailgun suppresses all, or by tag, such as tag:news")
    return tag


def _segment(value: str) -> str:
    if not value.strip():
        # `DELETE /unsubscribes/` and `/bounces/` wipe the whole list.
        raise Refused("an address is empty")
    return in_path(value)


async def _taken_back(http: Http, config: Config, tag: str, address: str) -> Pushed:
    if "@" not in address:
        return Pushed(address, "not an address")
    # With its tag, `*` too: without one every opt-out of the address would go.
    path = f"/unsubscribes/{_segment(address)}?tag={quote(tag, safe='')}"
    raise_for(await http.send(_ask(config, "DELETE", path)), absent_is_fine=True)
    return Pushed(address)


async def _rows(http: Http, config: Config, name: str) -> AsyncIterator[list[dict[str, Any]]]:
    """The entries of a list, page by page, till one is empty: the last has a `next` as well."""
    start = f"{_base(config)}/{name}"
    url = f"{start}?limit={PAGE}"
    while True:
        reply = await http.send(_ask(config, "GET", "", url=url))
        raise_for(reply)
        body = reading.object_of(reply.body)
        if not isinstance(body.get("items"), list):
            raise Malformed("items: missing or not an array")
        if not body["items"]:
            return
        yield [one for one in reading.objects(body["items"]) if reading.text(one.get("address"))]
        following = reading.part(body, "paging").get("next")
        # The key goes along: to this very list, and nowhere else.
        if not isinstance(following, str) or not following.startswith(f"{start}?") or following == url:
            raise Malformed("paging: next leads to another place, or nowhere")
        url = following
