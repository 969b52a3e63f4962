"""Postmark: every row of its table, its traps, and its suppressions by stream."""

import base64
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from email_hooks import EventKind, HookRequest, Malformed, NotAuthentic, receive
from email_hooks.events import Origin
from email_hooks.http import Refused
from email_hooks.providers.postmark import PROVIDER
from email_hooks.stand_ins.api import InMemory
from email_hooks.stand_ins.postmark import PostmarkStandIn
from tests.email_hooks.providers.answers import Answering, all_of, posted

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ANA, BEN = "ana@example.com", "ben@example.com"
CONFIG = {"api_key": "token", "basic": "hooks:secret"}
CHANGE = {
    "RecordType": "SubscriptionChange",
    "MessageID": "a490-1",
    "ServerID": 23,
    "MessageStream": "broadcast",
    "ChangedAt": "2026-01-05T10:00:00Z",
    "Recipient": ANA,
    "Origin": "Recipient",
    "SuppressSending": True,
    "SuppressionReason": "ManualSuppression",
    "Tag": "news",
    "Metadata": {"uid": "42"},
}


def heard(body, **headers):
    (event,) = PROVIDER.parse(posted(body, **headers), CONFIG)
    return event


def bounce(type_, **more):
    return {"RecordType": "Bounce", "Type": type_, "ID": 7, "Email": ANA, "MessageStream": "outbound"} | more


def test_the_documented_example_is_read_whole():
    event = heard(CHANGE)
    assert event[:5] == (
        "postmark",
        EventKind.GROUP_UNSUBSCRIBED,
        ANA,
        datetime(2026, 1, 5, 10, tzinfo=UTC),
        event.event_id,
    )
    assert (event.scope, event.campaign, event.message_id) == ("stream:broadcast", "news", "a490-1")
    assert event.metadata == {"uid": "42"}
    assert (event.origin, event.problem, event.lookup) == (Origin.PERSON, None, None)


@pytest.mark.parametrize(
    ("change", "kind", "origin"),
    [
        ({}, EventKind.GROUP_UNSUBSCRIBED, Origin.PERSON),
        ({"Origin": "Customer"}, EventKind.GROUP_UNSUBSCRIBED, Origin.OPERATOR),
        ({"Origin": "Admin"}, EventKind.GROUP_UNSUBSCRIBED, Origin.OPERATOR),
        ({"Origin": "Unheard"}, EventKind.GROUP_UNSUBSCRIBED, Origin.UNKNOWN),
        ({"SuppressionReason": "HardBounce"}, EventKind.BOUNCED_HARD, Origin.PERSON),
        ({"SuppressionReason": "SpamComplaint"}, EventKind.COMPLAINED, Origin.PERSON),
        ({"SuppressionReason": "Unheard"}, EventKind.GROUP_UNSUBSCRIBED, Origin.PERSON),
        ({"SuppressSending": False}, EventKind.GROUP_RESUBSCRIBED, Origin.PERSON),
        ({"SuppressSending": False, "Origin": "Customer"}, EventKind.GROUP_RESUBSCRIBED, Origin.OPERATOR),
        # In doubt it is a stop.
        ({"SuppressSending": None}, EventKind.GROUP_UNSUBSCRIBED, Origin.PERSON),
    ],
)
def test_a_change_of_a_subscription_is_read_by_reason_and_origin(change, kind, origin):
    event = heard(CHANGE | change)
    assert (event.kind, event.origin, event.scope) == (kind, origin, "stream:broadcast")


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("HardBounce", EventKind.BOUNCED_HARD),
        ("BadEmailAddress", EventKind.BOUNCED_HARD),
        ("SoftBounce", EventKind.BOUNCED_SOFT),
        ("Transient", EventKind.BOUNCED_SOFT),
        ("DnsError", EventKind.BOUNCED_SOFT),
        ("Blocked", EventKind.BOUNCED_SOFT),
        ("DMARCPolicy", EventKind.BOUNCED_SOFT),
        ("VirusNotification", EventKind.BOUNCED_SOFT),
        ("Unknown", EventKind.BOUNCED_SOFT),
        ("SpamNotification", EventKind.COMPLAINED),
        ("Unsubscribe", EventKind.UNSUBSCRIBED),
        ("Subscribe", EventKind.GROUP_RESUBSCRIBED),
        ("ManuallyDeactivated", EventKind.SUPPRESSED),
        *(
            (name, EventKind.IGNORED)
            for name in "AutoResponder AddressChange ChallengeVerification OpenRelayTest SMTPApiError"
            " InboundError TemplateRenderingFailed Unconfirmed Unheard".split()
        ),
    ],
)
def test_a_bounce_is_read_by_the_text_of_its_type_whatever_its_number(type_, kind):
    event = heard(bounce(type_, TypeCode=1))
    assert (event.kind, event.scope, event.reason) == (kind, "stream:outbound", type_)


