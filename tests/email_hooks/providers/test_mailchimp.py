"""Mailchimp: forms in brackets, refusals for good, hashes, and lists by offset."""

import json
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from email_hooks import EventKind, HookRequest, Malformed, NotAuthentic, NotConfigured, receive
from email_hooks.events import Origin
from email_hooks.http import NotAllowed, Refused, TryAgain
from email_hooks.providers.mailchimp import PROVIDER, member_hash
from email_hooks.stand_ins.api import InMemory
from email_hooks.stand_ins.mailchimp import AUDIENCE, GROUP, INTEREST, LIST, MailchimpStandIn
from tests.email_hooks.providers.answers import Answering, all_of

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
#: The example of PROVIDERS.md 6.2, as it comes over the wire.
EXAMPLE = (
    b"type=unsubscribe&fired_at=2026-01-05+10%3A00%3A00&data%5Baction%5D=unsub&data%5Breason%5D=manual"
    b"&data%5Bid%5D=8a25ff1d98&data%5Blist_id%5D=a6b5da1054&data%5Bemail%5D=ana%40example.com"
    b"&data%5Bemail_type%5D=html&data%5Bcampaign_id%5D=cb398d21d2"
)
CONFIG = {"api_key": "key-us21", "secret": "s"}


@pytest.fixture
def stand_in() -> MailchimpStandIn:
    return MailchimpStandIn(now=lambda: NOW)


def hook(body: bytes) -> HookRequest:
    return HookRequest(method="POST", url="https://example.com/hooks/main?secret=s", headers={}, body=body)


def heard(**fields):
    data = {"data[list_id]": AUDIENCE, "data[email]": "ana@example.com"}
    named = {name if name in ("type", "fired_at") else f"data[{name}]": one for name, one in fields.items()}
    return receive("mailchimp", hook(urlencode(data | named).encode()), CONFIG, NOW)


def test_the_documented_example_is_read():
    (event,) = receive("mailchimp", hook(EXAMPLE), CONFIG, NOW)
    assert event.kind is EventKind.UNSUBSCRIBED
    assert event.address == "ana@example.com"
    assert event.scope == "list:a6b5da1054"
    assert event.occurred_at == datetime(2026, 1, 5, 10, tzinfo=UTC)
    assert (event.reason, event.campaign) == ("manual", "cb398d21d2")
    # Nothing in it says who did it: our own call looks the same.
    assert event.origin is Origin.UNKNOWN


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"type": "unsubscribe", "action": "unsub", "reason": "manual"}, EventKind.UNSUBSCRIBED),
        ({"type": "unsubscribe", "action": "unsub", "reason": "abuse"}, EventKind.COMPLAINED),
        ({"type": "cleaned", "reason": "hard"}, EventKind.BOUNCED_HARD),
        ({"type": "cleaned", "reason": "abuse"}, EventKind.COMPLAINED),
        ({"type": "subscribe"}, EventKind.RESUBSCRIBED),
        ({"type": "profile"}, EventKind.PREFERENCES_CHANGED),
        ({"type": "campaign", "status": "sent"}, EventKind.IGNORED),
        ({"type": "unheard"}, EventKind.IGNORED),
    ],
    ids=repr,
)
def test_each_type_has_its_meaning(fields, kind):
    (event,) = heard(**fields)
    assert (event.kind, event.address, event.problem) == (kind, "ana@example.com", None)
    assert event.scope == f"list:{AUDIENCE}"


def test_a_deleted_contact_is_an_opt_out_too_and_each_has_an_id():
    events = heard(type="unsubscribe", action="delete", reason="manual")
    assert {event.kind for event in events} == {EventKind.UNSUBSCRIBED, EventKind.CONTACT_DELETED}
    assert len({event.event_id for event in events}) == 2


def test_a_changed_address_has_both():
    (event,) = heard(type="upemail", old_email="ana@example.com", new_email="ana@example.org", new_id="x")
    assert event.kind is EventKind.ADDRESS_CHANGED
    assert (event.address, event.new_address) == ("ana@example.com", "ana@example.org")


