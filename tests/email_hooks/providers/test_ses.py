"""Amazon SES: every row of its table, several recipients and topics."""

from datetime import UTC, datetime

import pytest

from email_hooks import EventKind, Malformed
from email_hooks.events import Origin
from email_hooks.providers.ses import PROVIDER
from email_hooks.stand_ins.ses import SesStandIn

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
AT = datetime(2026, 1, 5, 10, tzinfo=UTC)
STAMP = "2026-01-05T10:00:00.000Z"
ANA, BEN = "ana@example.com", "ben@example.com"
MAIL = {"messageId": "0100-m1", "destination": [ANA], "tags": {"campaign": ["jan"], "ses:caller": ["x"]}}
SOFT, HARD, HELD = EventKind.BOUNCED_SOFT, EventKind.BOUNCED_HARD, EventKind.SUPPRESSED


def heard(message, family="eventType"):
    stand_in = SesStandIn(now=lambda: NOW)
    if isinstance(message, dict) and "eventType" in message:
        message = {family if name == "eventType" else name: value for name, value in message.items()}
    return PROVIDER.parse(stand_in.publish("mid-1", message), stand_in.config("https://api.example.com"))


def bounce(type_, sub_type, *recipients):
    rows = [{"emailAddress": one, "status": "5.1.1", "diagnosticCode": "no"} for one in recipients or [ANA]]
    detail = {"bounceType": type_, "bounceSubType": sub_type, "bouncedRecipients": rows, "timestamp": STAMP}
    return {"eventType": "Bounce", "bounce": detail, "mail": MAIL}


def complaint(feedback="abuse", sub_type=None, recipients=(ANA,)):
    detail = {
        "complainedRecipients": [{"emailAddress": one} for one in recipients],
        "timestamp": STAMP,
        "feedbackId": "0100-f1",
        "complaintSubType": sub_type,
        "complaintFeedbackType": feedback,
    }
    return {"eventType": "Complaint", "complaint": detail, "mail": MAIL}


def subscription(old, new, destination=(ANA,)):
    def preferences(all_, topics):
        rows = [{"topicName": name, "subscriptionStatus": state} for name, state in topics.items()]
        return {"unsubscribeAll": all_, "topicSubscriptionStatus": rows}

    detail = {
        "contactList": "main",
        "timestamp": STAMP,
        "source": "UnsubscribeHeader",
        "oldTopicPreferences": preferences(*old),
        "newTopicPreferences": preferences(*new),
    }
    return {
        "eventType": "Subscription",
        "subscription": detail,
        "mail": MAIL | {"destination": list(destination)},
    }


@pytest.mark.parametrize("family", ["eventType", "notificationType"])
def test_the_minimal_example_is_read_whole_in_both_families(family):
    (event,) = heard(complaint(), family)
    assert event[:4] == ("ses", EventKind.COMPLAINED, ANA, AT)
    assert (event.scope, event.reason, event.campaign) == ("all", "abuse", "jan")
    assert (event.message_id, event.metadata["campaign"]) == ("0100-m1", "jan")
    assert (event.origin, event.problem, event.lookup) == (Origin.PERSON, None, None)


@pytest.mark.parametrize(
    ("type_", "sub_type", "kind"),
    [
        ("Permanent", "General", HARD),
        ("Permanent", "NoEmail", HARD),
        ("Permanent", "Suppressed", HELD),
        ("Permanent", "OnAccountSuppressionList", HELD),
        ("Permanent", "OnTenantSuppressionList", HELD),
        ("Permanent", "UnsubscribedRecipient", HELD),
        ("Transient", "General", SOFT),
        ("Transient", "MailboxFull", SOFT),
        ("Transient", "MessageTooLarge", SOFT),
        ("Transient", "ContentRejected", SOFT),
        ("Transient", "AttachmentRejected", SOFT),
        ("Undetermined", "Undetermined", SOFT),
        ("Unheard", None, SOFT),
    ],
)
def test_a_bounce_is_hard_soft_or_of_a_list(type_, sub_type, kind):
    (event,) = heard(bounce(type_, sub_type))
    assert (event.kind, event.address, event.occurred_at) == (kind, ANA, AT)
    assert event.reason.startswith(type_)


