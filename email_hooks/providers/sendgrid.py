"""SendGrid (Twilio): signed event webhooks, global and group suppressions.

Facts: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event and
https://www.twilio.com/docs/sendgrid/api-reference/suppressions-suppressions
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from email_hooks import reading
from email_hooks.authenticity import require_fresh, verify_second
from email_hooks.config import Config, keys_of, listed, mapped, regional_url, required, tolerance_of
from email_hooks.errors import Malformed, NotAuthentic, NotConfigured
from email_hooks.events import ALL, EventKind, HookEvent, Origin
from email_hooks.http import Ask, Http, Refused, in_path, json_ask, raise_for
from email_hooks.provider import Capabilities, NoLookUp, Pushed, Suppressed
from email_hooks.request import HookRequest
from email_hooks.streaming import items_of
from email_hooks.together import each

API: Final = {"": "https://api.sendgrid.com", "eu": "https://api.eu.sendgrid.com"}
SIGNATURE: Final = "x-twilio-email-event-webhook-signature"
TIMESTAMP: Final = "x-twilio-email-event-webhook-timestamp"

#: `bounce` and `dropped` are decided by their details. `deferred` is left out: each try of one mail tells it,
#: and its end comes as a bounce. There is no event for the end of a global suppression.
EVENTS: Final = {
    "unsubscribe": EventKind.UNSUBSCRIBED,
    "group_unsubscribe": EventKind.GROUP_UNSUBSCRIBED,
    "group_resubscribe": EventKind.GROUP_RESUBSCRIBED,
    "spamreport": EventKind.COMPLAINED,
}
OF_A_GROUP: Final = frozenset({EventKind.GROUP_UNSUBSCRIBED, EventKind.GROUP_RESUBSCRIBED})
#: Classes of bounces at which the address is dead; the others are about the mail, or about the sender.
DEAD: Final = frozenset({"invalid address", "mailbox unavailable"})
#: Whole reasons: "Invalid" is an address, "Invalid SMTPAPI header" is not.
ON_A_LIST: Final = frozenset({"unsubscribed address", "bounced address", "spam reporting address", "invalid"})
#: What SendGrid itself writes into an event; custom arguments lie flat among it.
FIELDS: Final = frozenset(
    "email timestamp event sg_event_id sg_message_id smtp-id category asm_group_id reason status type"
    " bounce_classification response attempt useragent ip url url_offset marketing_campaign_id"
    " marketing_campaign_name marketing_campaign_split_id marketing_campaign_version pool tls cert_err"
    " sg_machine_open sg_content_type sg_template_id sg_template_name newsletter post_type send_at".split()
)
#: Every list that holds mail back whatever its group, and what being on it means.
LISTS: Final = (
    ("unsubscribes", EventKind.UNSUBSCRIBED),
    ("spam_reports", EventKind.COMPLAINED),
    ("bounces", EventKind.BOUNCED_HARD),
    ("invalid_emails", EventKind.BOUNCED_HARD),
)
PAGE: Final = 500
_SECONDS = re.compile(r"[0-9]{1,12}")


class SendGrid(NoLookUp):
    name = "sendgrid"
    capabilities = Capabilities(
        stops=frozenset({ALL, "group"}),
        resumes=frozenset({ALL, "group"}),
        lists=frozenset({ALL, "group"}),
        signed=True,
        batch=500,
        # Each is a DELETE of its own, and a stop of a group is two calls: about 600 may be made in a minute.
        batch_resumes=2,
        per_second=5.0,
    )

    def verify(self, request: HookRequest, config: Config, now: datetime) -> None:
        keys = [
            _public_key(key) for key in keys_of(config, "the Verification Key of the signed event webhook")
        ]
        # Retries go on for a day, perhaps under the first signature: any age, where nothing else is wished.
        tolerance = tolerance_of(config, None)
        verify_second(request, config)
        seconds, encoded = request.header(TIMESTAMP) or "", request.header(SIGNATURE) or ""
        if not _SECONDS.fullmatch(seconds):
            raise NotAuthentic("the timestamp is missing or not in whole seconds")
        try:
            signature = base64.b64decode(encoded.encode("ascii"), validate=True)
        except (ValueError, binascii.Error):
            raise NotAuthentic("the signature is not base64") from None
        # The body ends with CRLF and is signed with it: these very bytes, nothing stripped.
        signed = seconds.encode("ascii") + request.body
        if not any(_fits(key, signature, signed) for key in keys):
            raise NotAuthentic("the signature is missing or wrong")
        require_fresh(reading.unix_time(seconds), now, tolerance)

    def parse(self, request: HookRequest, config: Config) -> list[HookEvent]:
        return [_event(item) for item in reading.list_of(request.body)]

    async def push(
        self, http: Http, config: Config, scope: str, addresses: Sequence[str], *, stop: bool
    ) -> list[Pushed]:
        path = _path(scope)
        if not stop:
            return await each(addresses, partial(_taken_back, http, config, path))
        if scope != ALL:
            # A stop for a group that was deleted lands on the GLOBAL list, without a word: ask every time.
            raise_for(await http.send(_ask(config, "GET", path.removesuffix("/suppressions"))))
        payload = {"recipient_emails": list(addresses)}
        reply = await http.send(_ask(config, "POST", path, payload))
        raise_for(reply)
        taken = reading.object_of(reply.body).get("recipient_emails")
        done = {str(one).lower() for one in taken} if isinstance(taken, list) else set()
        if not all(address.lower() in done for address in addresses):
            raise Malformed("an address is missing in the answer")
        return [Pushed(address) for address in addresses]

    async def suppressed(self, http: Http, config: Config, scope: str) -> AsyncIterator[list[Suppressed]]:
        if scope == ALL:
            for name, kind in LISTS:
                async for rows in _rows(http, config, name):
                    yield [_listed(one, kind) for one in rows if reading.text(one.get("email"))]
            return
        # A group's members come in one piece, as bare addresses.
        async for page in items_of(http.stream(_ask(config, "GET", _path(scope))), "item"):
            yield [Suppressed(one, EventKind.UNSUBSCRIBED) for one in page if isinstance(one, str) and one]

    async def problems(self, http: Http, config: Config) -> list[str]:
        reply = await http.send(_ask(config, "GET", "/v3/asm/groups"))
        raise_for(reply)
        groups = {reading.text(one.get("id")) or "" for one in reading.objects(reading.list_of(reply.body))}
        return [
            f"group:{group}: there is no such unsubscribe group; a stop for it would hold back everything;"
            f" the groups are {', '.join(sorted(groups)) or 'none'}"
            for group in mapped(config, "group")
            if group not in groups
        ]


PROVIDER = SendGrid()


@lru_cache(maxsize=64)
def _public_key(key: str) -> EllipticCurvePublicKey:
    try:
        found = load_der_public_key(base64.b64decode(key.strip().encode("ascii"), validate=True))
    except (ValueError, binascii.Error):
        found = None
    if not isinstance(found, EllipticCurvePublicKey) or not isinstance(found.curve, SECP256R1):
        raise NotConfigured("signing_key: not a P-256 public key; copy the Verification Key whole")
    return found


def _fits(key: EllipticCurvePublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _event(item: Any) -> HookEvent:
    if not isinstance(item, dict):
        return _unreadable(item)
    name, group = reading.text(item.get("event")), reading.text(item.get("asm_group_id"))
    kind = _kind(name, item)
    address = reading.text(item.get("email"))
    if kind is EventKind.IGNORED:
        # Most of what comes: delivered, opened, clicked.
        number = reading.text(item.get("sg_event_id")) or reading.composed_id(item)
        return HookEvent("sendgrid", kind, address, None, number, ALL, raw=item)
    moment = item.get("timestamp")
    number = reading.text(item.get("sg_event_id")) or reading.composed_id(
        name, address, moment, item.get("sg_message_id"), group
    )
    # Reports and bounces hold back every group; without its number it is not for us to guess which.
    scope = (f"group:{group}" if group else None) if kind in OF_A_GROUP else ALL
    # By their place: naming each costs as much again as the rest of a batch.
    return HookEvent(
        "sendgrid",
        kind,
        address,
        reading.unix_time(moment),
        number,
        scope,
        reading.text(item.get("reason")) or reading.text(item.get("bounce_classification")),
        reading.text(item.get("marketing_campaign_id")) or _category(item.get("category")),
        reading.text(item.get("smtp-id")) or reading.text(item.get("sg_message_id")),
        reading.texts({key: item[key] for key in item if key not in FIELDS}),
        item,
        # A link in a mail was used, or the report came from a mailbox provider: calls by API tell nothing.
        Origin.PERSON if name in EVENTS else Origin.UNKNOWN,
        problem="no asm_group_id" if scope is None else None if address else "no email",
    )


def _unreadable(item: Any) -> HookEvent:
    number = reading.composed_id("unreadable", item)
    problem = "the event is not an object"
    return HookEvent("sendgrid", EventKind.IGNORED, None, None, number, raw=item, problem=problem)


def _kind(name: str | None, item: dict[str, Any]) -> EventKind:
    if name == "bounce":
        class_ = str(item.get("bounce_classification") or "").lower()
        blocked = item.get("type") not in (None, "bounce") or (class_ and class_ not in DEAD)
        return EventKind.BOUNCED_SOFT if blocked else EventKind.BOUNCED_HARD
    if name == "dropped":
        known = str(item.get("reason")).lower() in ON_A_LIST
        return EventKind.SUPPRESSED if known else EventKind.IGNORED
    return EVENTS.get(name or "", EventKind.IGNORED)


def _category(value: Any) -> str | None:
    return reading.text(value[0] if isinstance(value, list) and value else value)


def _ask(config: Config, method: str, path: str, payload: Any = None) -> Ask:
    key = required(config, "api_key", "made under Settings, API Keys, with access to suppressions")
    headers = {"authorization": f"Bearer {key}"}
    if subuser := listed(config, "account"):
        headers["on-behalf-of"] = subuser[0]
    return json_ask(method, regional_url(config, API) + path, headers, payload)


def _path(scope: str) -> str:
    if scope == ALL:
        return "/v3/asm/suppressions/global"
    kind, _, group = scope.partition(":")
    if kind != "group" or not (group.isascii() and group.isdigit()):
        raise Refused(f"{scope}: SendGrid suppresses all, or by the number of a group, such as group:12")
    return f"/v3/asm/groups/{group}/suppressions"


async def _taken_back(http: Http, config: Config, path: str, address: str) -> Pushed:
    if "@" not in address:
        # Never a DELETE of a whole list.
        return Pushed(address, "not an address")
    raise_for(await http.send(_ask(config, "DELETE", f"{path}/{in_path(address)}")), absent_is_fine=True)
    return Pushed(address)


async def _rows(http: Http, config: Config, name: str) -> AsyncIterator[list[dict[str, Any]]]:
    offset, before = 0, None
    while True:
        query = f"limit={PAGE}&offset={offset}"
        reply = await http.send(_ask(config, "GET", f"/v3/suppression/{name}?{query}"))
        raise_for(reply)
        rows = reading.list_of(reply.body)
        if not rows:
            return
        if rows == before:
            raise Malformed("the same page came twice")
        yield reading.objects(rows)
        offset, before = offset + len(rows), rows


def _listed(row: dict[str, Any], kind: EventKind) -> Suppressed:
    created, reason = reading.unix_time(row.get("created")), reading.text(row.get("reason"))
    return Suppressed(str(row["email"]), kind, created, reason)