def test_events_that_differ_only_in_their_time_or_audience_are_two():
    one = {"type": "unsubscribe", "reason": "manual", "fired_at": "2026-01-05 10:00:00"}
    ids = {
        heard(**fields)[0].event_id
        for fields in (one, one | {"fired_at": "2026-01-05 10:00:01"}, one | {"list_id": "other"}, dict(one))
    }
    assert len(ids) == 3


@pytest.mark.parametrize("fired_at", ["", "yesterday", "2026-13-45 10:00:00", "9" * 400])
def test_an_opt_out_is_not_lost_for_a_bad_time(fired_at):
    (event,) = heard(type="unsubscribe", reason="manual", fired_at=fired_at)
    assert event.kind is EventKind.UNSUBSCRIBED and event.occurred_at is None


@pytest.mark.parametrize(
    "fields", [{"type": "unsubscribe", "email": ""}, {"type": "upemail", "old_email": "a@b"}]
)
def test_an_event_without_its_address_says_so(fields):
    assert heard(**fields)[0].problem


@pytest.mark.parametrize("body", [b"", b"[]", b'{"type": "unsubscribe"}', b"type[a]=1", b"\xff"])
def test_a_body_that_is_no_event_is_malformed(body):
    with pytest.raises(Malformed):
        receive("mailchimp", hook(body), CONFIG, NOW)


def test_the_probe_at_creation_is_a_get_and_the_secret_stands_in_the_query():
    assert PROVIDER.capabilities.probes == {"GET"}
    request = HookRequest(method="POST", url="https://example.com/hooks/main", headers={}, body=EXAMPLE)
    with pytest.raises(NotAuthentic):
        receive("mailchimp", request, CONFIG, NOW)


async def test_a_changed_profile_can_be_asked_for_its_groups_by_scope(stand_in):
    stand_in.know("ana@example.com")
    stand_in.unsubscribe("ana@example.com", GROUP)
    config = stand_in.config("https://api.example.com")
    (event,) = receive("mailchimp", stand_in.hooks[0], config, NOW)
    assert (event.kind, event.metadata) == (EventKind.PREFERENCES_CHANGED, {})
    found = await PROVIDER.look_up(InMemory(stand_in), config, event)
    assert (found.metadata, found.lookup) == ({GROUP: "false"}, None)
    assert found.address == "ana@example.com"


# -- out ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "host"),
    [
        ("0123456789-us21", "https://us21.api.mailchimp.com/3.0"),
        ("a-b-us6", "https://us6.api.mailchimp.com/3.0"),
    ],
)
async def test_the_key_names_the_host(key, host):
    http = Answering(lambda ask: (200, {}))
    await PROVIDER.problems(http, {"api_key": key})
    assert http.asked[0].url == f"{host}/ping"
    assert key not in repr(http.asked[0])


@pytest.mark.parametrize(
    "key", ["0123456789", "key-", "key-evil.example.com/", "key-us21@example.com", "key-us21.x"]
)
async def test_a_key_that_names_no_data_centre_calls_nobody(key):
    http = Answering(lambda ask: (200, {}))
    with pytest.raises(NotConfigured, match="data cent"):
        await PROVIDER.problems(http, {"api_key": key})
    assert not http.asked


def test_a_contact_is_named_by_the_hash_of_its_address_in_small_letters():
    # The example of Mailchimp's documentation.
    assert member_hash("Urist.McVankab@freddiesjokes.com") == member_hash("urist.mcvankab@freddiesjokes.com")
    assert member_hash("Urist.McVankab@freddiesjokes.com") == "62eeb292278cc15f5817cb78f7790b08"


async def test_stops_go_in_one_call_and_create_who_is_missing_as_unsubscribed(stand_in):
    stand_in.know("ana@example.com")
    http, config = InMemory(stand_in), stand_in.config("https://api.example.com")
    await PROVIDER.push(http, config, LIST, ["Ana@example.com", "new@example.com"], stop=True)
    assert [ask.method for ask in stand_in.calls] == ["POST"]
    assert json.loads(stand_in.calls[0].body)["update_existing"] is True
    assert set(stand_in.held[LIST]) == {"ana@example.com", "new@example.com"}


