"""Amazon SES: events through SNS topics; contact lists and the account's suppression list (SES API v2).

Facts: https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html,
https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html,
https://docs.aws.amazon.com/ses/latest/dg/sending-email-list-management.html and
https://docs.aws.amazon.com/ses/latest/APIReference-V2/
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from email_hooks import reading, ses_contacts, sns
from email_hooks.certificates import Fetch, fetch_certificate, remembering
from email_hooks.config import Config
from email_hooks.errors import Malformed
from email_hooks.events import ALL, NOTHING, EventKind, HookEvent, Origin
from email_hooks.http import Http
from email_hooks.provider import Capabilities, NoLookUp, Pushed, Suppressed
from email_hooks.request import HookRequest

#: By `bounceType`; one that is not known is counted, and blocks nobody.
BOUNCES: Final = {
    "Permanent": EventKind.BOUNCED_HARD,
    "Transient": EventKind.BOUNCED_SOFT,
    "Undetermined": EventKind.BOUNCED_SOFT,
}
#: Sub-types by which SES says that it did not even try: Suppressed, OnAccountSuppressionList, and whatever
#: newer lists (of tenants, of unsubscribed contacts) call it.
_NOT_TRIED = re.compile("suppress|unsubscrib", re.IGNORECASE)
#: The feedback type of somebody who says that it is *not* spam.
_NOT_SPAM = "not-spam"
#: What SES publishes once when it is given a topic: no JSON.
_VALIDATED = "Successfully validated SNS topic"
#: What hooks call it; the API writes OPT_OUT and OPT_IN.
TOPIC_STATES: Final = {"OptOut": EventKind.GROUP_UNSUBSCRIBED, "OptIn": EventKind.GROUP_RESUBSCRIBED}


class _Told(NamedTuple):
    """What one event says of one address."""

    kind: EventKind
    address: str | None = None
    scope: str | None = None
    reason: str | None = None
    origin: Origin = Origin.UNKNOWN
    metadata: Mapping[str, str] = NOTHING


class Ses(NoLookUp):
    """`fetch` brings the certificates of SNS; `clock` is the time that requests are signed with."""

    name = "ses"
    capabilities = Capabilities(
        stops=frozenset({ALL, "topic"}),
        resumes=frozenset({ALL, "topic"}),
        lists=frozenset({ALL, "topic"}),
        signed=True,
        # One request a second for everything but sending, and a push is a GET and a PUT.
        parallel=1,
        per_second=0.5,
        fetches=True,
    )

    def __init__(
        self,
        fetch: Fetch = fetch_certificate,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._fetch = remembering(fetch)
        self._clock = clock

    def verify(self, request: HookRequest, config: Config, now: datetime) -> None:
        sns.verify(request, config, now, self._fetch)

    def parse(self, request: HookRequest, config: Config) -> list[HookEvent]:
        envelope = sns.envelope_of(request.body)
        match envelope.get("Type"):
            case sns.NOTIFICATION:
                return _events(envelope)
            case sns.CONFIRMATION:
                return [_confirmation(envelope, config)]
            case other:
                # Who ended the subscription is for the operator to find out: nothing is visited.
                return [_made(envelope, _Told(EventKind.IGNORED, reason=reading.text(other)))]

    async def push(
        self, http: Http, config: Config, scope: str, addresses: Sequence[str], *, stop: bool
    ) -> list[Pushed]:
        contacts = ses_contacts.Contacts(http, config, self._clock)
        for address in addresses:
            await contacts.set(address, scope, stop=stop)
        return [Pushed(address) for address in addresses]

    def suppressed(self, http: Http, config: Config, scope: str) -> AsyncIterator[list[Suppressed]]:
        return ses_contacts.Contacts(http, config, self._clock).held_back(scope)

    async def problems(self, http: Http, config: Config) -> list[str]:
        return await ses_contacts.Contacts(http, config, self._clock).problems()


PROVIDER = Ses()


def _confirmation(envelope: Mapping[str, Any], config: Config) -> HookEvent:
    url = sns.subscribe_url(envelope, config)
    problem = None if url else "SubscribeURL: not an address of SNS for this topic; confirm it in the console"
    told = _Told(EventKind.IGNORED, reason=sns.CONFIRMATION)
    return _made(envelope, told)._replace(visit=url, problem=problem)


def _events(envelope: Mapping[str, Any]) -> list[HookEvent]:
    message = envelope.get("Message")
    if isinstance(message, str) and message.startswith(_VALIDATED):
        return [_made(envelope, _Told(EventKind.IGNORED, reason="validated"))]
    body = reading.object_of(message if isinstance(message, str) else "")
    # Configuration sets say eventType; the feedback of an identity says notificationType.
    name = reading.text(body.get("eventType")) or reading.text(body.get("notificationType"))
    match name:
        case "Bounce":
            part, told = reading.part(body, "bounce"), _bounced(reading.part(body, "bounce"))
        case "Complaint":
            part, told = reading.part(body, "complaint"), _complained(reading.part(body, "complaint"))
        case "Subscription":
            part, told = reading.part(body, "subscription"), _subscription(body)
        case _:
            # DeliveryDelay too: the bounce or the delivery after it is what counts. Received is a mail that
            # came in, and whose topic is the wrong one here.
            part, told = {}, [_Told(EventKind.IGNORED, reason=name)]
    return [_made(envelope, one, body, reading.iso_time(part.get("timestamp"))) for one in told]


def _bounced(bounce: Mapping[str, Any]) -> list[_Told]:
    type_, sub_type = reading.text(bounce.get("bounceType")), reading.text(bounce.get("bounceSubType"))
    kind = BOUNCES.get(type_ or "", EventKind.BOUNCED_SOFT)
    if kind is EventKind.BOUNCED_HARD and _NOT_TRIED.search(sub_type or ""):
        kind = EventKind.SUPPRESSED
    return [
        _Told(kind, reading.text(one.get("emailAddress")), reason=_reason(type_, sub_type, one.get("status")))
        for one in _recipients(bounce.get("bouncedRecipients"))
    ]


def _complained(complaint: Mapping[str, Any]) -> list[_Told]:
    feedback = reading.text(complaint.get("complaintFeedbackType"))
    sub_type = reading.text(complaint.get("complaintSubType"))
    kind = EventKind.COMPLAINED
    if feedback == _NOT_SPAM:
        kind = EventKind.IGNORED
    elif _NOT_TRIED.search(sub_type or ""):
        kind = EventKind.SUPPRESSED
    recipients = _recipients(complaint.get("complainedRecipients"))
    # Mailbox providers hide who complained: SES lists everybody of the message at that domain.
    sure = kind is EventKind.COMPLAINED and len(recipients) == 1
    origin = Origin.PERSON if sure else Origin.UNKNOWN
    reason = _reason(feedback, sub_type) or "Complaint"
    return [_Told(kind, reading.text(one.get("emailAddress")), ALL, reason, origin) for one in recipients]


def _subscription(body: Mapping[str, Any]) -> list[_Told]:
    subscription, mail = reading.part(body, "subscription"), reading.part(body, "mail")
    new = reading.part(subscription, "newTopicPreferences")
    old = reading.part(subscription, "oldTopicPreferences")
    # Its links are only put into mails to one recipient. Its `source` is UnsubscribeHeader or the like: SES
    # tells of what people do, not of calls of its API.
    destination = mail.get("destination")
    address = reading.text(destination[0]) if isinstance(destination, list) and destination else None
    reason = reading.text(subscription.get("source"))
    found: list[tuple[EventKind, str]] = []
    if new.get("unsubscribeAll") is True and old.get("unsubscribeAll") is not True:
        found.append((EventKind.UNSUBSCRIBED, ALL))
    if new.get("unsubscribeAll") is False and old.get("unsubscribeAll") is True:
        found.append((EventKind.PREFERENCES_CHANGED, ALL))
    before, after = _topics(old), _topics(new)
    for topic, state in after.items():
        if state != before.get(topic) and state in TOPIC_STATES:
            found.append((TOPIC_STATES[state], f"topic:{topic}"))
    chosen = {f"topic:{topic}": "true" if state == "OptIn" else "false" for topic, state in after.items()}
    told = [
        _Told(
            kind,
            address,
            scope,
            reason,
            Origin.PERSON,
            chosen if kind is EventKind.PREFERENCES_CHANGED else NOTHING,
        )
        for kind, scope in found
    ]
    return told or [_Told(EventKind.IGNORED, address, reason=reason)]


def _topics(preferences: Mapping[str, Any]) -> dict[str, str]:
    rows = reading.objects(preferences.get("topicSubscriptionStatus"))
    return {str(row.get("topicName")): str(row.get("subscriptionStatus")) for row in rows}


def _recipients(value: Any) -> list[dict[str, Any]]:
    """As many as there are: one that is no object, or a list without any, is told of as unreadable."""
    rows = value if isinstance(value, list) and value else [None]
    return [row if isinstance(row, dict) else {} for row in rows]


def _reason(*parts: Any) -> str | None:
    return "/".join(found for part in parts if (found := reading.text(part))) or None


def _made(
    envelope: Mapping[str, Any], told: _Told, body: Any = None, at: datetime | None = None
) -> HookEvent:
    number = reading.text(envelope.get("MessageId"))
    if number is None:
        raise Malformed("MessageId: missing")
    mail = reading.part(body, "mail")
    tags = {name: reading.text(one[0]) for name, one in reading.part(mail, "tags").items() if _filled(one)}
    unread = told.address is None and told.kind is not EventKind.IGNORED
    return HookEvent(
        provider=PROVIDER.name,
        kind=told.kind,
        address=told.address,
        occurred_at=at,
        # Several recipients share a message, and several topics a recipient.
        event_id=reading.composed_id(number, told.address, told.scope),
        scope=told.scope,
        reason=told.reason,
        campaign=tags.get("campaign"),
        message_id=reading.text(mail.get("messageId")),
        metadata=told.metadata or reading.texts(tags),
        raw=envelope if body is None else body,
        origin=told.origin,
        problem="no recipient that can be read" if unread else None,
    )


def _filled(value: Any) -> bool:
    return isinstance(value, list) and bool(value)
