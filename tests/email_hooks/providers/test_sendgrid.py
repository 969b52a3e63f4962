"""SendGrid: the published vector, every row of its table, the group that is gone, and its lists."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from email_hooks import EventKind, HookRequest, Malformed, NotAuthentic, NotConfigured, receive
from email_hooks.events import Origin
from email_hooks.http import NotAllowed, Refused, json_ask
from email_hooks.providers.sendgrid import PROVIDER
from email_hooks.stand_ins.api import InMemory
from email_hooks.stand_ins.sendgrid import SendGridStandIn
from tests.email_hooks.providers.answers import Answering, all_of, posted

ANA, BEN = "ana@example.com", "ben@example.com"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)

# sendgrid-python, test/unit/test_eventwebhook.py (MIT).
KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpi"
    "glSI8eNEc6wEA3F+g=="
)
WRONG_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqTxd43gyp8IOEto2LdIfjRQrIbsd4SXZkLW6jDutdhXSJCWHw8REntlo7aNDthvj+y7Gj"
    "UuFDb/R1NGe1OPzpA=="
)
SIGNATURE = "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="
WRONG_SIGNATURE = (
    "MEUCIQCtIHJeH93Y+qpYeWrySphQgpNGNr/U+UyUlBkU6n7RAwIgJTz2C+8a8xonZGi6BpSzoQsbVRamr2nlxFDWYNH3j/0="
)
BODY = (
    b'[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address",'
    b'"sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",'
    b'"sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",'
    b'"smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]\r\n'
)
SIGNED_AT = "1600112502"


def published(body=BODY, signature=SIGNATURE, seconds=SIGNED_AT):
    headers = {
        "X-Twilio-Email-Event-Webhook-Signature": signature,
        "X-Twilio-Email-Event-Webhook-Timestamp": seconds,
    }
    return HookRequest(method="POST", url="https://example.com/hooks/main", headers=headers, body=body)


def test_the_published_vector_is_authentic_however_old_it_is():
    (event,) = receive("sendgrid", published(), {"signing_key": KEY}, NOW)
    assert (event.kind, event.address) == (EventKind.SUPPRESSED, "hello@world.com")
    assert event.event_id == "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA"
    assert event.message_id == "<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>"


@pytest.mark.parametrize(
    "spoilt",
    [
        published(BODY.rstrip(b"\r\n")),
        published(BODY.rstrip(b"\r\n") + b"\n"),
        published(json.dumps(json.loads(BODY)).encode() + b"\r\n"),
        published(BODY.replace(b"hello", b"hallo")),
        published(signature=WRONG_SIGNATURE),
        published(signature=""),
        published(signature="***"),
        published(signature="ß"),
        published(signature="AAAA"),
        published(seconds="1600112503"),
        published(seconds=""),
        published(seconds="nan"),
        published(seconds="٣"),
    ],
)
def test_what_is_not_these_very_bytes_is_refused(spoilt):
    with pytest.raises(NotAuthentic):
        PROVIDER.verify(spoilt, {"signing_key": KEY}, NOW)


def test_another_key_opens_nothing_and_while_rotating_either_does():
    with pytest.raises(NotAuthentic):
        PROVIDER.verify(published(), {"signing_key": WRONG_KEY}, NOW)
    PROVIDER.verify(published(), {"signing_key": [WRONG_KEY, KEY]}, NOW)


@pytest.mark.parametrize("key", ["x", "AAAA", "ß", KEY[:-8], "whsec_AAAA"])
def test_a_key_that_is_none_is_named(key):
    with pytest.raises(NotConfigured, match="signing_key"):
        PROVIDER.verify(published(), {"signing_key": key}, NOW)


def test_freshness_is_asked_for_only_where_it_is_wished():
    config = {"signing_key": KEY, "tolerance": 300}
    at = datetime.fromtimestamp(int(SIGNED_AT), UTC)
    PROVIDER.verify(published(), config, at + timedelta(seconds=300))
    with pytest.raises(NotAuthentic):
        PROVIDER.verify(published(), config, at + timedelta(seconds=301))


def test_a_second_secret_is_asked_for_beside_the_signature():
    config = {"signing_key": KEY, "secret": "s"}
    with pytest.raises(NotAuthentic):
        PROVIDER.verify(published(), config, NOW)


def heard(**item):
    told = {"email": ANA, "timestamp": 1767607200, "sg_event_id": "ev-1"} | item
    (event,) = PROVIDER.parse(posted([told]), {})
    return event


@pytest.mark.parametrize(
    ("item", "kind", "scope"),
    [
        ({"event": "unsubscribe"}, EventKind.UNSUBSCRIBED, "all"),
        ({"event": "group_unsubscribe", "asm_group_id": 10}, EventKind.GROUP_UNSUBSCRIBED, "group:10"),
        ({"event": "group_resubscribe", "asm_group_id": 10}, EventKind.GROUP_RESUBSCRIBED, "group:10"),
        ({"event": "spamreport"}, EventKind.COMPLAINED, "all"),
        ({"event": "spamreport", "asm_group_id": 10}, EventKind.COMPLAINED, "all"),
        ({"event": "bounce"}, EventKind.BOUNCED_HARD, "all"),
        ({"event": "bounce", "type": "bounce"}, EventKind.BOUNCED_HARD, "all"),
        ({"event": "bounce", "type": "blocked"}, EventKind.BOUNCED_SOFT, "all"),
        *(
            ({"event": "bounce", "type": "bounce", "bounce_classification": class_}, kind, "all")
            for class_, kind in (
                ("Invalid Address", EventKind.BOUNCED_HARD),
                ("mailbox unavailable", EventKind.BOUNCED_HARD),
                ("Technical", EventKind.BOUNCED_SOFT),
                ("content", EventKind.BOUNCED_SOFT),
                ("Reputation", EventKind.BOUNCED_SOFT),
                ("Frequency/Volume", EventKind.BOUNCED_SOFT),
                ("Unclassified", EventKind.BOUNCED_SOFT),
            )
        ),
        *(
            ({"event": "dropped", "reason": reason}, kind, "all")
            for reason, kind in (
                ("Unsubscribed Address", EventKind.SUPPRESSED),
                ("Bounced Address", EventKind.SUPPRESSED),
                ("Spam Reporting Address", EventKind.SUPPRESSED),
                ("Invalid", EventKind.SUPPRESSED),
                ("Invalid SMTPAPI header", EventKind.IGNORED),
                ("Spam Content", EventKind.IGNORED),
                ("Recipient List over Package Quota", EventKind.IGNORED),
                (None, EventKind.IGNORED),
            )
        ),
        *(
            ({"event": name}, EventKind.IGNORED, "all")
            for name in (
                "deferred",
                "processed",
                "delivered",
                "open",
                "click",
                "account_status_change",
                "?",
                7,
            )
        ),
    ],
)
def test_every_event_means_what_the_table_says(item, kind, scope):
    event = heard(**item)
    assert (event.kind, event.scope, event.address, event.event_id) == (kind, scope, ANA, "ev-1")
    assert event.problem is None


def test_the_documented_example_is_read_whole():
    event = heard(
        event="group_unsubscribe",
        asm_group_id=10,
        sg_message_id="m-1.filter0001",
        category=["news"],
        contact_id="42",
        **{"smtp-id": "<1@x>"},
    )
    assert event.occurred_at == datetime(2026, 1, 5, 10, tzinfo=UTC)
    assert (event.campaign, event.message_id, event.origin) == ("news", "<1@x>", Origin.PERSON)
    # Custom arguments lie flat among the provider's own fields.
    assert event.metadata == {"contact_id": "42"}
    assert heard(event="unsubscribe", category="news").campaign == "news"
    assert heard(event="unsubscribe", category=[], marketing_campaign_id=5).campaign == "5"


def test_each_event_of_a_request_stands_for_itself():
    told = [
        {"event": "unsubscribe", "email": ANA, "sg_event_id": "1"},
        7,
        {"event": "group_unsubscribe", "email": ANA, "sg_event_id": "2"},
        {"event": "unsubscribe", "sg_event_id": "3"},
        {"event": "unsubscribe", "email": BEN, "timestamp": "never", "sg_event_id": "4"},
    ]
    events = PROVIDER.parse(posted(told), {})
    assert [bool(event.problem) for event in events] == [False, True, True, True, False]
    assert len({event.event_id for event in events}) == 5
    assert events[4].occurred_at is None


def test_without_an_id_one_is_composed_that_stays_and_differs():
    told = {"event": "unsubscribe", "email": ANA, "timestamp": 1}
    ids = [heard(**told, **more, sg_event_id=None).event_id for more in ({}, {"ip": "192.0.2.1"})]
    assert ids[0] == ids[1] != heard(**told | {"timestamp": 2}, sg_event_id=None).event_id


@pytest.mark.parametrize("body", [b"{}", b"", b"null", b"[", b"\xff"])
def test_a_body_that_is_no_array_is_malformed(body):
    with pytest.raises(Malformed):
        PROVIDER.parse(published(body), {})


# -- out ----------------------------------------------------------------------------------------------------


def made():
    stand_in = SendGridStandIn(now=lambda: NOW)
    return stand_in, stand_in.config("https://api.example.com"), InMemory(stand_in)


async def test_a_stop_for_a_group_that_is_gone_never_lands_on_the_global_list():
    stand_in, config, http = made()
    stand_in.deleted.add("10")
    with pytest.raises(Refused):
        await PROVIDER.push(http, config, "group:10", [ANA], stop=True)
    assert not stand_in.held["all"] and not [ask for ask in stand_in.calls if ask.method == "POST"]
    (problem,) = await PROVIDER.problems(http, config)
    assert problem.startswith("group:10:") and "hold back everything" in problem
    # Who is in no group is held back by none.
    (done,) = await PROVIDER.push(http, config, "group:10", [ANA], stop=False)
    assert done.refused is None


def test_the_stand_in_itself_does_what_sendgrid_does_with_a_missing_group():
    stand_in, config, _ = made()
    stand_in.deleted.add("10")
    login = {"authorization": f"Bearer {config['api_key']}"}
    url = "https://api.example.com/v3/asm/groups/10/suppressions"
    reply = stand_in.handle(json_ask("POST", url, login, {"recipient_emails": [ANA]}))
    assert reply.status == 201 and ANA in stand_in.held["all"]


@pytest.mark.parametrize("scope", ["group:", "group:x", "group:1/2", "group:١", "topic:1", ""])
async def test_only_all_and_numbered_groups_are_pushed_to(scope):
    stand_in, config, http = made()
    with pytest.raises(Refused, match="group:12"):
        await PROVIDER.push(http, config, scope, [ANA], stop=True)
    assert not stand_in.calls


async def test_taking_back_asks_for_one_address_at_a_time_and_never_for_a_list():
    stand_in, config, http = made()
    done = await PROVIDER.push(http, config, "all", ["", " ", "ana", "a+b/c@example.com"], stop=False)
    assert [bool(one.refused) for one in done] == [True, True, True, False]
    (call,) = stand_in.calls
    assert call.url.endswith("/v3/asm/suppressions/global/a%2Bb%2Fc%40example.com") and not call.body


@pytest.mark.parametrize(
    "answer", [{}, {"recipient_emails": []}, {"recipient_emails": [BEN]}, {"errors": []}]
)
async def test_an_answer_without_the_address_is_not_taken_for_done(answer):
    with pytest.raises(Malformed):
        http = Answering(lambda ask: (201, answer))
        await PROVIDER.push(http, {"api_key": "k"}, "all", [ANA], stop=True)


async def test_the_address_may_come_back_in_small_letters():
    http = Answering(lambda ask: (201, {"recipient_emails": [ANA]}))
    (done,) = await PROVIDER.push(http, {"api_key": "k"}, "all", ["Ana@Example.com"], stop=True)
    assert done == ("Ana@Example.com", None)


async def test_all_is_listed_with_reports_and_bounces_and_a_group_with_its_members():
    stand_in, config, http = made()
    stand_in.unsubscribe(ANA, "all")
    stand_in.complain(BEN, "group:10")
    stand_in.hold("cid@example.com", "all", EventKind.BOUNCED_HARD)
    stand_in.unsubscribe("dea@example.com", "group:10")
    rows = await all_of(PROVIDER, http, config, "all")
    assert [(one.address, one.kind, one.at) for one in rows] == [
        (ANA, EventKind.UNSUBSCRIBED, NOW),
        (BEN, EventKind.COMPLAINED, NOW),
        ("cid@example.com", EventKind.BOUNCED_HARD, NOW),
    ]
    members = await all_of(PROVIDER, http, config, "group:10")
    assert members == [("dea@example.com", EventKind.UNSUBSCRIBED, None, None)]
    stand_in.deleted.add("10")
    with pytest.raises(Refused):
        await all_of(PROVIDER, http, config, "group:10")


async def test_pages_are_asked_for_until_one_is_empty_even_where_they_are_shorter_than_asked():
    def answer(ask):
        offset = int(ask.url.partition("offset=")[2])
        return 200, [{"email": f"{n}@example.com"} for n in range(offset, min(offset + 100, 250))]

    http = Answering(answer)
    rows = await all_of(PROVIDER, http, {"api_key": "k"}, "all")
    assert len({one.address for one in rows}) == 250 and len(rows) == 4 * 250


async def test_a_page_that_comes_again_and_again_ends_in_an_error():
    with pytest.raises(Malformed, match="twice"):
        await all_of(PROVIDER, Answering(lambda ask: (200, [{"email": ANA}])), {"api_key": "k"}, "all")


@pytest.mark.parametrize("scope", ["all", "group:10"])
async def test_an_error_that_came_with_a_200_is_no_empty_list(scope):
    with pytest.raises(Malformed):
        await all_of(PROVIDER, Answering(lambda ask: (200, {"errors": []})), {"api_key": "k"}, scope)


async def test_region_and_subuser_are_said_in_every_request():
    http = Answering(lambda ask: (200, []))
    await PROVIDER.problems(http, {"api_key": "k", "region": "eu", "account": "sub"})
    assert http.asked[0].url == "https://api.eu.sendgrid.com/v3/asm/groups"
    assert http.asked[0].headers["on-behalf-of"] == "sub"
    with pytest.raises(NotConfigured, match="region"):
        await PROVIDER.problems(http, {"api_key": "k", "region": "us"})
    with pytest.raises(NotConfigured, match="api_key"):
        await PROVIDER.problems(http, {})
    with pytest.raises(NotAllowed):
        await PROVIDER.problems(Answering(lambda ask: (403, {})), {"api_key": "k"})
