"""HubSpot: opt-outs hidden in properties, partial answers, and a search with an end."""

import json
from datetime import UTC, datetime

import pytest

from email_hooks import EventKind, Malformed, receive
from email_hooks.events import ALL, Origin
from email_hooks.http import NotAllowed, Refused, TryAgain
from email_hooks.providers.hubspot import PROVIDER
from email_hooks.stand_ins.api import InMemory
from email_hooks.stand_ins.hubspot import HubSpotStandIn
from tests.email_hooks.providers.answers import Answering, all_of, posted

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TYPE = "type:6125111"
CONFIG = {"api_key": "token"}


@pytest.fixture
def stand_in() -> HubSpotStandIn:
    return HubSpotStandIn(now=lambda: NOW)


# -- in -----------------------------------------------------------------------------------------------------


def one(**fields):
    event = {
        "eventId": 3,
        "subscriptionId": 55,
        "portalId": 62515,
        "appId": 54321,
        "occurredAt": 1767607200000,
        "subscriptionType": "contact.propertyChange",
        "attemptNumber": 0,
        "objectId": 123,
    }
    return event | fields


def changed(name, value, **fields):
    return one(propertyName=name, propertyValue=value, **fields)


def parsed(*events):
    return PROVIDER.parse(posted(list(events)), CONFIG)


@pytest.mark.parametrize(
    ("event", "kind", "scope"),
    [
        (changed("hs_email_optout", "true"), EventKind.UNSUBSCRIBED, ALL),
        (changed("hs_email_optout", ""), EventKind.RESUBSCRIBED, ALL),
        (changed("hs_email_optout", "false"), EventKind.RESUBSCRIBED, ALL),
        (changed("hs_email_optout_6125111", "true"), EventKind.GROUP_UNSUBSCRIBED, TYPE),
        (changed("hs_email_optout_6125111", ""), EventKind.GROUP_RESUBSCRIBED, TYPE),
        (changed("hs_email_optout_6125111", "false"), EventKind.GROUP_RESUBSCRIBED, TYPE),
        (changed("hs_email_hard_bounce_reason_enum", "UNKNOWN_USER"), EventKind.BOUNCED_HARD, ALL),
        (changed("hs_email_hard_bounce_reason_enum", ""), EventKind.IGNORED, None),
        (changed("hs_email_bad_address", "true"), EventKind.BOUNCED_HARD, ALL),
        (changed("hs_email_quarantined", "true"), EventKind.SUPPRESSED, ALL),
        (changed("hs_email_quarantined", "false"), EventKind.IGNORED, None),
        (changed("hs_email_optout_", "true"), EventKind.IGNORED, None),
        (changed("hs_email_optout_survey_reason", "true"), EventKind.IGNORED, None),
        (changed("firstname", "true"), EventKind.IGNORED, None),
        (one(subscriptionType="contact.merge", primaryObjectId=7), EventKind.ADDRESS_CHANGED, None),
        (one(subscriptionType="contact.creation"), EventKind.IGNORED, None),
        (one(subscriptionType="contact.deletion"), EventKind.IGNORED, None),
        (one(subscriptionType="company.unheard"), EventKind.IGNORED, None),
    ],
    ids=repr,
)
def test_each_event_has_its_meaning(event, kind, scope):
    (found,) = parsed(event)
    assert (found.kind, found.scope, found.problem) == (kind, scope, None)
    assert found.address is None
    assert (found.lookup is None) is (kind is EventKind.IGNORED)
    assert found.occurred_at == datetime(2026, 1, 5, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("type_id", "kind"),
    [("0-1", EventKind.UNSUBSCRIBED), ("0-2", EventKind.IGNORED), (None, EventKind.IGNORED)],
)
def test_the_newer_name_of_the_same_event_counts_for_contacts(type_id, kind):
    newer = changed("hs_email_optout", "true", subscriptionType="object.propertyChange", objectTypeId=type_id)
    assert parsed(newer)[0].kind is kind


@pytest.mark.parametrize(
    ("source", "origin"),
    [
        ("API", Origin.API),
        ("INTEGRATION", Origin.API),
        ("IMPORT", Origin.OPERATOR),
        ("CRM_UI", Origin.OPERATOR),
        ("EMAIL", Origin.UNKNOWN),
        (None, Origin.UNKNOWN),
        (["API"], Origin.UNKNOWN),
    ],
)
def test_who_did_it_is_said_by_the_source_of_the_change(source, origin):
    assert parsed(changed("hs_email_optout", "", changeSource=source))[0].origin is origin


def test_the_id_of_an_event_is_unique_only_with_the_others():
    first = changed("hs_email_optout", "true")
    others = [
        first | {name: 9} for name in ("portalId", "subscriptionId", "eventId", "objectId", "occurredAt")
    ]
    assert len({found.event_id for found in parsed(first, *others)}) == 6
    assert len({found.event_id for found in parsed(first, first | {"attemptNumber": 4})}) == 1