@pytest.mark.parametrize(
    ("feedback", "sub_type", "kind"),
    [
        ("abuse", None, EventKind.COMPLAINED),
        (None, None, EventKind.COMPLAINED),
        ("fraud", None, EventKind.COMPLAINED),
        (None, "OnAccountSuppressionList", HELD),
        ("not-spam", None, EventKind.IGNORED),
    ],
)
def test_a_complaint_is_one_unless_it_says_the_opposite_or_was_never_sent(feedback, sub_type, kind):
    (event,) = heard(complaint(feedback, sub_type))
    assert event.kind is kind


ALL_ON = (False, {"news": "OptIn", "offers": "OptIn"})


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ((False, {}), (True, {}), {("unsubscribed", "all")}),
        (
            ALL_ON,
            (True, {"news": "OptOut", "offers": "OptIn"}),
            {("unsubscribed", "all"), ("group_unsubscribed", "topic:news")},
        ),
        (
            ALL_ON,
            (False, {"news": "OptOut", "offers": "OptOut"}),
            {("group_unsubscribed", "topic:news"), ("group_unsubscribed", "topic:offers")},
        ),
        ((False, {"news": "OptOut"}), (False, {"news": "OptIn"}), {("group_resubscribed", "topic:news")}),
        ((False, {}), (False, {"news": "OptOut"}), {("group_unsubscribed", "topic:news")}),
        ((True, {}), (False, {}), {("preferences_changed", "all")}),
        (
            (True, {"news": "OptIn"}),
            (False, {"news": "OptOut"}),
            {("preferences_changed", "all"), ("group_unsubscribed", "topic:news")},
        ),
        (ALL_ON, ALL_ON, {("ignored", None)}),
    ],
)
def test_each_topic_that_flipped_is_an_event_of_its_own(old, new, expected):
    events = heard(subscription(old, new))
    assert {(event.kind.value, event.scope) for event in events} == expected
    assert len({event.event_id for event in events}) == len(events) == len(expected)
    assert {(event.address, event.occurred_at, event.reason) for event in events if event.scope} <= {
        (ANA, AT, "UnsubscribeHeader")
    }


def test_whoever_leaves_unsubscribed_from_all_says_what_each_topic_is():
    (event, _) = heard(subscription((True, {"news": "OptIn"}), (False, {"news": "OptOut", "x": "OptOut"})))[
        :2
    ]
    assert event.metadata == {"topic:news": "false", "topic:x": "false"}


@pytest.mark.parametrize(
    "name",
    [
        "Send",
        "Delivery",
        "Open",
        "Click",
        "Reject",
        "Rendering Failure",
        "Received",
        "DeliveryDelay",
        "Unheard",
    ],
)
def test_other_events_are_ignored(name):
    (event,) = heard({"eventType": name, "mail": MAIL})
    assert (event.kind, event.reason, event.problem) == (EventKind.IGNORED, name, None)


def test_several_recipients_are_several_events_with_ids_of_their_own():
    bounced = heard(bounce("Permanent", "General", ANA, BEN))
    assert [event.address for event in bounced] == [ANA, BEN]
    assert len({event.event_id for event in bounced}) == 2
    # Everybody of the message at that domain is named: nobody of them is sure to have complained.
    complained = heard(complaint(recipients=(ANA, BEN)))
    assert [(event.address, event.origin) for event in complained] == [
        (ANA, Origin.UNKNOWN),
        (BEN, Origin.UNKNOWN),
    ]


def test_a_recipient_that_cannot_be_read_takes_no_other_along():
    message = bounce("Permanent", "General", ANA)
    message["bounce"]["bouncedRecipients"].extend([None, {"emailAddress": 7.5}])
    events = heard(message)
    assert [(event.address, event.problem is None) for event in events] == [
        (ANA, True),
        (None, False),
        (None, False),
    ]
    (lost,) = heard(subscription((False, {}), (True, {}), destination=()))
    assert lost.kind is EventKind.UNSUBSCRIBED and lost.problem


def test_a_time_that_cannot_be_read_loses_no_complaint():
    message = complaint()
    message["complaint"]["timestamp"] = "yesterday"
    (event,) = heard(message)
    assert (event.kind, event.address, event.occurred_at) == (EventKind.COMPLAINED, ANA, None)


def test_the_text_that_validates_a_topic_is_ignored_and_other_text_is_malformed():
    (event,) = heard("Successfully validated SNS topic for Amazon SES event publishing.")
    assert (event.kind, event.problem) == (EventKind.IGNORED, None)
    for text in ("hello", "[]", ""):
        with pytest.raises(Malformed):
            heard(text)
