"""listmonk: silent by itself, a relay beside it, and answers of 200 that did nothing."""

import json
from datetime import UTC, datetime

import pytest

from email_hooks import EventKind, Malformed, NotAuthentic, NotConfigured, receive
from email_hooks.events import ALL
from email_hooks.http import NotAllowed, Refused, TryAgain
from email_hooks.providers.listmonk import PROVIDER
from email_hooks.stand_ins.api import InMemory
from email_hooks.stand_ins.listmonk import LISTS, ListmonkStandIn
from tests.email_hooks.providers.answers import Answering, all_of, posted

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
CONFIG = {"base_url": "https://lists.example.com/", "account": "prefcenter", "api_key": "token"}
LIST = "list:4"


@pytest.fixture
def stand_in() -> ListmonkStandIn:
    return ListmonkStandIn(now=lambda: NOW)


@pytest.fixture
def config(stand_in):
    return stand_in.config("https://lists.example.com")


def parsed(type_, **data):
    said = {"type": type_, "timestamp": "2026-01-05T10:00:00Z", "data": {"email": "ana@example.com", **data}}
    (event,) = PROVIDER.parse(posted(said, webhook_id="msg_1"), CONFIG)
    return event


# -- in -----------------------------------------------------------------------------------------------------


def test_it_tells_nothing_by_itself(stand_in):
    assert not PROVIDER.capabilities.tells
    stand_in.unsubscribe("ana@example.com", LIST)
    stand_in.complain("ben@example.com", ALL)
    assert not stand_in.hooks


def test_a_relay_beside_it_is_heard(stand_in, config):
    stand_in.relays = True
    stand_in.unsubscribe("ana@example.com", LIST)
    (event,) = receive("listmonk", stand_in.hooks[0], config, NOW)
    assert (event.kind, event.scope, event.occurred_at) == (EventKind.GROUP_UNSUBSCRIBED, LIST, NOW)


@pytest.mark.parametrize(
    ("type_", "data", "kind", "scope"),
    [
        ("subscriber.unsubscribed", {"list_id": 4}, EventKind.GROUP_UNSUBSCRIBED, LIST),
        ("subscriber.unsubscribed", {"list_id": "4"}, EventKind.GROUP_UNSUBSCRIBED, LIST),
        ("subscriber.unsubscribed", {}, EventKind.UNSUBSCRIBED, ALL),
        ("subscriber.blocklisted", {}, EventKind.UNSUBSCRIBED, ALL),
        ("subscriber.blocklisted", {"list_id": 4}, EventKind.UNSUBSCRIBED, ALL),
        ("subscriber.resubscribed", {"list_id": 4}, EventKind.GROUP_RESUBSCRIBED, LIST),
        ("subscriber.resubscribed", {}, EventKind.RESUBSCRIBED, ALL),
        ("subscriber.complained", {"list_id": 4}, EventKind.COMPLAINED, ALL),
        ("subscriber.bounced", {}, EventKind.BOUNCED_HARD, ALL),
        ("subscriber.deleted", {}, EventKind.CONTACT_DELETED, ALL),
        ("subscriber.unheard", {"list_id": 4}, EventKind.IGNORED, ALL),
    ],
    ids=repr,
)
def test_each_type_of_the_relay_has_its_meaning(type_, data, kind, scope):
    event = parsed(type_, **data)
    assert (event.kind, event.scope, event.address) == (kind, scope, "ana@example.com")
    assert event.event_id == "msg_1"
    assert event.lookup is None and event.problem is None


async def test_a_list_that_is_named_by_its_uuid_is_asked_for(stand_in, config):
    event = parsed("subscriber.unsubscribed", list_uuid=LISTS[4])
    assert event.lookup == LISTS[4]
    found = await PROVIDER.look_up(InMemory(stand_in), config, event)
    assert (found.scope, found.lookup, found.address) == (LIST, None, "ana@example.com")
    with pytest.raises(Refused):
        await PROVIDER.look_up(InMemory(stand_in), config, event._replace(lookup="gone"))


def test_a_relay_without_an_address_says_so():
    assert parsed("subscriber.unsubscribed", email=None).problem
    assert parsed("subscriber.unheard", email=None).problem is None


def test_an_opt_out_is_not_lost_for_a_bad_time():
    body = {"type": "subscriber.unsubscribed", "timestamp": "soon", "data": {"email": "ana@example.com"}}
    (event,) = PROVIDER.parse(posted(body), CONFIG)
    assert (event.kind, event.occurred_at) == (EventKind.UNSUBSCRIBED, None)
    assert event.event_id