def test_what_cannot_be_read_is_set_aside_and_the_others_stand():
    events = parsed(
        "odd",
        None,
        changed("hs_email_optout", "perhaps"),
        changed("hs_email_optout", "true", objectId=None),
        one(subscriptionType="contact.privacyDeletion"),
        changed("hs_email_optout", "true"),
    )
    assert [bool(found.problem) for found in events] == [True] * 5 + [False]
    assert events[4].kind is EventKind.CONTACT_DELETED
    assert events[5].kind is EventKind.UNSUBSCRIBED
    assert len({found.event_id for found in events[:2]}) == 2


@pytest.mark.parametrize("value", ["", "soon", -1, 10**30, None, [], True])
def test_an_opt_out_is_not_lost_for_a_bad_time(value):
    (found,) = parsed(changed("hs_email_optout", "true", occurredAt=value))
    assert (found.kind, found.occurred_at, found.problem) == (EventKind.UNSUBSCRIBED, None, None)


@pytest.mark.parametrize("body", [{}, {"subscriptionType": "contact.propertyChange"}, "x", None])
def test_a_body_that_is_no_array_is_malformed(body):
    with pytest.raises(Malformed):
        PROVIDER.parse(posted(body), CONFIG)


async def test_an_event_is_led_to_its_address_by_the_number_of_the_contact(stand_in):
    config = stand_in.config("https://api.example.com")
    stand_in.id_of("somebody@example.com")
    stand_in.unsubscribe("Ana@example.com", TYPE)
    (event,) = receive("hubspot", stand_in.hooks[0], config, NOW)
    found = await PROVIDER.look_up(InMemory(stand_in), config, event)
    assert (found.address, found.lookup, found.scope) == ("Ana@example.com", None, TYPE)
    with pytest.raises(Refused):
        await PROVIDER.look_up(InMemory(stand_in), config, event._replace(lookup="999"))


@pytest.mark.parametrize("newer", [{"newObjectId": 8}, {}])
async def test_a_merged_contact_keeps_the_address_that_it_had_as_the_other_one(newer):
    (event,) = parsed(one(subscriptionType="contact.merge", primaryObjectId=7, **newer))
    properties = {"email": "ana@example.com", "hs_additional_emails": "old@example.com"}
    http = Answering(lambda ask: (200, {"properties": properties}))
    found = await PROVIDER.look_up(http, CONFIG, event)
    assert (found.address, found.new_address) == ("old@example.com", "ana@example.com")
    assert f"/contacts/{newer.get('newObjectId', 7)}?" in http.asked[0].url


@pytest.mark.parametrize(
    "properties",
    [{}, {"email": ""}, {"email": "a@example.com"}, {"email": "a@b", "hs_additional_emails": "c@d;e@f"}],
)
async def test_a_merge_that_does_not_say_who_became_whom_is_refused(properties):
    (event,) = parsed(one(subscriptionType="contact.merge", primaryObjectId=7))
    with pytest.raises(Refused):
        await PROVIDER.look_up(Answering(lambda ask: (200, {"properties": properties})), CONFIG, event)


# -- out ----------------------------------------------------------------------------------------------------


async def test_a_partial_answer_leaves_nobody_in_the_dark(stand_in):
    http, config = InMemory(stand_in), stand_in.config("https://api.example.com")
    addresses = ["ana@example.com", "no address", "ben+x@example.com"]
    for scope in (TYPE, ALL):
        done = await PROVIDER.push(http, config, scope, addresses, stop=True)
        assert [bool(one.refused) for one in done] == [False, True, False]
        assert set(stand_in.held[scope]) == {"ana@example.com", "ben+x@example.com"}
    # The one that the 207 did not name went alone.
    assert [ask.url.rpartition("/v4")[2] for ask in stand_in.calls[:2]] == [
        "/statuses/batch/write",
        "/statuses/no%20address",
    ]


async def test_one_address_that_spoils_the_batch_does_not_stop_the_others():
    def answer(ask):
        if "/batch/" in ask.url:
            return 400, {}
        asked = json.loads(ask.body)
        status = {"status": asked["statusState"], "subscriptionId": str(asked["subscriptionId"])}
        return (400, {}) if "bad" in ask.url else (200, {"results": [status]})

    done = await PROVIDER.push(Answering(answer), CONFIG, TYPE, ["a+b@example.com", "bad"], stop=True)
    assert [bool(one.refused) for one in done] == [False, True]


async def test_everything_is_left_by_one_call_and_not_entered_again(stand_in):
    http, config = InMemory(stand_in), stand_in.config("https://api.example.com")
    await PROVIDER.push(http, config, ALL, ["ana@example.com"], stop=True)
    assert json.loads(stand_in.calls[0].body) == {"inputs": ["ana@example.com"]}
    assert ALL not in PROVIDER.capabilities.resumes
    with pytest.raises(Refused):
        await PROVIDER.push(http, config, ALL, ["ana@example.com"], stop=False)