@pytest.mark.parametrize("kind", [EventKind.UNSUBSCRIBED, EventKind.COMPLAINED, EventKind.BOUNCED_HARD])
async def test_who_left_by_themselves_stays_out_and_that_is_final(stand_in, kind):
    stand_in.hold("ana@example.com", LIST, kind)
    http, config = InMemory(stand_in), stand_in.config("https://api.example.com")
    (done,) = await PROVIDER.push(http, config, LIST, ["ana@example.com"], stop=False)
    assert done.refused and "come back" in done.refused
    assert "ana@example.com" in stand_in.held[LIST]
    # And a stop for them is done already.
    (done,) = await PROVIDER.push(http, config, LIST, ["ana@example.com"], stop=True)
    assert done.refused is None


async def test_who_was_deleted_for_good_is_stopped_and_cannot_come_back(stand_in):
    stand_in.forgotten.add("ana@example.com")
    stand_in.know("ana@example.com")
    http, config = InMemory(stand_in), stand_in.config("https://api.example.com")
    done = await PROVIDER.push(http, config, LIST, ["ana@example.com", "ben@example.com"], stop=True)
    assert [one.refused for one in done] == [None, None]
    (back,) = await PROVIDER.push(http, config, LIST, ["ana@example.com"], stop=False)
    assert back.refused and "deleted for good" in back.refused


@pytest.mark.parametrize("scope", [LIST, GROUP])
async def test_a_resume_makes_no_contact(stand_in, scope):
    http, config = InMemory(stand_in), stand_in.config("https://api.example.com")
    (done,) = await PROVIDER.push(http, config, scope, ["new@example.com"], stop=False)
    assert done.refused is None
    assert not stand_in.contacts


async def test_no_contact_means_no_interest(stand_in):
    http, config = InMemory(stand_in), stand_in.config("https://api.example.com")
    (done,) = await PROVIDER.push(http, config, GROUP, ["new@example.com"], stop=True)
    assert done.refused is None and not stand_in.contacts


@pytest.mark.parametrize("stop", [True, False])
async def test_an_audience_that_is_gone_is_not_taken_for_a_contact_that_is_gone(stop):
    http = Answering(lambda ask: (404, {"title": "Resource Not Found"}))
    for scope in ("list:gone", "interest:gone/1"):
        with pytest.raises(Refused):
            await PROVIDER.push(http, CONFIG, scope, ["ana@example.com"], stop=stop)


async def test_an_interest_leaves_the_others_and_the_audience_alone(stand_in):
    stand_in.know("ana@example.com")
    http, config = InMemory(stand_in), stand_in.config("https://api.example.com")
    await PROVIDER.push(http, config, GROUP, ["ana@example.com"], stop=True)
    assert json.loads(stand_in.calls[-1].body) == {"interests": {INTEREST: False}}
    assert not stand_in.held[LIST]


async def test_who_is_missing_in_the_answer_of_a_batch_is_asked_for_alone():
    def answer(ask):
        if ask.method == "POST":
            done = {"email_address": "ana@example.com", "status": "unsubscribed"}
            errors = [
                {"email_address": "ben@example.com", "error": "in words", "error_code": "ERROR_GENERIC"}
            ]
            return 200, {"new_members": [], "updated_members": [done], "errors": errors}
        return 400, {"title": "Invalid Resource"}

    http = Answering(answer)
    done = await PROVIDER.push(http, CONFIG, LIST, ["ana@example.com", "ben@example.com"], stop=True)
    assert [bool(one.refused) for one in done] == [False, True]
    assert [ask.method for ask in http.asked] == ["POST", "PUT"]
    assert http.asked[1].url.partition("?")[0].endswith(member_hash("ben@example.com"))
    assert json.loads(http.asked[1].body)["status_if_new"] == "unsubscribed"