def test_without_a_key_for_the_relay_nothing_comes_in(stand_in, config):
    request = stand_in.relay("msg_1", {"type": "subscriber.unsubscribed"})
    with pytest.raises(NotConfigured, match="signing_key"):
        receive("listmonk", request, CONFIG, NOW)
    with pytest.raises(NotAuthentic):
        receive("listmonk", request, config | {"secret": "a second one"}, NOW)


# -- out ----------------------------------------------------------------------------------------------------


async def test_a_stop_on_a_list_lasts_for_who_was_never_on_it(stand_in, config):
    stand_in.know("ana@example.com")
    await PROVIDER.push(InMemory(stand_in), config, LIST, ["ana@example.com"], stop=True)
    change = json.loads(stand_in.calls[-1].body)
    # `unsubscribe` would answer 200 and do nothing.
    assert change == {"ids": [1], "action": "add", "status": "unsubscribed", "target_list_ids": [4]}
    assert "ana@example.com" in stand_in.held[LIST]
    ask = stand_in.calls[-1]
    stand_in.release("ana@example.com", LIST)
    stand_in.rows[4].clear()
    lying = type(ask)(
        method=ask.method,
        url=ask.url,
        headers=ask.headers,
        body=json.dumps({**change, "action": "unsubscribe"}).encode(),
    )
    assert stand_in.handle(lying).json() == {"data": True}
    assert not stand_in.held[LIST]


@pytest.mark.parametrize(("scope", "status"), [(ALL, "blocklisted"), (LIST, "enabled")])
async def test_who_is_missing_is_made_so_that_no_import_can_write_to_them(stand_in, config, scope, status):
    await PROVIDER.push(InMemory(stand_in), config, scope, ["new@example.com"], stop=True)
    made = next(json.loads(ask.body) for ask in stand_in.calls if ask.method == "POST")
    assert made == {"email": "new@example.com", "name": "new", "status": status}
    assert "new@example.com" in stand_in.held[scope]


@pytest.mark.parametrize("scope", [ALL, LIST])
async def test_a_resume_makes_nobody(stand_in, config, scope):
    (done,) = await PROVIDER.push(InMemory(stand_in), config, scope, ["new@example.com"], stop=False)
    assert done.refused is None and not stand_in.known


async def test_a_put_that_would_clear_the_lists_is_never_made(stand_in, config):
    stand_in.hold("ana@example.com", LIST, EventKind.UNSUBSCRIBED)
    for scope in (ALL, LIST):
        for stop in (True, False):
            await PROVIDER.push(InMemory(stand_in), config, scope, ["ana@example.com"], stop=stop)
    puts = {ask.url.rpartition("/api")[2] for ask in stand_in.calls if ask.method == "PUT"}
    assert puts == {"/subscribers/blocklist", "/subscribers/lists"}


async def test_the_end_of_a_block_leaves_the_lists_left(stand_in, config):
    stand_in.rows[4].add("ana@example.com")
    stand_in.know("ana@example.com")
    await PROVIDER.push(InMemory(stand_in), config, ALL, ["ana@example.com"], stop=True)
    await PROVIDER.push(InMemory(stand_in), config, ALL, ["ana@example.com"], stop=False)
    assert not stand_in.held[ALL] and "ana@example.com" in stand_in.held[LIST]


@pytest.mark.parametrize(
    "address", ["a+b@example.com", "o'neil@example.com", "a%_.*@example.com", "ä@example.com"]
)
async def test_an_address_is_found_exactly_and_no_sql_is_written(stand_in, config, address):
    for other in ("xa+b@example.com", "aab@example.com", "a%_.*@example.community"):
        stand_in.know(other)
    stand_in.know(address.upper())
    await PROVIDER.push(InMemory(stand_in), config, ALL, [address], stop=True)
    assert set(stand_in.held[ALL]) == {address}
    assert all("query=" not in ask.url for ask in stand_in.calls)


async def test_a_match_on_a_later_page_is_found():
    def answer(ask):
        if ask.method == "PUT":
            return 200, {"data": True}
        first = "page=1&" in ask.url
        results = [{"id": i, "email": f"{i}-ana@example.com"} for i in range(500)]
        return 200, {"data": {"results": results if first else [{"id": 900, "email": "ANA@example.com"}]}}

    http = Answering(answer)
    await PROVIDER.push(http, CONFIG, ALL, ["ana@example.com"], stop=True)
    assert json.loads(http.asked[-1].body) == {"ids": [900]}
    assert http.asked[0].url.startswith("https://lists.example.com/api/subscribers?")