@pytest.mark.parametrize("held", [TYPE, ALL])
async def test_who_left_by_themselves_is_refused_for_good(stand_in, held):
    stand_in.unsubscribe("ana@example.com", held)
    http, config = InMemory(stand_in), stand_in.config("https://api.example.com")
    done = await PROVIDER.push(http, config, TYPE, ["ana@example.com", "ben@example.com"], stop=False)
    assert [bool(one.refused) for one in done] == [True, False]
    assert "ana@example.com" in stand_in.held[held]


async def test_the_legal_basis_of_the_configuration_goes_with_a_status():
    done = {"subscriberIdString": "ana@example.com", "status": "SUBSCRIBED", "subscriptionId": 6125111}
    http = Answering(lambda ask: (200, {"results": [done]}))
    config = CONFIG | {"legal_basis": "CONSENT_WITH_NOTICE", "legal_basis_explanation": "their own choice"}
    await PROVIDER.push(http, config, TYPE, ["ana@example.com"], stop=False)
    (written,) = json.loads(http.asked[0].body)["inputs"]
    assert written == {
        "subscriberIdString": "ana@example.com",
        "subscriptionId": 6125111,
        "statusState": "SUBSCRIBED",
        "channel": "EMAIL",
        "legalBasis": "CONSENT_WITH_NOTICE",
        "legalBasisExplanation": "their own choice",
    }


@pytest.mark.parametrize(
    "status",
    [
        {"status": "SUBSCRIBED", "subscriptionId": 6125111},
        {"status": "UNSUBSCRIBED", "subscriptionId": 7},
        {"status": "UNSUBSCRIBED"},
    ],
)
async def test_a_200_that_says_something_else_is_not_taken_for_done(status):
    http = Answering(lambda ask: (200, {"results": [{"subscriberIdString": "ana@example.com", **status}]}))
    with pytest.raises(Malformed):
        await PROVIDER.push(http, CONFIG, TYPE, ["ana@example.com"], stop=True)


@pytest.mark.parametrize(
    ("status", "error"), [(429, TryAgain), (500, TryAgain), (401, NotAllowed), (403, NotAllowed)]
)
async def test_trouble_after_a_partial_answer_is_trouble_with_the_call(status, error):
    http = Answering(lambda ask: (207, {"results": []}) if "batch" in ask.url else (status, {}))
    with pytest.raises(error):
        await PROVIDER.push(http, CONFIG, TYPE, ["ana@example.com"], stop=True)


@pytest.mark.parametrize("scope", ["type:", "type:news", "type:١", "list:1", "", "type:" + "1" * 40])
async def test_a_scope_that_it_does_not_have_is_refused(scope):
    with pytest.raises(Refused, match="write it as"):
        await PROVIDER.push(Answering(lambda ask: (200, {})), CONFIG, scope, ["a@example.com"], stop=True)


async def test_the_search_reaches_beyond_its_ten_thousand(stand_in):
    for i in range(10_150):
        stand_in.hold(f"p{i}@example.com", ALL, EventKind.UNSUBSCRIBED, NOW)
    found = await all_of(PROVIDER, InMemory(stand_in), stand_in.config("https://api.example.com"), ALL)
    assert len({one.address for one in found}) == len(found) == 10_150
    assert found[0].at is None
    # It never asks for a second page of one search.
    assert all("after" not in json.loads(ask.body) for ask in stand_in.calls)


async def test_a_type_is_searched_for_by_its_own_property(stand_in):
    stand_in.hold("ana@example.com", TYPE, EventKind.UNSUBSCRIBED)
    stand_in.hold("ben@example.com", "type:6125112", EventKind.UNSUBSCRIBED)
    found = await all_of(PROVIDER, InMemory(stand_in), stand_in.config("https://api.example.com"), TYPE)
    assert [one.address for one in found] == ["ana@example.com"]


@pytest.mark.parametrize(
    "body",
    [{}, {"results": {}}, [], {"results": [{}]}, {"results": [{"id": "x"}]}, {"results": [{"id": "0"}]}],
)
async def test_a_search_of_no_sense_is_neither_an_empty_list_nor_an_endless_one(body):
    with pytest.raises(Malformed):
        await all_of(PROVIDER, Answering(lambda ask: (200, body)), CONFIG, ALL)


async def test_a_search_that_ignores_where_it_should_begin_comes_to_an_end():
    page = {"results": [{"id": "5", "properties": {"email": "ana@example.com"}}]}
    with pytest.raises(Malformed):
        await all_of(PROVIDER, Answering(lambda ask: (200, page)), CONFIG, ALL)


async def test_contacts_without_an_address_are_passed_over():
    pages = iter([{"results": [{"id": "5", "properties": {"email": None}}, {"id": "6"}]}, {"results": []}])
    assert await all_of(PROVIDER, Answering(lambda ask: (200, next(pages))), CONFIG, ALL) == []


async def test_the_start_check_names_a_type_that_is_archived():
    types = [{"id": 1, "isActive": True}, {"id": 2, "isActive": False}, {"id": 3}]
    http = Answering(lambda ask: (200, {"results": types}))
    problems = await PROVIDER.problems(http, CONFIG | {"scopes": ["type:1", "type:2", "type:3", "all"]})
    assert len(problems) == 1 and problems[0].startswith("type:2: this subscription type is archived")
