"""Mailgun: what its signature does not cover, every row of its table, tags, and lists that stay."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from email_hooks import EventKind, HookRequest, Malformed, NotAuthentic, NotConfigured
from email_hooks.authenticity import hmac_hex
from email_hooks.events import Origin
from email_hooks.http import Refused, TryAgain
from email_hooks.providers.mailgun import PROVIDER
from email_hooks.stand_ins.api import InMemory
from email_hooks.stand_ins.mailgun import MailgunStandIn
from tests.email_hooks.providers.answers import Answering, all_of

ANA, BEN = "ana@example.com", "ben@example.com"
# Computed by the documented algorithm: the documentation shows none that is whole.
KEY = "key-test-0123456789"
TOKEN = "e0b5477167110d68991efc6b9f89f0a11066af27834600e123"
SECONDS = "1770920772"
SIGNATURE = "72045b6934f1354e1411e10737206af509fe8351b17a0473d6d141472f5a719c"
AT = datetime.fromtimestamp(int(SECONDS), UTC)
CONFIG = {"signing_key": KEY, "api_key": "k", "account": "mg.example.com"}
TRIPLE = {"token": TOKEN, "timestamp": SECONDS, "signature": SIGNATURE}
DATA = {
    "event": "unsubscribed",
    "id": "W3X4",
    "timestamp": 1770920771.42,
    "recipient": ANA,
    "tags": ["news"],
    "user-variables": {"uid": "42"},
    "message": {"headers": {"message-id": "2026@mg.example.com"}},
}


def request(signature=TRIPLE, url="https://example.com/hooks/main", **data):
    body = json.dumps({"signature": signature, "event-data": DATA | data}).encode()
    return HookRequest(method="POST", url=url, headers={}, body=body)


def heard(config=CONFIG, **data):
    (event,) = PROVIDER.parse(request(**data), config)
    return event


def test_the_computed_vector_is_authentic_and_its_token_is_the_id():
    PROVIDER.verify(request(), CONFIG, AT)
    event = heard()
    assert (event.kind, event.scope, event.address) == (EventKind.UNSUBSCRIBED, "all", ANA)
    assert event.event_id == TOKEN
    assert event.occurred_at == datetime.fromtimestamp(1770920771, UTC) + timedelta(milliseconds=420)
    assert (event.message_id, event.campaign) == ("<2026@mg.example.com>", "news")
    assert (event.metadata, event.origin) == ({"uid": "42"}, Origin.PERSON)


def test_a_seen_signature_fits_any_event_so_the_token_is_the_same_for_what_is_forged_with_it():
    forged = request(recipient=BEN, id="other")
    PROVIDER.verify(forged, CONFIG, AT)
    assert PROVIDER.parse(forged, CONFIG)[0].event_id == heard().event_id


@pytest.mark.parametrize(
    "moved",
    [
        {"timestamp": SECONDS + TOKEN[0], "token": TOKEN[1:]},
        {"timestamp": SECONDS[:-1], "token": SECONDS[-1] + TOKEN},
        {"timestamp": SECONDS + TOKEN, "token": ""},
        {"timestamp": "", "token": SECONDS + TOKEN},
    ],
)
def test_the_border_of_time_and_token_cannot_be_moved_to_make_a_fresh_token(moved):
    with pytest.raises(NotAuthentic):
        PROVIDER.verify(request(TRIPLE | moved), CONFIG | {"tolerance": 1e12}, AT)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"signature": SIGNATURE.upper()},
        {"signature": SIGNATURE[:-1] + "d"},
        {"signature": ""},
        {"signature": None},
        {"signature": "ß"},
        {"signature": [SIGNATURE]},
        {"timestamp": "1770920773"},
        {"timestamp": None},
        {"token": TOKEN[:-1] + "4"},
        {"token": TOKEN[:-1] + "é"},
        {"token": None},
    ],
)
def test_what_was_changed_is_refused(spoilt):
    with pytest.raises(NotAuthentic):
        PROVIDER.verify(request(TRIPLE | spoilt), CONFIG, AT)


@pytest.mark.parametrize("signature", [None, [], "x", {}])
def test_a_signature_that_is_none_is_refused(signature):
    with pytest.raises(NotAuthentic):
        PROVIDER.verify(request(signature), CONFIG, AT)


def test_the_window_is_a_day_and_can_be_set():
    PROVIDER.verify(request(), CONFIG, AT + timedelta(hours=24))
    PROVIDER.verify(request(), CONFIG, AT - timedelta(hours=24))
    for now, config in (
        (AT + timedelta(hours=24, seconds=1), CONFIG),
        (AT - timedelta(hours=24, seconds=1), CONFIG),
        (AT + timedelta(seconds=901), CONFIG | {"tolerance": 900}),
    ):
        with pytest.raises(NotAuthentic, match="too far"):
            PROVIDER.verify(request(), config, now)


def test_only_https_is_taken_since_whoever_reads_along_could_sign_anything():
    plain = request(url="http://example.com/hooks/main")
    with pytest.raises(NotAuthentic, match="https"):
        PROVIDER.verify(plain, CONFIG, AT)
    PROVIDER.verify(plain, CONFIG | {"public_url": "https://example.com/hooks/main"}, AT)


def test_the_signature_of_the_primary_account_counts_where_its_key_is_configured():
    triple = {"token": TOKEN, "timestamp": SECONDS, "signature": hmac_hex("sub", (SECONDS + TOKEN).encode())}
    triple["parent-signature"] = SIGNATURE
    PROVIDER.verify(request(triple), CONFIG, AT)
    PROVIDER.verify(request(triple), CONFIG | {"signing_key": ["old", "sub"]}, AT)
    with pytest.raises(NotAuthentic):
        PROVIDER.verify(request(triple | {"parent-signature": None}), CONFIG, AT)


def test_a_second_secret_in_the_address_is_asked_for_where_it_is_configured():
    config = CONFIG | {"secret": "s"}
    with pytest.raises(NotAuthentic):
        PROVIDER.verify(request(), config, AT)
    PROVIDER.verify(request(url="https://example.com/hooks/main?secret=s"), config, AT)


@pytest.mark.parametrize("body", [b"", b"[]", b"event=unsubscribed&token=x", b"\xff", b"{"])
def test_the_old_form_and_what_is_no_object_is_malformed(body):
    with pytest.raises(Malformed):
        PROVIDER.verify(replace(request(), body=body), CONFIG, AT)


@pytest.mark.parametrize("data", [None, [], "x"])
def test_a_request_without_an_event_is_malformed(data):
    body = json.dumps({"signature": TRIPLE, "event-data": data}).encode()
    with pytest.raises(Malformed, match="event-data"):
        PROVIDER.parse(replace(request(), body=body), CONFIG)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({"event": "unsubscribed"}, EventKind.UNSUBSCRIBED),
        ({"event": "complained"}, EventKind.COMPLAINED),
        *(
            ({"event": "failed", "severity": "permanent", "reason": reason}, kind)
            for reason, kind in (
                ("bounce", EventKind.BOUNCED_HARD),
                ("generic", EventKind.BOUNCED_HARD),
                ("old", EventKind.BOUNCED_HARD),
                (None, EventKind.BOUNCED_HARD),
                ("suppress-bounce", EventKind.SUPPRESSED),
                ("suppress-unsubscribe", EventKind.SUPPRESSED),
                ("suppress-complaint", EventKind.SUPPRESSED),
            )
        ),
        ({"event": "failed", "severity": "temporary", "delivery-status": None}, EventKind.BOUNCED_SOFT),
        *(
            ({"event": name}, EventKind.IGNORED)
            for name in ("accepted", "delivered", "opened", "clicked", "stored", "rejected", "unheard", None)
        ),
    ],
)
def test_every_event_means_what_the_table_says(data, kind):
    event = heard(**data)
    assert (event.kind, event.scope, event.problem, event.lookup) == (kind, "all", None, None)


def test_a_bad_time_loses_no_opt_out_and_a_missing_address_is_a_problem():
    assert heard(timestamp="?").occurred_at is None
    assert heard(timestamp="?").problem is None
    assert heard(recipient=None).problem
    assert heard(recipient=None, event="opened").problem is None


# -- out ----------------------------------------------------------------------------------------------------


def made():
    stand_in = MailgunStandIn(now=lambda: AT)
    return stand_in, stand_in.config("https://api.example.com"), InMemory(stand_in)


async def test_an_opt_out_is_narrowed_to_its_tag_by_the_suppression_itself():
    stand_in, config, http = made()
    event = heard(config | CONFIG)
    assert (event.lookup, event.scope) == (ANA, "all")
    stand_in.hold(ANA, "tag:offers", EventKind.UNSUBSCRIBED)
    found = await PROVIDER.look_up(http, config, event)
    assert (found.kind, found.scope, found.lookup) == (EventKind.GROUP_UNSUBSCRIBED, "tag:offers", None)
    # Of several, one that the mail had.
    stand_in.hold(ANA, "tag:news", EventKind.UNSUBSCRIBED)
    assert (await PROVIDER.look_up(http, config, event)).scope == "tag:news"
    stand_in.hold(ANA, "all", EventKind.UNSUBSCRIBED)
    found = await PROVIDER.look_up(http, config, event)
    assert (found.kind, found.scope) == (EventKind.UNSUBSCRIBED, "all")


async def test_an_opt_out_that_cannot_be_narrowed_is_one_of_all():
    _, config, http = made()
    event = heard(config | CONFIG)
    found = await PROVIDER.look_up(http, config, event)
    assert found == event._replace(lookup=None)
    assert await PROVIDER.look_up(http, config, found) == found
    with pytest.raises(TryAgain):
        await PROVIDER.look_up(Answering(lambda ask: (503, {})), config, event)


async def test_a_batch_is_json_with_tags_and_a_star_for_all():
    http = Answering(lambda ask: (200, {"message": "2 addresses have been added"}))
    for scope, tag in (("all", "*"), ("tag:news", "news")):
        await PROVIDER.push(http, CONFIG, scope, [ANA, BEN], stop=True)
        sent = json.loads(http.asked[-1].body)
        assert sent == [{"address": ANA, "tags": [tag]}, {"address": BEN, "tags": [tag]}]
        assert http.asked[-1].headers["content-type"] == "application/json"
        assert http.asked[-1].url == "https://api.mailgun.net/v3/mg.example.com/unsubscribes"


@pytest.mark.parametrize("scope", ["all", "tag:news"])
async def test_no_delete_ever_goes_to_a_list_instead_of_an_address(scope):
    stand_in, config, http = made()
    stand_in.hold(BEN, scope, EventKind.UNSUBSCRIBED)
    done = await PROVIDER.push(http, config, scope, ["", " ", "..", "."], stop=False)
    assert all(one.refused for one in done)
    assert not stand_in.calls and BEN in stand_in.held[scope]


async def test_taking_back_one_scope_leaves_the_others_in_force():
    stand_in, config, http = made()
    for scope in stand_in.scopes:
        stand_in.hold(ANA, scope, EventKind.UNSUBSCRIBED)
    await PROVIDER.push(http, config, "all", [ANA], stop=False)
    assert stand_in.calls[-1].url.endswith("/unsubscribes/ana%40example.com?tag=%2A")
    assert [scope for scope in stand_in.scopes if ANA in stand_in.held[scope]] == ["tag:news", "tag:offers"]
    await PROVIDER.push(http, config, "tag:news", [ANA], stop=False)
    assert [scope for scope in stand_in.scopes if ANA in stand_in.held[scope]] == ["tag:offers"]


@pytest.mark.parametrize("scope", ["tag:", "tag:*", "stream:a", ""])
async def test_only_all_and_named_tags_are_pushed_to(scope):
    stand_in, config, http = made()
    with pytest.raises(Refused, match="tag:news"):
        await PROVIDER.push(http, config, scope, [ANA], stop=True)
    assert not stand_in.calls


async def test_a_200_that_does_not_say_so_is_not_taken_for_done():
    with pytest.raises(Malformed):
        await PROVIDER.push(Answering(lambda ask: (200, {})), CONFIG, "all", [ANA], stop=True)


async def test_a_list_is_read_by_its_tag_and_all_with_complaints_and_bounces():
    stand_in, config, http = made()
    stand_in.unsubscribe(ANA, "all")
    stand_in.unsubscribe(ANA, "tag:news")
    stand_in.unsubscribe("cid@example.com", "tag:offers")
    stand_in.complain(BEN, "tag:news")
    stand_in.hold("dea@example.com", "all", EventKind.BOUNCED_HARD)
    rows = await all_of(PROVIDER, http, config, "all")
    assert [(one.address, one.kind, one.at) for one in rows] == [
        (ANA, EventKind.UNSUBSCRIBED, AT),
        (BEN, EventKind.COMPLAINED, AT),
        ("dea@example.com", EventKind.BOUNCED_HARD, AT),
    ]
    assert [one.address for one in await all_of(PROVIDER, http, config, "tag:news")] == [ANA]


async def test_an_entry_with_a_single_tag_or_none_and_a_time_of_no_sense_is_read():
    rows = [
        {"address": "a@example.com", "tag": "*", "created_at": "Fri, 21 Oct 2011 11:02:55 GMT"},
        {"address": "b@example.com", "created_at": "Fri, 21 Oct 2011 11:02:55 -0000"},
        {"address": "c@example.com", "tags": ["*", "news"], "created_at": "?"},
        {"address": "d@example.com", "tags": ["news"], "created_at": "Fri, 99 Oct 99999 11:02:55 GMT"},
        {"tags": ["*"]},
    ]
    here = "https://api.mailgun.net/v3/mg.example.com"

    def answer(ask):
        items = rows if ask.url == f"{here}/unsubscribes?limit=1000" else []
        return 200, {"items": items, "paging": {"next": f"{ask.url.partition('?')[0]}?page=next"}}

    found = await all_of(PROVIDER, Answering(answer), CONFIG, "all")
    at = datetime(2011, 10, 21, 11, 2, 55, tzinfo=UTC)
    assert [(one.address[0], one.at) for one in found] == [("a", at), ("b", at), ("c", None)]
    (tagged, other) = await all_of(PROVIDER, Answering(answer), CONFIG, "tag:news")
    assert (tagged.address, other.address, other.at) == ("c@example.com", "d@example.com", None)


@pytest.mark.parametrize(
    "following",
    [
        "https://elsewhere.example.com/v3/mg.example.com/unsubscribes?page=next",
        "http://api.mailgun.net/v3/mg.example.com/unsubscribes?page=next",
        "https://api.mailgun.net.example.com/v3/mg.example.com/unsubscribes?page=next",
        "https://api.mailgun.net@example.com/v3/mg.example.com/unsubscribes?page=next",
        "https://api.mailgun.net/v3/other.example.com/unsubscribes?page=next",
        "https://api.mailgun.net/v3/mg.example.com/unsubscribes?limit=1000",
        None,
        7,
    ],
)
async def test_the_key_follows_next_to_the_same_list_and_nowhere_else(following):
    http = Answering(lambda ask: (200, {"items": [{"address": ANA}], "paging": {"next": following}}))
    with pytest.raises(Malformed, match="next"):
        await all_of(PROVIDER, http, CONFIG, "all")
    assert len(http.asked) == 1


async def test_an_error_that_came_with_a_200_is_no_empty_list():
    with pytest.raises(Malformed, match="items"):
        await all_of(PROVIDER, Answering(lambda ask: (200, {"message": "?"})), CONFIG, "all")


async def test_the_start_check_tells_a_domain_that_is_not_there():
    _, config, http = made()
    (problem,) = await PROVIDER.problems(http, config | {"account": "other.example.com"})
    assert problem.startswith("account:")
    with pytest.raises(NotConfigured, match="account"):
        await PROVIDER.problems(http, config | {"account": None})


async def test_the_region_chooses_the_address():
    http = Answering(lambda ask: (200, {}))
    await PROVIDER.problems(http, CONFIG | {"region": "eu"})
    assert http.asked[0].url.startswith("https://api.eu.mailgun.net/v3/mg.example.com/")