@pytest.mark.parametrize(
    ("stop", "status"), [(True, "subscribed"), (True, "pending"), (False, "unsubscribed")]
)
async def test_a_200_that_did_nothing_is_not_taken_for_done(stop, status):
    member = {"email_address": "ana@example.com", "status": status}
    http = Answering(lambda ask: (200, {**member, "updated_members": [member]}))
    (done,) = await PROVIDER.push(http, CONFIG, LIST, ["ana@example.com"], stop=stop)
    assert done.refused


async def test_an_interest_that_stayed_as_it_was_is_not_taken_for_done():
    http = Answering(lambda ask: (200, {"interests": {INTEREST: True}}))
    (done,) = await PROVIDER.push(http, CONFIG, GROUP, ["ana@example.com"], stop=True)
    assert done.refused
    with pytest.raises(Malformed):
        silent = Answering(lambda ask: (200, {"interests": {}}))
        await PROVIDER.push(silent, CONFIG, GROUP, ["ana@example.com"], stop=True)


@pytest.mark.parametrize(
    ("status", "error"), [(429, TryAgain), (500, TryAgain), (401, NotAllowed), (403, NotAllowed)]
)
@pytest.mark.parametrize("scope", [LIST, GROUP])
async def test_trouble_with_one_contact_is_trouble_with_the_call(scope, status, error):
    http = Answering(lambda ask: (status, {}))
    with pytest.raises(error):
        await PROVIDER.push(http, CONFIG, scope, ["ana@example.com"], stop=True)


@pytest.mark.parametrize("scope", ["all", "list:", "list:a/b", "interest:a", "interest:a/", "tag:1", ""])
async def test_a_scope_that_it_does_not_have_is_refused(scope):
    with pytest.raises(Refused, match="write it as"):
        await PROVIDER.push(Answering(lambda ask: (200, {})), CONFIG, scope, ["a@example.com"], stop=True)


async def test_the_list_has_who_left_and_who_bounced_and_no_profile_beyond(stand_in):
    stand_in.know("still@example.com")
    stand_in.hold("ana@example.com", LIST, EventKind.UNSUBSCRIBED, NOW)
    stand_in.hold("ben@example.com", LIST, EventKind.BOUNCED_HARD, NOW)
    config = stand_in.config("https://api.example.com")
    found = await all_of(PROVIDER, InMemory(stand_in), config, LIST)
    assert {(one.address, one.kind, one.at) for one in found} == {
        ("ana@example.com", EventKind.UNSUBSCRIBED, NOW),
        ("ben@example.com", EventKind.BOUNCED_HARD, NOW),
    }
    assert all("fields=members.email_address" in ask.url for ask in stand_in.calls)


async def test_an_interest_has_no_list_of_who_left(stand_in):
    with pytest.raises(Refused):
        await all_of(PROVIDER, InMemory(stand_in), stand_in.config("https://api.example.com"), GROUP)


@pytest.mark.parametrize("body", [{}, {"members": []}, {"members": {}, "total_items": 1}, []])
async def test_a_list_of_no_sense_is_no_empty_list(body):
    with pytest.raises(Malformed):
        await all_of(PROVIDER, Answering(lambda ask: (200, body)), CONFIG, LIST)


async def test_a_list_that_shrinks_while_it_is_read_comes_to_an_end():
    http = Answering(lambda ask: (200, {"members": [], "total_items": 10**9}))
    assert await all_of(PROVIDER, http, CONFIG, LIST) == []


async def test_the_start_check_knows_an_interest_of_another_audience(stand_in):
    config = stand_in.config("https://api.example.com")
    scopes = (LIST, GROUP, f"interest:{AUDIENCE}/{AUDIENCE}x", f"interest:{AUDIENCE}", "interest:gone/1")
    problems = await PROVIDER.problems(InMemory(stand_in), config | {"scopes": scopes})
    assert len(problems) == 3
    with pytest.raises(NotAllowed):
        await PROVIDER.problems(InMemory(MailchimpStandIn(key="2")), config)