@pytest.mark.parametrize("record", ["Delivery", "Open", "Click", "Unheard", None, 7])
def test_other_records_are_ignored(record):
    assert heard({"RecordType": record, "Recipient": ANA}).kind is EventKind.IGNORED


def test_a_complaint_is_one():
    body = {"RecordType": "SpamComplaint", "ID": 9, "Email": ANA, "BouncedAt": "2026-01-05T10:00:00Z"}
    event = heard(body)
    assert (event.kind, event.address, event.origin) == (EventKind.COMPLAINED, ANA, Origin.PERSON)
    assert event.event_id == "SpamComplaint:9"


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("2026-01-05T10:00:00.1234567-05:00", datetime(2026, 1, 5, 15, 0, 0, 123456, UTC)),
        ("2026-01-05T10:00:00.1234567Z", datetime(2026, 1, 5, 10, 0, 0, 123456, UTC)),
        ("2026-01-05T10:00:00", datetime(2026, 1, 5, 10, tzinfo=UTC)),
        ("yesterday", None),
        (None, None),
        (17, None),
    ],
)
def test_a_time_is_read_leniently_and_a_bad_one_loses_no_opt_out(said, at):
    event = heard(CHANGE | {"ChangedAt": said})
    assert (event.kind, event.occurred_at, event.problem) == (EventKind.GROUP_UNSUBSCRIBED, at, None)


def test_the_trace_id_is_the_events_own_and_without_it_the_number_or_what_is_told():
    assert heard(CHANGE, x_pm_webhook_trace_id="trace-1").event_id == "trace-1"
    assert heard(bounce("HardBounce")).event_id == "Bounce:7"
    first = heard(CHANGE).event_id
    assert heard(CHANGE | {"Tag": "other"}).event_id == first
    for other in ({"MessageID": "a490-2"}, {"Recipient": BEN}, {"ChangedAt": "2026-01-05T10:00:01Z"}):
        assert heard(CHANGE | other).event_id != first


async def test_an_opt_out_by_mail_without_its_address_is_looked_up_by_its_number():
    event = heard(bounce("Unsubscribe", Email=None, ID=1234))
    assert (event.kind, event.address, event.lookup, event.problem) == (
        EventKind.UNSUBSCRIBED,
        None,
        "1234",
        None,
    )
    stand_in = PostmarkStandIn()
    stand_in.bounces[1234] = ANA
    config, http = stand_in.config("https://api.example.com"), InMemory(stand_in)
    found = await PROVIDER.look_up(http, config, event)
    assert (found.address, found.lookup, found.kind) == (ANA, None, EventKind.UNSUBSCRIBED)
    assert await PROVIDER.look_up(http, config, found) == found
    with pytest.raises(Refused):
        await PROVIDER.look_up(http, config, event._replace(lookup="99"))
    with pytest.raises(Malformed):
        await PROVIDER.look_up(Answering(lambda ask: (200, {"ID": 1234})), config, event)


def test_without_address_and_number_it_is_a_problem_unless_it_is_ignored():
    assert heard(bounce("Unsubscribe", Email=None, ID=None)).problem
    assert heard({"RecordType": "Open"}).problem is None


@pytest.mark.parametrize("login", ["hooks:wrong", "hooks:", ":secret", ""])
def test_a_wrong_login_is_refused_and_a_header_of_ones_own_works_as_well(login):
    headers = {"authorization": "Basic " + base64.b64encode(login.encode()).decode()}
    request = HookRequest(method="POST", url="https://example.com/h", headers=headers, body=b"{}")
    with pytest.raises(NotAuthentic):
        PROVIDER.verify(request, CONFIG, NOW)
    config = {"secret": ["old", "new"], "header": "X-Hook-Secret"}
    PROVIDER.verify(replace(request, headers={"x-hook-secret": "new"}), config, NOW)
    with pytest.raises(NotAuthentic):
        PROVIDER.verify(replace(request, headers={"x-hook-secret": "newer"}), config, NOW)


@pytest.mark.parametrize("body", [b"[]", b"", b"null", b'"x"', b"{", b"\xff"])
def test_a_body_that_is_no_object_is_malformed(body):
    with pytest.raises(Malformed):
        PROVIDER.parse(replace(posted({}), body=body), CONFIG)