async def test_a_subscriber_who_was_made_in_the_meantime_is_found_again():
    searches = iter([[], [{"id": 7, "email": "ana@example.com"}]])

    def answer(ask):
        if ask.method == "GET":
            return 200, {"data": {"results": next(searches)}}
        return (409, {"message": "exists"}) if ask.method == "POST" else (200, {"data": True})

    http = Answering(answer)
    (done,) = await PROVIDER.push(http, CONFIG, LIST, ["ana@example.com"], stop=True)
    assert done.refused is None and json.loads(http.asked[-1].body)["ids"] == [7]


async def test_a_subscriber_who_is_hidden_from_us_is_named_as_the_trouble():
    http = Answering(lambda ask: (409, {}) if ask.method == "POST" else (200, {"data": {"results": []}}))
    (done,) = await PROVIDER.push(http, CONFIG, ALL, ["ana@example.com"], stop=True)
    assert done.refused and "subscribers:get_all" in done.refused


async def test_an_address_that_it_does_not_take_does_not_stop_the_others(stand_in, config):
    done = await PROVIDER.push(InMemory(stand_in), config, ALL, ["none", "ana@example.com"], stop=True)
    assert [bool(one.refused) for one in done] == [True, False]
    assert set(stand_in.held[ALL]) == {"ana@example.com"}


@pytest.mark.parametrize("scope", [ALL, LIST])
@pytest.mark.parametrize("stop", [True, False])
async def test_a_200_that_does_not_say_so_is_not_taken_for_done(scope, stop):
    found = {"data": {"results": [{"id": 7, "email": "ana@example.com"}]}}
    http = Answering(lambda ask: (200, found if ask.method == "GET" else {"data": {"message": "no"}}))
    with pytest.raises(Malformed):
        await PROVIDER.push(http, CONFIG, scope, ["ana@example.com"], stop=stop)


@pytest.mark.parametrize("later", [0, 1])
@pytest.mark.parametrize(
    ("status", "error"), [(500, TryAgain), (401, NotAllowed), (403, NotAllowed), (404, Refused)]
)
async def test_trouble_is_raised_at_whichever_step_it_comes(status, error, later):
    found = {"data": {"results": [{"id": 7, "email": "ana@example.com"}]}}
    steps = iter([(200, found)] * later + [(status, {})])
    with pytest.raises(error):
        await PROVIDER.push(Answering(lambda ask: next(steps)), CONFIG, LIST, ["ana@example.com"], stop=True)


@pytest.mark.parametrize("scope", ["list:", "list:a", "list:ce13e971-c2ed-4069", "list:١", "type:1", ""])
async def test_a_scope_that_it_does_not_have_is_refused(scope):
    with pytest.raises(Refused, match="write it as"):
        await PROVIDER.push(Answering(lambda ask: (200, {})), CONFIG, scope, ["a@example.com"], stop=True)


@pytest.mark.parametrize("name", ["base_url", "account", "api_key"])
async def test_what_is_missing_in_the_section_is_named(name):
    with pytest.raises(NotConfigured, match=name):
        await PROVIDER.problems(InMemory(ListmonkStandIn()), CONFIG | {name: None})


async def test_the_lists_say_since_when_on_that_list(stand_in, config):
    stand_in.hold("ana@example.com", LIST, EventKind.UNSUBSCRIBED, NOW)
    stand_in.hold("ben@example.com", "list:5", EventKind.UNSUBSCRIBED, NOW)
    stand_in.hold("eve@example.com", ALL, EventKind.UNSUBSCRIBED, NOW)
    for scope, address in (
        (LIST, "ana@example.com"),
        ("list:5", "ben@example.com"),
        (ALL, "eve@example.com"),
    ):
        (found,) = await all_of(PROVIDER, InMemory(stand_in), config, scope)
        assert (found.address, found.kind, found.at) == (address, EventKind.UNSUBSCRIBED, NOW)


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": {"results": None}}, []])
async def test_a_list_of_no_sense_is_no_empty_list(body):
    with pytest.raises(Malformed):
        await all_of(PROVIDER, Answering(lambda ask: (200, body)), CONFIG, LIST)


async def test_the_start_check_finds_out_whether_the_role_may_read_the_blocklist():
    lists = {"data": {"results": [{"id": 4}]}}
    http = Answering(lambda ask: (403, {}) if "query=" in ask.url else (200, lists))
    assert await PROVIDER.problems(http, CONFIG | {"scopes": [LIST]}) == []
    with pytest.raises(NotAllowed):
        await PROVIDER.problems(http, CONFIG | {"scopes": [LIST, ALL]})
