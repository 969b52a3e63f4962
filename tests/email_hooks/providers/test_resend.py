"""Resend: the published vector, every row of its table, many recipients, topics, and contacts to be made."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from email_hooks import EventKind, HookRequest, Malformed, NotAuthentic, NotConfigured
from email_hooks.events import Origin
from email_hooks.http import NotAllowed, Refused
from email_hooks.providers.resend import PROVIDER
from email_hooks.stand_ins.api import InMemory
from email_hooks.stand_ins.resend import ResendStandIn
from tests.email_hooks.providers.answers import Answering, all_of, posted

ANA, BEN = "ana@example.com", "ben@example.com"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
CONFIG = {"api_key": "re_k"}
# The scheme's published vector: Resend signs by it, under the older header names.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SIGNED_AT = datetime.fromtimestamp(1614265330, UTC)
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def published(body=BODY, signature=SIGNATURE):
    headers = {
        "Svix-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "Svix-Timestamp": "1614265330",
        "Svix-Signature": signature,
    }
    return HookRequest(method="POST", url="https://example.com/hooks/main", headers=headers, body=body)


def test_the_published_vector_is_authentic_for_five_minutes():
    for away in (-300, 0, 300):
        PROVIDER.verify(published(), {"signing_key": SECRET}, SIGNED_AT + timedelta(seconds=away))
    PROVIDER.verify(published(), {"signing_key": SECRET, "tolerance": 1e10}, NOW)
    PROVIDER.verify(published(), {"signing_key": SECRET, "tolerance": None}, NOW)
    for away in (-301, 301):
        with pytest.raises(NotAuthentic):
            PROVIDER.verify(published(), {"signing_key": SECRET}, SIGNED_AT + timedelta(seconds=away))


@pytest.mark.parametrize(
    "spoilt",
    [
        published(BODY + b"\n"),
        published(b'{"test":2432232314}'),
        published(signature=SIGNATURE.replace("1OE=", "1OA=")),
        # Any version but the known is passed over, unlike in their own library.
        published(signature=SIGNATURE.replace("v1,", "v2,")),
        published(signature="ß"),
        replace(published(), headers=[*published().pairs(), ("svix-signature", SIGNATURE)]),
        replace(published(), headers={}),
    ],
)
def test_what_was_changed_is_refused(spoilt):
    with pytest.raises(NotAuthentic):
        PROVIDER.verify(spoilt, {"signing_key": SECRET}, SIGNED_AT)


def test_while_rotating_either_secret_opens_and_a_second_one_may_be_asked_for():
    PROVIDER.verify(published(), {"signing_key": ["whsec_AAAA", SECRET]}, SIGNED_AT)
    with pytest.raises(NotAuthentic):
        PROVIDER.verify(published(), {"signing_key": SECRET, "secret": "s"}, SIGNED_AT)


def events_of(type_, **data):
    body = {"type": type_, "created_at": "2026-01-05T10:00:00.000Z", "data": data}
    return PROVIDER.parse(posted(body, svix_id="msg_1", svix_timestamp="1", svix_signature="v1,x"), {})


def bounced(**bounce):
    return {"to": [ANA], "bounce": bounce}


@pytest.mark.parametrize(
    ("type_", "data", "kind", "origin"),
    [
        ("contact.updated", {"email": ANA, "unsubscribed": True}, EventKind.UNSUBSCRIBED, Origin.UNKNOWN),
        ("contact.updated", {"email": ANA, "unsubscribed": False}, EventKind.RESUBSCRIBED, Origin.UNKNOWN),
        ("contact.deleted", {"email": ANA}, EventKind.CONTACT_DELETED, Origin.UNKNOWN),
        ("email.complained", {"to": [ANA]}, EventKind.COMPLAINED, Origin.PERSON),
        ("email.suppressed", {"to": [ANA]}, EventKind.SUPPRESSED, Origin.UNKNOWN),
        ("suppression.added", {"email": ANA, "origin": "bounce"}, EventKind.BOUNCED_HARD, Origin.UNKNOWN),
        ("suppression.added", {"email": ANA, "origin": "complaint"}, EventKind.COMPLAINED, Origin.PERSON),
        ("suppression.added", {"email": ANA, "origin": "manual"}, EventKind.UNSUBSCRIBED, Origin.OPERATOR),
        ("suppression.added", {"email": ANA, "origin": "?"}, EventKind.UNSUBSCRIBED, Origin.OPERATOR),
        ("suppression.removed", {"email": ANA}, EventKind.RESUBSCRIBED, Origin.OPERATOR),
        *(
            ("email.bounced", bounced(**bounce), kind, Origin.UNKNOWN)
            for bounce, kind in (
                ({"type": "Permanent", "subType": "General"}, EventKind.BOUNCED_HARD),
                ({"type": "permanent"}, EventKind.BOUNCED_HARD),
                ({"type": "Permanent", "subType": "Suppressed"}, EventKind.SUPPRESSED),
                ({"type": "Permanent", "message": "We have Suppressed sending to it."}, EventKind.SUPPRESSED),
                ({"type": "Temporary"}, EventKind.BOUNCED_SOFT),
                ({"type": "Transient"}, EventKind.BOUNCED_SOFT),
                ({"type": "Undetermined"}, EventKind.BOUNCED_SOFT),
                ({}, EventKind.BOUNCED_SOFT),
            )
        ),
    ],
)
def test_every_event_means_what_the_table_says(type_, data, kind, origin):
    (event,) = events_of(type_, **data)
    assert (event.kind, event.origin, event.address, event.scope) == (kind, origin, ANA, "all")
    assert (event.event_id, event.problem) == ("msg_1", None)
    assert event.occurred_at == datetime(2026, 1, 5, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "type_",
    [
        *(
            f"email.{name}"
            for name in "sent scheduled delivered delivery_delayed opened clicked failed".split()
        ),
        *(
            "email.received",
            "contact.created",
            "domain.updated",
            "topic.created",
            "inbox.x",
            "unheard",
            None,
            7,
        ),
    ],
)
def test_other_events_are_ignored(type_):
    (event,) = events_of(type_, to=[ANA], email=ANA)
    assert (event.kind, event.problem) == (EventKind.IGNORED, None)


def test_a_change_of_a_name_is_ignored():
    assert events_of("contact.updated", email=ANA, first_name="Ana")[0].kind is EventKind.IGNORED


def test_each_topic_of_a_change_is_an_event_of_its_own():
    topics = [{"id": "t-1", "subscription": "opt_out"}, {"id": "t-2", "subscription": "opt_in"}, {}, 7]
    events = events_of("contact.topics.updated", email=ANA, topics=topics)
    assert [(one.kind, one.scope) for one in events[:2]] == [
        (EventKind.GROUP_UNSUBSCRIBED, "topic:t-1"),
        (EventKind.GROUP_RESUBSCRIBED, "topic:t-2"),
    ]
    assert [bool(one.problem) for one in events] == [False, False, True, True]
    assert len({one.event_id for one in events}) == 4
    assert events_of("contact.topics.updated", topics=topics)[0].problem
    assert events_of("contact.topics.updated", email=ANA)[0].problem
    assert events_of("contact.topics.updated", email=ANA, topics=[]) == []


def test_a_mail_to_several_is_about_each_of_them_once():
    events = events_of("email.complained", to=[ANA, "Ben <ben@example.com>", ANA, None, ""])
    assert [one.address for one in events] == [ANA, BEN]
    assert [one.event_id for one in events] == ["msg_1:0", "msg_1:1"]
    assert {one.kind for one in events} == {EventKind.COMPLAINED}
    (event,) = events_of("email.complained", to=ANA)
    assert event.address == ANA


def test_without_an_address_it_is_a_problem():
    for type_ in ("email.complained", "contact.updated", "contact.deleted"):
        (event,) = events_of(type_, unsubscribed=True)
        assert event.problem == "no address"


def test_what_is_said_beside_it_is_kept_and_a_bad_time_loses_nothing():
    body = {
        "type": "email.complained",
        "created_at": "soon",
        "data": {
            "to": [ANA],
            "email_id": "e-1",
            "message_id": "<m@example.com>",
            "broadcast_id": "b-1",
            "tags": {"uid": "42"},
            "created_at": "2026-01-05T10:00:00Z",
        },
    }
    (event,) = PROVIDER.parse(posted(body, svix_id="msg_1", svix_timestamp="1", svix_signature="v1,x"), {})
    assert (event.occurred_at, event.kind) == (None, EventKind.COMPLAINED)
    assert (event.message_id, event.campaign, event.metadata) == ("<m@example.com>", "b-1", {"uid": "42"})


# -- out ----------------------------------------------------------------------------------------------------


def made():
    stand_in = ResendStandIn(now=lambda: NOW)
    return stand_in, stand_in.config("https://api.example.com"), InMemory(stand_in)


@pytest.mark.parametrize("scope", ["all", "topic:t-1"])
async def test_a_stop_makes_the_contact_that_is_missing_and_a_return_makes_none(scope):
    stand_in, config, http = made()
    await PROVIDER.push(http, config, scope, [ANA], stop=False)
    assert not stand_in.contacts
    await PROVIDER.push(http, config, scope, [ANA], stop=True)
    assert ANA in stand_in.held[scope]
    assert [scope for scope in stand_in.scopes if stand_in.held[scope]] == [scope]
    created = json.loads(next(ask for ask in stand_in.calls if ask.method == "POST").body)
    assert created == {"email": ANA, "unsubscribed": scope == "all"}


async def test_topics_are_sent_as_a_bare_array():
    http = Answering(lambda ask: (200, {"id": "c-1"}))
    await PROVIDER.push(http, CONFIG, "topic:t-1", ["a+b/c@example.com"], stop=True)
    (ask,) = http.asked
    assert json.loads(ask.body) == [{"id": "t-1", "subscription": "opt_out"}]
    assert (ask.method, ask.url) == (
        "PATCH",
        "https://api.resend.com/contacts/a%2Bb%2Fc%40example.com/topics",
    )


async def test_a_topic_that_is_gone_is_refused():
    _, config, http = made()
    with pytest.raises(Refused) as error:
        await PROVIDER.push(http, config, "topic:t-9", [ANA], stop=True)
    assert error.value.status == 404


async def test_a_contact_that_came_into_being_in_between_is_stopped_all_the_same():
    answers = iter([(404, {}), (409, {}), (200, {"id": "c-1"})])
    http = Answering(lambda ask: next(answers))
    (done,) = await PROVIDER.push(http, CONFIG, "all", [ANA], stop=True)
    assert done.refused is None
    assert [ask.method for ask in http.asked] == ["PATCH", "POST", "PATCH"]


@pytest.mark.parametrize("scope", ["topic:", "group:1", ""])
async def test_only_all_and_topics_are_pushed_to(scope):
    stand_in, config, http = made()
    with pytest.raises(Refused, match="topic:ID"):
        await PROVIDER.push(http, config, scope, [ANA], stop=True)
    (done,) = await PROVIDER.push(http, config, "all", [""], stop=True)
    assert done.refused and not stand_in.calls


async def test_an_error_within_a_200_is_not_taken_for_done():
    with pytest.raises(Malformed):
        await PROVIDER.push(Answering(lambda ask: (200, {"error": "x"})), CONFIG, "all", [ANA], stop=True)


async def test_the_list_holds_contacts_who_left_and_the_suppression_list():
    stand_in, config, http = made()
    stand_in.unsubscribe(ANA, "all")
    stand_in.unsubscribe("cid@example.com", "topic:t-1")
    stand_in.complain(BEN, "topic:t-1")
    stand_in.hold("dea@example.com", "all", EventKind.BOUNCED_HARD)
    rows = await all_of(PROVIDER, http, config, "all")
    assert [(one.address, one.kind, one.at, one.reason) for one in rows] == [
        (ANA, EventKind.UNSUBSCRIBED, None, None),
        (BEN, EventKind.COMPLAINED, NOW, "complaint"),
        ("dea@example.com", EventKind.BOUNCED_HARD, NOW, "bounce"),
    ]
    with pytest.raises(Refused):
        await all_of(PROVIDER, http, config, "topic:t-1")


async def test_an_account_without_a_suppression_list_is_listed_by_its_contacts():
    def answer(ask):
        if "/suppressions" in ask.url:
            return 404, {"name": "not_found"}
        return 200, {"data": [{"id": "1", "email": ANA, "unsubscribed": True}], "has_more": False}

    assert [one.address for one in await all_of(PROVIDER, Answering(answer), CONFIG, "all")] == [ANA]
    with pytest.raises(Refused):
        await all_of(PROVIDER, Answering(lambda ask: (404, {})), CONFIG, "all")


@pytest.mark.parametrize(
    "body",
    [
        {"error": "x"},
        {"data": None},
        {"data": [], "has_more": True},
        {"data": [{"email": ANA}], "has_more": True},
        {"data": [{"id": "1", "email": ANA}], "has_more": True},
    ],
)
async def test_a_list_that_leads_nowhere_ends_in_an_error(body):
    with pytest.raises(Malformed):
        await all_of(PROVIDER, Answering(lambda ask: (200, body)), CONFIG, "all")


async def test_the_start_check_reads_every_page_of_topics():
    def answer(ask):
        first = "after=" not in ask.url
        return 200, {"data": [{"id": "t-1" if first else "t-2"}], "has_more": first}

    config = CONFIG | {"scopes": ("topic:t-2", "topic:t-3", "all")}
    (problem,) = await PROVIDER.problems(Answering(answer), config)
    assert problem.startswith("topic:t-3:")
    with pytest.raises(NotConfigured, match="api_key"):
        await PROVIDER.problems(Answering(answer), {})
    with pytest.raises(NotAllowed):
        await PROVIDER.problems(Answering(lambda ask: (401, {})), CONFIG)


async def test_a_change_by_api_is_told_like_any_other():
    stand_in, config, http = made()
    await PROVIDER.push(http, config, "topic:t-1", [ANA], stop=True)
    (request,) = stand_in.hooks
    PROVIDER.verify(request, config, NOW)
    (event,) = PROVIDER.parse(request, config)
    assert (event.kind, event.scope, event.origin) == (
        EventKind.GROUP_UNSUBSCRIBED,
        "topic:t-1",
        Origin.UNKNOWN,
    )