# -- out ----------------------------------------------------------------------------------------------------


def made():
    stand_in = PostmarkStandIn(now=lambda: NOW)
    return stand_in, stand_in.config("https://api.example.com"), InMemory(stand_in)


async def test_a_refusal_within_a_200_is_found_for_its_address_alone():
    stand_in, config, http = made()
    stand_in.complain(ANA, "stream:broadcast")
    done = await PROVIDER.push(http, config, "stream:broadcast", [ANA, BEN], stop=False)
    assert [(one.address, one.refused is None) for one in done] == [(ANA, False), (BEN, True)]
    assert ANA in stand_in.held["stream:broadcast"]
    done = await PROVIDER.push(http, config, "stream:broadcast", ["no address", BEN], stop=True)
    assert [one.refused is None for one in done] == [False, True]
    assert "no address" not in str(done[0].refused)


async def test_a_complaint_stays_one_when_a_stop_is_pushed_onto_it():
    stand_in, config, http = made()
    stand_in.complain(ANA, "stream:broadcast")
    await PROVIDER.push(http, config, "stream:broadcast", [ANA], stop=True)
    (done,) = await PROVIDER.push(http, config, "stream:broadcast", [ANA], stop=False)
    assert done.refused


async def test_what_a_recipient_did_on_a_broadcast_stream_stays():
    stand_in, config, http = made()
    for scope in stand_in.scopes:
        stand_in.unsubscribe(ANA, scope)
        (done,) = await PROVIDER.push(http, config, scope, [ANA], stop=False)
        assert bool(done.refused) is (scope == "stream:broadcast")


@pytest.mark.parametrize("items", [[], [{"EmailAddress": ANA, "Status": "Deleted"}], [{"EmailAddress": BEN}]])
async def test_an_answer_without_the_address_or_with_the_other_status_is_not_taken_for_done(items):
    with pytest.raises(Malformed):
        http = Answering(lambda ask: (200, {"Suppressions": items}))
        await PROVIDER.push(http, CONFIG, "stream:broadcast", [ANA], stop=True)


@pytest.mark.parametrize("scope", ["all", "stream:", "group:1", ""])
async def test_only_streams_are_pushed_to(scope):
    with pytest.raises(Refused, match="stream:broadcast"):
        await PROVIDER.push(made()[2], CONFIG, scope, [ANA], stop=True)


async def test_a_streams_list_says_why_and_since_when():
    stand_in, config, http = made()
    at = datetime(2026, 1, 5, tzinfo=UTC)
    for number, kind in enumerate((EventKind.UNSUBSCRIBED, EventKind.COMPLAINED, EventKind.BOUNCED_HARD)):
        stand_in.hold(f"{number}@example.com", "stream:outbound", kind, at)
    rows = await all_of(PROVIDER, http, config, "stream:outbound")
    assert [(one.kind, one.at, one.reason) for one in rows] == [
        (EventKind.UNSUBSCRIBED, at, "Recipient"),
        (EventKind.COMPLAINED, at, "Recipient"),
        (EventKind.BOUNCED_HARD, at, "Recipient"),
    ]
    assert await all_of(PROVIDER, http, config, "stream:broadcast") == []
    with pytest.raises(Refused):
        await all_of(PROVIDER, http, config, "stream:missing")


async def test_a_dump_is_read_in_pieces_and_rows_of_no_sense_are_passed_over():
    rows = [{"EmailAddress": ANA}, {}, 7, {"EmailAddress": None}, {"EmailAddress": BEN, "CreatedAt": "?"}]
    http = Answering(lambda ask: (200, {"Suppressions": rows}))
    found = await all_of(PROVIDER, http, CONFIG, "stream:broadcast")
    assert [one.address for one in found] == [ANA, BEN]


@pytest.mark.parametrize("body", [{"ErrorCode": 10}, [], {"Suppressions": None}, {"Suppressions": {}}])
async def test_an_error_that_came_with_a_200_is_no_empty_list(body):
    with pytest.raises(Malformed):
        await all_of(PROVIDER, Answering(lambda ask: (200, body)), CONFIG, "stream:broadcast")


def test_the_secret_in_the_request_of_the_stand_in_is_what_lets_it_in():
    stand_in, config, _ = made()
    stand_in.unsubscribe(ANA, "stream:broadcast")
    (event,) = receive("postmark", stand_in.hooks[0], config, NOW)
    assert event.address == ANA
