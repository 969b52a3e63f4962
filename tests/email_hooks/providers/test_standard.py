"""A tool of one's own: its mapping, its keys, what is posted to it and how its list is read."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from email_hooks import EventKind, HookRequest, Malformed, NotAuthentic, NotConfigured, receive
from email_hooks.events import Origin
from email_hooks.http import NotAllowed, Refused, TryAgain
from email_hooks.provider import capabilities_of
from email_hooks.providers.standard import PROVIDER, Standard
from email_hooks.signatures import sign_standard, verify_standard
from email_hooks.stand_ins.api import InMemory
from email_hooks.stand_ins.standard import StandardStandIn
from tests.email_hooks.providers.answers import Answering, all_of

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
AT = datetime(2026, 1, 5, 10, tzinfo=UTC)
ANA, BEN = "ana@example.com", "ben@example.com"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PRIVATE_KEY = "whsk_" + base64.b64encode(bytes(range(32))).decode()
PUBLIC_KEY = "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
CONFIG = {"signing_key": SECRET, "events": {"contact.unsubscribed": "unsubscribed"}}
OUT = {"push_url": "https://tool.example.com/preferences", "api_secret": SECRET}
EXAMPLE = {
    "type": "contact.unsubscribed",
    "timestamp": "2026-01-05T10:00:00Z",
    "data": {"email": ANA, "list": "news"},
}


def signed(body, secret=SECRET, number="msg_1", **more):
    encoded = json.dumps(body).encode()
    headers = sign_standard(secret, number, NOW, encoded) | more
    return HookRequest(method="POST", url="https://example.com/hooks/crm", headers=headers, body=encoded)


def heard(body, **config):
    return receive("standard", signed(body), CONFIG | config, NOW)


def test_the_documented_example_is_read_whole():
    (event,) = heard(EXAMPLE)
    assert event[:6] == ("standard", EventKind.UNSUBSCRIBED, ANA, AT, "msg_1", "group:news")
    assert (event.origin, event.problem, event.lookup) == (Origin.UNKNOWN, None, None)


def test_every_path_can_be_another():
    body = {
        "meta": {"what": "optout", "when": 1767607200},
        "person": {"mail": ANA, "next": BEN},
        "why": {"list": {"id": 12}, "text": "too many", "by": "person"},
        "sent": {"in": "jan", "as": "m-1", "with": {"uid": 42, "deep": {}}},
    }
    (event,) = heard(
        body,
        events={"optout": "group_unsubscribed"},
        type="meta.what",
        time="meta.when",
        address="person.mail",
        new_address="person.next",
        scope="why.list.id",
        reason="why.text",
        origin="why.by",
        campaign="sent.in",
        message_id="sent.as",
        metadata="sent.with",
    )
    assert event[1:12] == (
        EventKind.GROUP_UNSUBSCRIBED,
        ANA,
        AT,
        "msg_1",
        "group:12",
        "too many",
        "jan",
        "m-1",
        {"uid": "42"},
        body,
        Origin.PERSON,
    )
    assert event.new_address == BEN


KINDS = sorted(set(EventKind) - {EventKind.PREFERENCES_CHANGED})


@pytest.mark.parametrize("kind", KINDS)
def test_a_type_can_be_mapped_to_every_kind_that_one_event_can_be(kind):
    (event,) = heard(EXAMPLE, events={"contact.unsubscribed": kind.value})
    assert event.kind is kind


@pytest.mark.parametrize(
    ("value", "kind", "scope"),
    [
        ("news", "unsubscribed", "group:news"),
        ("group:news", "unsubscribed", "group:news"),
        (7, "group_unsubscribed", "group:7"),
        ("all", "group_unsubscribed", "all"),
        (None, "unsubscribed", "all"),
        (None, "complained", "all"),
        (None, "group_unsubscribed", None),
        (None, "bounced_hard", None),
    ],
)
def test_the_scope_is_a_group_all_or_not_said(value, kind, scope):
    body = EXAMPLE | {"data": {"email": ANA, "list": value}}
    assert heard(body, events={"contact.unsubscribed": kind})[0].scope == scope


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-01-05T11:00:00+01:00", AT),
        (1767607200, AT),
        ("1767607200", AT),
        (1767607200000, AT),
        ("1767607200000", AT),
        ("yesterday", None),
        ("", None),
        (None, None),
        ([], None),
        (10**30, None),
        (-1, None),
        ("٣", None),
    ],
)
def test_a_time_in_any_of_three_forms_is_read_and_another_loses_nothing(value, expected):
    (event,) = heard(EXAMPLE | {"timestamp": value})
    assert (event.kind, event.occurred_at) == (EventKind.UNSUBSCRIBED, expected)


@pytest.mark.parametrize(
    ("data", "address"),
    [
        ({"emails": [ANA, BEN]}, "data.emails"),
        ({"people": [{"email": ANA}, {"email": BEN}]}, "data.people.email"),
    ],
)
def test_several_recipients_are_several_events_with_ids_of_their_own(data, address):
    events = heard(EXAMPLE | {"data": data}, address=address)
    assert [(event.address, event.event_id) for event in events] == [(ANA, "msg_1:0"), (BEN, "msg_1:1")]


def test_an_event_without_a_readable_address_says_where_it_was_looked_for():
    nowhere: list[Any] = [{}, {"email": None}, {"email": {}}, [], None, "x"]
    for data in nowhere:
        (event,) = heard(EXAMPLE | {"data": data})
        assert event.kind is EventKind.UNSUBSCRIBED and event.address is None
        assert event.problem and "data.email" in event.problem
    (good, bad) = heard(EXAMPLE | {"data": {"email": [ANA, {}]}})
    assert (good.address, good.problem, bad.address) == (ANA, None, None) and bad.problem


def test_a_type_that_is_not_mapped_is_ignored():
    unmapped: list[Any] = ["contact.opened", None, 7, [], {"a": 1}]
    for type_ in unmapped:
        (event,) = heard(EXAMPLE | {"type": type_})
        assert (event.kind, event.problem) == (EventKind.IGNORED, None)


@pytest.mark.parametrize(
    "events",
    [None, {}, [], "x", {"a": "unsubscribe"}, {"a": None}, {"a": ["x"]}, {"a": "preferences_changed"}],
)
def test_without_a_mapping_of_known_kinds_nothing_is_taken_and_lost(events):
    with pytest.raises(NotConfigured, match="^events: "):
        heard(EXAMPLE, events=events)


def test_the_second_family_of_headers_and_public_keys_are_verified():
    body = json.dumps(EXAMPLE).encode()
    ours = sign_standard(PRIVATE_KEY, "msg_2", NOW, body)
    headers = {name.replace("webhook", "svix"): value for name, value in ours.items()}
    request = HookRequest(method="POST", url="https://example.com/hooks/crm", headers=headers, body=body)
    (event,) = receive("standard", request, CONFIG | {"signing_key": [SECRET, PUBLIC_KEY]}, NOW)
    assert event.event_id == "msg_2"
    with pytest.raises(NotAuthentic):
        receive("standard", request, CONFIG, NOW)


def test_an_id_beside_the_signature_is_nobodys_word():
    """Else whoever repeats a request makes another event of it."""
    first = receive("standard", signed(EXAMPLE, **{"svix-id": "msg_other"}), CONFIG, NOW)
    body = json.dumps(EXAMPLE).encode()
    ours = sign_standard(SECRET, "msg_1", NOW, body)
    headers = {name.replace("webhook", "svix"): value for name, value in ours.items()}
    request = HookRequest(
        method="POST", url="https://example.com/", headers=headers | {"webhook-id": "msg_other"}, body=body
    )
    assert {event.event_id for event in first + receive("standard", request, CONFIG, NOW)} == {"msg_1"}


# -- out ----------------------------------------------------------------------------------------------------


async def test_what_is_posted_is_a_signed_event_with_the_state():
    http = Answering(lambda ask: (204, None))
    adapter = Standard(clock=lambda: NOW)
    await adapter.push(http, OUT | {"api_key": "t0ken"}, "group:news", [ANA], stop=True)
    await adapter.push(http, OUT, "all", [ANA], stop=False)
    first, second = http.asked
    assert json.loads(first.body) == {
        "type": "preference.updated",
        "timestamp": "2026-11-24T12:00:00+00:00",
        "data": {"email": ANA, "scope": "group:news", "state": "stopped"},
    }
    assert json.loads(second.body)["data"] == {"email": ANA, "scope": "all", "state": "resumed"}
    assert (first.method, first.url) == ("POST", OUT["push_url"])
    assert first.headers["authorization"] == "Bearer t0ken" and "authorization" not in second.headers
    verify_standard(first.headers, first.body, SECRET, NOW)


async def test_the_reference_library_verifies_what_is_posted():
    http = Answering(lambda ask: (200, None))
    await PROVIDER.push(http, OUT, "all", [ANA], stop=True)
    (ask,) = http.asked
    assert Webhook(SECRET).verify(ask.body, dict(ask.headers))["type"] == "preference.updated"


async def test_a_second_stop_is_no_repetition_of_the_first():
    """A tool that drops ids it knows must not drop a stop that follows a resume."""
    http = Answering(lambda ask: (200, None))
    for stop in (True, False, True):
        await PROVIDER.push(http, OUT, "all", [ANA], stop=stop)
    assert len({ask.headers["webhook-id"] for ask in http.asked}) == 3


async def test_a_private_key_signs_for_the_tools_public_one_and_two_secrets_sign_both():
    http = Answering(lambda ask: (200, None))
    adapter = Standard(clock=lambda: NOW)
    await adapter.push(http, OUT | {"api_secret": [PRIVATE_KEY, SECRET]}, "all", [ANA], stop=True)
    for key in (PUBLIC_KEY, SECRET):
        verify_standard(http.asked[0].headers, http.asked[0].body, key, NOW)


@pytest.mark.parametrize(
    ("status", "error"), [(410, Refused), (422, Refused), (429, TryAgain), (502, TryAgain), (401, NotAllowed)]
)
async def test_an_answer_that_is_no_2xx_is_no_success(status, error):
    with pytest.raises(error):
        await PROVIDER.push(Answering(lambda ask: (status, None)), OUT, "all", [ANA], stop=True)


@pytest.mark.parametrize("scope", ["topic:x", "group:", "group", ""])
async def test_a_scope_of_another_kind_is_refused(scope):
    http = Answering(lambda ask: (200, None))
    with pytest.raises(Refused, match="group:NAME"):
        await PROVIDER.push(http, OUT, scope, [ANA], stop=True)
    assert not http.asked


@pytest.mark.parametrize("name", ["push_url", "api_secret"])
async def test_what_is_missing_to_push_is_named(name):
    config = {key: value for key, value in OUT.items() if key != name}
    with pytest.raises(NotConfigured, match=f"^{name}: missing"):
        await PROVIDER.push(Answering(lambda ask: (200, None)), config, "all", [ANA], stop=True)


async def test_without_a_list_nothing_is_listed_and_the_capabilities_say_so():
    assert capabilities_of(PROVIDER, OUT).lists == frozenset()
    assert capabilities_of(PROVIDER, OUT | {"list_url": "https://x.example.com"}) == PROVIDER.capabilities
    with pytest.raises(NotConfigured, match="^list_url: missing"):
        await all_of(PROVIDER, Answering(lambda ask: (200, {})), OUT, "all")


LIST = OUT | {"list_url": "https://tool.example.com/stopped?v=1", "api_key": "t0ken"}


async def test_a_list_is_read_page_by_page():
    pages = {
        "scope=group%3Anews": {
            "data": [
                {"email": ANA, "kind": "complained", "at": "2026-01-05T10:00:00Z", "reason": "abuse"},
                {"email": BEN, "kind": "unheard"},
                {"kind": "unsubscribed"},
                7,
            ],
            "next": "p 2",
        },
        "scope=group%3Anews&cursor=p+2": {"data": [{"email": "cy@example.com"}], "next": None},
    }
    http = Answering(lambda ask: (200, pages[ask.url.partition("&")[2]]))
    found = await all_of(PROVIDER, http, LIST, "group:news")
    assert found == [
        (ANA, EventKind.COMPLAINED, AT, "abuse"),
        (BEN, EventKind.UNSUBSCRIBED, None, None),
        ("cy@example.com", EventKind.UNSUBSCRIBED, None, None),
    ]
    assert {ask.headers["authorization"] for ask in http.asked} == {"Bearer t0ken"}


@pytest.mark.parametrize("page", [{}, {"data": {}}, {"data": [], "next": "same"}, {"error": "x"}])
async def test_a_page_of_no_sense_is_no_short_list(page):
    with pytest.raises(Malformed):
        await all_of(PROVIDER, Answering(lambda ask: (200, page)), LIST, "all")


async def test_a_list_needs_its_token():
    with pytest.raises(NotConfigured, match="^api_key: missing"):
        await all_of(PROVIDER, Answering(lambda ask: (200, {})), LIST | {"api_key": None}, "all")


async def test_what_the_tool_echoes_is_told_as_the_apis_doing():
    stand_in = StandardStandIn(now=lambda: NOW)
    config = stand_in.config("https://tool.example.com")
    await PROVIDER.push(InMemory(stand_in), config, "group:news", [ANA], stop=True)
    (event,) = receive("standard", stand_in.hooks.popleft(), config, NOW)
    assert (event.kind, event.scope, event.origin) == (
        EventKind.GROUP_UNSUBSCRIBED,
        "group:news",
        Origin.API,
    )


async def test_without_a_list_the_start_check_asks_nothing_but_for_the_address():
    http = Answering(lambda ask: (500, None))
    assert await PROVIDER.problems(http, OUT | {"scopes": ("group:news",)}) == []
    assert not http.asked
    with pytest.raises(NotConfigured, match="^push_url: missing"):
        await PROVIDER.problems(http, {})
