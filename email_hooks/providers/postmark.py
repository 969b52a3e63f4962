"""Postmark: webhooks and suppressions, per message stream.

Facts: https://postmarkapp.com/developer/webhooks/webhooks-overview and
https://postmarkapp.com/developer/api/suppressions-api
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final

from email_hooks import reading
from email_hooks.authenticity import verify_shared
from email_hooks.config import Config, base_url, mapped, required
from email_hooks.errors import Malformed
from email_hooks.events import EventKind, HookEvent, Origin
from email_hooks.http import Ask, Http, Refused, in_path, json_ask, raise_for
from email_hooks.provider import Capabilities, Pushed, Suppressed
from email_hooks.request import HookRequest
from email_hooks.streaming import items_of

API = "https://api.postmarkapp.com"

#: By the text: the numbers of `TypeCode` differ between Postmark's own examples.
BOUNCES: Final = {
    "HardBounce": EventKind.BOUNCED_HARD,
    "BadEmailAddress": EventKind.BOUNCED_HARD,
    "SoftBounce": EventKind.BOUNCED_SOFT,
    "Transient": EventKind.BOUNCED_SOFT,
    "DnsError": EventKind.BOUNCED_SOFT,
    "Blocked": EventKind.BOUNCED_SOFT,
    "DMARCPolicy": EventKind.BOUNCED_SOFT,
    "VirusNotification": EventKind.BOUNCED_SOFT,
    "Unknown": EventKind.BOUNCED_SOFT,
    "SpamNotification": EventKind.COMPLAINED,
    "Unsubscribe": EventKind.UNSUBSCRIBED,
    "Subscribe": EventKind.GROUP_RESUBSCRIBED,
    "ManuallyDeactivated": EventKind.SUPPRESSED,
}
#: What a stream's suppression is, by its reason; the two last also come as hooks of their own.
REASONS: Final = {
    "ManualSuppression": EventKind.GROUP_UNSUBSCRIBED,
    "HardBounce": EventKind.BOUNCED_HARD,
    "SpamComplaint": EventKind.COMPLAINED,
}
#: The same in a stream's list.
LISTED: Final = REASONS | {"ManualSuppression": EventKind.UNSUBSCRIBED}
#: What `Failed` means, by whether it was a stop; their words are left out, since they may name the address.
_FAILED: Final = {
    True: "does not take this for an address",
    False: "does not let this suppression be taken back",
}
#: A suppression made by API, or by hand, has the origin Customer; Admin is Postmark's own staff.
ORIGINS: Final = {
    "Recipient": Origin.PERSON,
    "Customer": Origin.OPERATOR,
    "Admin": Origin.OPERATOR,
}


class Postmark:
    name = "postmark"
    capabilities = Capabilities(
        stops=frozenset({"stream"}),
        # Suppressions of complaints, and some of recipients, answer `Failed` to a deletion.
        resumes=frozenset({"stream"}),
        lists=frozenset({"stream"}),
        signed=False,
        batch=50,
        # "Active within about a minute."
        settles=60,
    )

    def verify(self, request: HookRequest, config: Config, now: datetime) -> None:
        # Any 4xx but 408 and 429 loses the event at once, so a wrong login here loses opt-outs: the
        # comparison of lists finds them again.
        verify_shared(request, config)

    def parse(self, request: HookRequest, config: Config) -> list[HookEvent]:
        body = reading.object_of(request.body)
        return [_event(body, request.header("x-pm-webhook-trace-id"))]

    async def push(
        self, http: Http, config: Config, scope: str, addresses: Sequence[str], *, stop: bool
    ) -> list[Pushed]:
        path = "suppressions" if stop else "suppressions/delete"
        payload = {"Suppressions": [{"EmailAddress": address} for address in addresses]}
        reply = await http.send(_ask(config, "POST", f"{_stream_path(scope)}/{path}", payload))
        raise_for(reply)
        # Refusals hide in a 200: each item has a Status of its own.
        answers = {
            str(one.get("EmailAddress")).lower(): one
            for one in reading.objects(reading.object_of(reply.body).get("Suppressions"))
        }
        return [_pushed(address, answers.get(address.lower(), {}), stop) for address in addresses]

    async def suppressed(self, http: Http, config: Config, scope: str) -> AsyncIterator[list[Suppressed]]:
        # The whole list comes in one piece.
        ask = _ask(config, "GET", f"{_stream_path(scope)}/suppressions/dump")
        async for page in items_of(http.stream(ask), "Suppressions.item"):
            yield [
                Suppressed(
                    str(one["EmailAddress"]),
                    LISTED.get(str(one.get("SuppressionReason")), EventKind.UNSUBSCRIBED),
                    reading.iso_time(one.get("CreatedAt")),
                    reading.text(one.get("Origin")),
                )
                for one in reading.objects(page)
                if reading.text(one.get("EmailAddress"))
            ]

    async def look_up(self, http: Http, config: Config, event: HookEvent) -> HookEvent:
        if event.lookup is None:
            return event
        reply = await http.send(_ask(config, "GET", f"/bounces/{in_path(event.lookup)}"))
        raise_for(reply)
        address = reading.text(reading.object_of(reply.body).get("Email"))
        if address is None:
            raise Malformed("the bounce has no address")
        return event._replace(address=address, lookup=None)

    async def problems(self, http: Http, config: Config) -> list[str]:
        reply = await http.send(_ask(config, "GET", "/message-streams?IncludeArchivedStreams=false"))
        raise_for(reply)
        found = reading.objects(reading.object_of(reply.body).get("MessageStreams"))
        streams = {str(one.get("ID")) for one in found}
        return [
            f"stream:{stream}: this server has no such message stream; its streams are "
            + ", ".join(sorted(streams))
            for stream in mapped(config, "stream")
            if stream not in streams
        ]


PROVIDER = Postmark()


def _event(body: dict[str, Any], trace: str | None) -> HookEvent:
    kind, origin, reason = _meaning(body)
    address = reading.text(body.get("Recipient")) or reading.text(body.get("Email"))
    stream = reading.text(body.get("MessageStream"))
    number = reading.text(body.get("ID"))
    missing = address is None and kind is not EventKind.IGNORED
    return HookEvent(
        provider=PROVIDER.name,
        kind=kind,
        address=address,
        occurred_at=reading.iso_time(body.get("ChangedAt") or body.get("BouncedAt")),
        event_id=trace or _composed(body, address, number),
        scope=f"stream:{stream}" if stream else None,
        reason=reason,
        campaign=reading.text(body.get("Tag")),
        message_id=reading.text(body.get("MessageID")),
        metadata=reading.texts(body.get("Metadata")),
        raw=body,
        origin=origin,
        # A bounce of the type Unsubscribe may come without its address.
        lookup=number if missing else None,
        problem="no address, and no ID to ask for it" if missing and number is None else None,
    )


def _composed(body: dict[str, Any], address: str | None, number: str | None) -> str:
    record = body.get("RecordType")
    if number is not None:
        return f"{record}:{number}"
    return reading.composed_id(record, body.get("MessageID"), address, body.get("ChangedAt"))


def _meaning(body: dict[str, Any]) -> tuple[EventKind, Origin, str | None]:
    match body.get("RecordType"):
        case "SubscriptionChange":
            return _subscription_change(body)
        case "SpamComplaint":
            return EventKind.COMPLAINED, Origin.PERSON, "SpamComplaint"
        case "Bounce":
            type_ = reading.text(body.get("Type"))
            return BOUNCES.get(type_ or "", EventKind.IGNORED), Origin.UNKNOWN, type_
        case other:
            return EventKind.IGNORED, Origin.UNKNOWN, reading.text(other)


def _subscription_change(body: dict[str, Any]) -> tuple[EventKind, Origin, str | None]:
    origin = ORIGINS.get(str(body.get("Origin")), Origin.UNKNOWN)
    reason = reading.text(body.get("SuppressionReason"))
    # In doubt it is a stop: only a plain false says otherwise.
    if body.get("SuppressSending") is False:
        return EventKind.GROUP_RESUBSCRIBED, origin, reason
    return REASONS.get(reason or "", EventKind.GROUP_UNSUBSCRIBED), origin, reason


def _ask(config: Config, method: str, path: str, payload: Any = None) -> Ask:
    token = required(config, "api_key", "the Server API token, under API Tokens of the server")
    return json_ask(method, base_url(config, API) + path, {"x-postmark-server-token": token}, payload)


def _stream_path(scope: str) -> str:
    kind, _, stream = scope.partition(":")
    if kind != "stream" or not stream:
        raise Refused(f"{scope}: Postmark suppresses by stream; write it as stream:broadcast")
    return f"/message-streams/{in_path(stream)}"


def _pushed(address: str, answer: dict[str, Any], stop: bool) -> Pushed:
    status = answer.get("Status")
    if status == ("Suppressed" if stop else "Deleted"):
        return Pushed(address)
    if status == "Failed":
        return Pushed(address, "Postmark answered Failed: it " + _FAILED[stop])
    raise Malformed("an address is missing in the answer")
