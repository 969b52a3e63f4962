"""Amazon SES in memory: the one contact list of an account, its topics, its suppression list, and events
through an SNS topic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from email_hooks.events import ALL, EventKind
from email_hooks.http import Reply
from email_hooks.provider import Suppressed
from email_hooks.request import HookRequest
from email_hooks.stand_ins import sns
from email_hooks.stand_ins.api import Called, Handler, Said, StandIn, answer
from email_hooks.stand_ins.sigv4 import is_signed

_STOPS = (EventKind.UNSUBSCRIBED, EventKind.GROUP_UNSUBSCRIBED)
_REASONS = {EventKind.COMPLAINED: "COMPLAINT", EventKind.BOUNCED_HARD: "BOUNCE"}
_MOST_ON_A_PAGE = 1000


class SesStandIn(StandIn):
    """`contacts`: as the API shows them, by the address as it was given. `throttles`: to one request a
    second, as SES does; off, so that tests need not wait."""

    name = "ses"
    scopes = ("topic:news", "topic:offers", ALL)
    signs_time = True
    throttles = False

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.contacts: dict[str, dict[str, Any]] = {}
        self.suppression: dict[str, Suppressed] = {}
        self._last: datetime | None = None

    def config(self, base_url: str) -> dict[str, Any]:
        return {
            "base_url": base_url,
            "api_key": f"AKIAEXAMPLE{self.key}",
            "api_secret": f"secret{self.key}",
            "region": "eu-west-1",
            "account": "main",
            "topics": [sns.TOPIC],
            "signing_key": [sns.certificate_of(f"ses{self.key}")],
            "scopes": self.scopes,
        }

    def allowed(self, called: Called) -> bool:
        return is_signed(
            self.calls[-1],
            key_id=f"AKIAEXAMPLE{self.key}",
            secret=f"secret{self.key}",
            region="eu-west-1",
            service="ses",
            # Of the machine, as at AWS: whoever signs reads it too.
            now=datetime.now(UTC),
        )

    def locked_out(self) -> Reply:
        return _error(403, "SignatureDoesNotMatch")

    def routes(self) -> Iterator[tuple[str, str, Handler]]:
        lists = r"/v2/email/contact-lists/(?P<list>[^/]+)"
        for method, pattern, handler in (
            ("GET", lists, self._list),
            ("POST", f"{lists}/contacts", self._create),
            ("POST", f"{lists}/contacts/list", self._contacts),
            ("GET", rf"{lists}/contacts/(?P<email>[^/]+)", self._get),
            ("PUT", rf"{lists}/contacts/(?P<email>[^/]+)", self._update),
            ("GET", r"/v2/email/suppression/addresses", self._suppressed),
        ):
            yield method, pattern, self._guarded(handler)

    def _guarded(self, handler: Handler) -> Handler:
        def guarded(called: Called) -> Reply:
            now, last = self.now(), self._last
            self._last = now
            if self.throttles and last is not None and now - last < timedelta(seconds=1):
                return _error(429, "TooManyRequestsException")
            if called.names.get("list", "main") != "main":
                return _error(404, "NotFoundException")
            return handler(called)

        return guarded

    def _list(self, called: Called) -> Reply:
        topics = [{"TopicName": name, "DefaultSubscriptionStatus": "OPT_IN"} for name in self._names()]
        return answer(200, {"ContactListName": "main", "Topics": topics})

    def _get(self, called: Called) -> Reply:
        contact = self.contacts.get(called.names["email"])
        if contact is None:
            return _error(404, "NotFoundException")
        return answer(200, {"ContactListName": "main", "TopicDefaultPreferences": self._defaults()} | contact)

    def _create(self, called: Called) -> Reply:
        body = called.json()
        if body["EmailAddress"] in self.contacts:
            return _error(400, "AlreadyExistsException")
        return self._written(body["EmailAddress"], body)

    def _update(self, called: Called) -> Reply:
        if called.names["email"] not in self.contacts:
            return _error(404, "NotFoundException")
        return self._written(called.names["email"], called.json())

    def _written(self, address: str, body: dict[str, Any]) -> Reply:
        """All of it is replaced: a topic that is left out is lost, and so are the attributes."""
        preferences = body.get("TopicPreferences", [])
        if any(row.get("TopicName") not in self._names() for row in preferences):
            return _error(404, "NotFoundException")
        if any(row.get("SubscriptionStatus") not in ("OPT_IN", "OPT_OUT") for row in preferences):
            return _error(400, "BadRequestException")
        self._keep(address, preferences, body.get("UnsubscribeAll", False), body.get("AttributesData"))
        return answer(200, {})

    def _contacts(self, called: Called) -> Reply:
        body = called.json()
        asked = body.get("Filter", {})
        topic = asked.get("TopicFilter", {}).get("TopicName")
        rows = [
            {name: value for name, value in contact.items() if name != "AttributesData"}
            for contact in self.contacts.values()
            if topic is None
            or {"TopicName": topic, "SubscriptionStatus": asked["FilteredStatus"]}
            in contact["TopicPreferences"]
        ]
        return _page("Contacts", rows, body.get("PageSize", 100), body.get("NextToken"))

    def _suppressed(self, called: Called) -> Reply:
        rows = [
            {
                "EmailAddress": one.address,
                "Reason": _REASONS[one.kind],
                "LastUpdateTime": (one.at or self.now()).timestamp(),
            }
            for one in self.suppression.values()
        ]
        size = int(called.query.get("PageSize", "100"))
        return _page("SuppressedDestinationSummaries", rows, size, called.query.get("NextToken"))

    # -- its state ----------------------------------------------------------------------------------------

    def hold(self, address: str, scope: str, kind: EventKind, at: datetime | None = None) -> None:
        """Complaints and bounces come onto the suppression list, which holds back everything."""
        if kind in _REASONS:
            self.suppression[address.lower()] = Suppressed(address, kind, at or self.now())
            self._mirror(address)
        else:
            self._set(address, scope, stop=True, at=at)

    def release(self, address: str, scope: str) -> bool:
        was_there = address.lower() in self.held[scope]
        if address in self.contacts:
            self._set(address, scope, stop=False)
        if scope == ALL:
            self.suppression.pop(address.lower(), None)
            self._mirror(address)
        return was_there

    def _set(self, address: str, scope: str, *, stop: bool, at: datetime | None = None) -> None:
        contact = self.contacts.get(address, {})
        rows = {row["TopicName"]: row for row in contact.get("TopicPreferences", [])}
        everything = contact.get("UnsubscribeAll", False)
        if scope == ALL:
            everything = stop
        else:
            name = scope.removeprefix("topic:")
            rows[name] = {"TopicName": name, "SubscriptionStatus": "OPT_OUT" if stop else "OPT_IN"}
        self._keep(address, [*rows.values()], everything, contact.get("AttributesData"), at)

    def _keep(
        self, address: str, preferences: Any, everything: bool, attributes: Any, at: datetime | None = None
    ) -> None:
        self.contacts[address] = {
            "EmailAddress": address,
            "TopicPreferences": preferences,
            "UnsubscribeAll": everything,
            "LastUpdatedTimestamp": (at or self.now()).timestamp(),
        } | ({"AttributesData": attributes} if attributes else {})
        self._mirror(address)

    def _mirror(self, address: str) -> None:
        """`held`, of what is held back really. What we do by API is not told of: SES knows no echo."""
        contact = self.contacts.get(address, {"TopicPreferences": [], "UnsubscribeAll": False})
        at = contact.get("LastUpdatedTimestamp")
        since = None if at is None else datetime.fromtimestamp(at, UTC)
        unsubscribed = Suppressed(address, EventKind.UNSUBSCRIBED, since)
        out = {
            f"topic:{row['TopicName']}": unsubscribed
            for row in contact["TopicPreferences"]
            if row["SubscriptionStatus"] == "OPT_OUT"
        } | ({ALL: unsubscribed} if contact["UnsubscribeAll"] else {})
        if address.lower() in self.suppression:
            out[ALL] = self.suppression[address.lower()]
        for scope in self.scopes:
            self.held[scope].pop(address.lower(), None)
            if scope in out:
                self.held[scope][address.lower()] = out[scope]

    def _names(self) -> list[str]:
        return [scope.removeprefix("topic:") for scope in self.scopes if scope != ALL]

    def _defaults(self) -> list[dict[str, str]]:
        return [{"TopicName": name, "SubscriptionStatus": "OPT_IN"} for name in self._names()]

    # -- its events ---------------------------------------------------------------------------------------

    def tell(self, events: Sequence[Said], *, sent_at: datetime | None = None) -> list[HookRequest]:
        return [self.publish(said.event_id, event_of(said), sent_at) for said in events]

    def unknown(self) -> HookRequest:
        return self.publish("unknown", {"eventType": "Unheard", "mail": {"messageId": "m"}})

    def publish(
        self, message_id: str, message: Any, sent_at: datetime | None = None, version: str = "2"
    ) -> HookRequest:
        """One notification of the topic; `message` as text, or to be written as JSON."""
        text = message if isinstance(message, str) else msgspec.json.encode(message).decode()
        fields = sns.notification(message_id, text, sent_at or self.now())
        return sns.posted(self.hook_url, sns.signed(fields, f"ses{self.key}", version))

    def confirmation(self, type_: str = "SubscriptionConfirmation") -> HookRequest:
        """What the topic posts when our address is subscribed to it (or no longer is)."""
        fields = sns.confirmation("confirmation-1", self.now(), type_)
        return sns.posted(self.hook_url, sns.signed(fields, f"ses{self.key}"))


def event_of(said: Said) -> dict[str, Any]:
    """An event as a configuration set publishes it."""
    at, recipient = sns.stamp(said.at), {"emailAddress": said.address}
    detail: dict[str, Any]
    mail = {"messageId": "0100-m1", "destination": [said.address], "tags": {"campaign": ["jan"]}}
    match said.kind:
        case EventKind.COMPLAINED:
            detail = {
                "complainedRecipients": [recipient],
                "timestamp": at,
                "feedbackId": said.event_id,
                "complaintSubType": None,
                "complaintFeedbackType": "abuse",
            }
            return {"eventType": "Complaint", "complaint": detail, "mail": mail}
        case EventKind.BOUNCED_HARD | EventKind.BOUNCED_SOFT | EventKind.SUPPRESSED:
            type_, sub_type = _BOUNCES[said.kind]
            detail = {
                "bounceType": type_,
                "bounceSubType": sub_type,
                "bouncedRecipients": [recipient],
                "timestamp": at,
                "feedbackId": said.event_id,
            }
            return {"eventType": "Bounce", "bounce": detail, "mail": mail}
        case _:
            stopped = said.kind in _STOPS
            detail = {
                "contactList": "main",
                "timestamp": at,
                "source": "UnsubscribeHeader",
                "newTopicPreferences": _preferences(said.scope, out=stopped),
                "oldTopicPreferences": _preferences(said.scope, out=not stopped),
            }
            return {"eventType": "Subscription", "subscription": detail, "mail": mail}


_BOUNCES = {
    EventKind.BOUNCED_HARD: ("Permanent", "General"),
    EventKind.BOUNCED_SOFT: ("Transient", "MailboxFull"),
    EventKind.SUPPRESSED: ("Permanent", "OnAccountSuppressionList"),
}


def _preferences(scope: str, *, out: bool) -> dict[str, Any]:
    """Hooks write OptOut, the API OPT_OUT."""
    if scope == ALL:
        return {"unsubscribeAll": out, "topicSubscriptionStatus": []}
    topic = {"topicName": scope.removeprefix("topic:"), "subscriptionStatus": "OptOut" if out else "OptIn"}
    return {"unsubscribeAll": False, "topicSubscriptionStatus": [topic]}


def _page(name: str, rows: list[Any], size: int, token: str | None) -> Reply:
    if size > _MOST_ON_A_PAGE:
        return _error(400, "BadRequestException")
    start = int(token or 0)
    more = {"NextToken": str(start + size)} if start + size < len(rows) else {}
    return answer(200, {name: rows[start : start + size], **more})


def _error(status: int, type_: str) -> Reply:
    return answer(status, {"message": "no"}, **{"x-amzn-errortype": f"{type_}:http://internal.amazon.com/"})
