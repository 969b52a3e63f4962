"""Amazon SES: the contact list by its API, whose answers lie about their status, and the suppression list."""

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import botocore
import pytest

from email_hooks import EventKind, Malformed, NotConfigured
from email_hooks.http import Ask, Refused, Reply, TryAgain
from email_hooks.providers.ses import PROVIDER
from email_hooks.stand_ins.api import InMemory
from email_hooks.stand_ins.ses import SesStandIn
from tests.email_hooks.providers.answers import Answering, all_of

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
AT = datetime(2026, 1, 5, 10, tzinfo=UTC)
ANA, BEN = "ana@example.com", "ben@example.com"


@pytest.fixture
def ses():
    return SesStandIn(now=lambda: NOW)


@pytest.fixture
def config(ses):
    return ses.config("https://api.example.com")


async def push(ses, config, scope, stop=True, address=ANA):
    return await PROVIDER.push(InMemory(ses), config, scope, [address], stop=stop)


def asked(ses):
    return [call.method for call in ses.calls]


async def test_a_stop_on_a_topic_keeps_every_other_preference(ses, config):
    ses.contacts[ANA] = {
        "EmailAddress": ANA,
        "TopicPreferences": [{"TopicName": "offers", "SubscriptionStatus": "OPT_OUT"}],
        "UnsubscribeAll": True,
        "AttributesData": '{"name": "Ana"}',
    }
    await push(ses, config, "topic:news")
    contact = ses.contacts[ANA]
    assert contact["TopicPreferences"] == [
        {"TopicName": "offers", "SubscriptionStatus": "OPT_OUT"},
        {"TopicName": "news", "SubscriptionStatus": "OPT_OUT"},
    ]
    assert contact["UnsubscribeAll"] and contact["AttributesData"] == '{"name": "Ana"}'
    await push(ses, config, "all", stop=False)
    assert [row["SubscriptionStatus"] for row in ses.contacts[ANA]["TopicPreferences"]] == ["OPT_OUT"] * 2
    assert ses.contacts[ANA]["AttributesData"] == '{"name": "Ana"}'


async def test_the_defaults_of_topics_are_not_written_down_as_the_persons_own_words(ses, config):
    await push(ses, config, "all")
    assert ses.contacts[ANA]["TopicPreferences"] == []


async def test_what_is_so_already_costs_one_request(ses, config):
    await push(ses, config, "topic:news")
    ses.calls.clear()
    await push(ses, config, "topic:news")
    assert asked(ses) == ["GET"]


async def test_a_yes_makes_no_contact_for_all_and_one_for_a_topic(ses, config):
    """A topic may be off by default: only the contact's own word turns it on."""
    await push(ses, config, "all", stop=False)
    assert ses.contacts == {}
    await push(ses, config, "topic:news", stop=False)
    assert ses.contacts[ANA]["TopicPreferences"] == [{"TopicName": "news", "SubscriptionStatus": "OPT_IN"}]


async def test_the_suppression_list_is_never_written(ses, config):
    await push(ses, config, "all")
    await push(ses, config, "topic:news")
    assert not ses.suppression and not [call for call in ses.calls if "/suppression/" in call.url]


async def test_the_address_is_one_segment_of_the_path(ses, config):
    await push(ses, config, "all", address="a+b/c?d#e%@example.com")
    assert "a+b/c?d#e%@example.com" in ses.contacts
    assert ses.calls[0].url.endswith("/contacts/a%2Bb%2Fc%3Fd%23e%25%40example.com")


class Overtaken(InMemory):
    """Somebody else writes the contact first, so many times."""

    def __init__(self, ses, reply, times, meanwhile):
        super().__init__(ses)
        self.reply, self.times, self.meanwhile = reply, times, meanwhile

    async def send(self, ask):
        if ask.method in ("POST", "PUT") and self.times:
            self.times -= 1
            self.meanwhile()
            return self.reply
        return await super().send(ask)


def error(status, type_, in_body=False):
    if in_body:
        return Reply(status=status, body=json.dumps({"__type": f"com.amazonaws#{type_}"}).encode())
    return Reply(status=status, headers={"x-amzn-errortype": f"{type_}:http://x/"}, body=b"{}")


@pytest.mark.parametrize("in_body", [False, True])
async def test_a_contact_that_somebody_else_writes_is_read_again(ses, config, in_body):
    """500 for a change meanwhile, 400 for one made meanwhile: the type says it, not the status."""
    for reply in (
        error(500, "ConcurrentModificationException", in_body),
        error(400, "AlreadyExistsException", in_body),
    ):
        ses.contacts.clear()
        http = Overtaken(ses, reply, 1, lambda: ses._set(ANA, "topic:offers", stop=True))
        await PROVIDER.push(http, config, "topic:news", [ANA], stop=True)
        assert {row["TopicName"] for row in ses.contacts[ANA]["TopicPreferences"]} == {"news", "offers"}
        with pytest.raises(TryAgain):
            await PROVIDER.push(Overtaken(ses, reply, 9, lambda: None), config, "all", [ANA], stop=True)


@pytest.mark.parametrize(
    "type_", ["LimitExceededException", "ThrottlingException", "Throttling", "TooManyRequestsException"]
)
@pytest.mark.parametrize("status", [400, 500])
async def test_what_passes_is_tried_again_whatever_its_status(config, type_, status):
    http = Answering(lambda ask: (status, {"__type": type_}))
    with pytest.raises(TryAgain):
        await PROVIDER.push(http, config, "all", [ANA], stop=True)


async def test_a_list_that_is_not_there_refuses_the_stop_and_is_a_problem(ses, config):
    wrong = config | {"account": "other", "scopes": ("topic:news",)}
    with pytest.raises(Refused):
        await push(ses, wrong, "all")
    problems = await PROVIDER.problems(InMemory(ses), wrong)
    assert problems[0].startswith("account: ") and problems[1].startswith("topic:news: ")


@pytest.mark.parametrize("scope", ["stream:x", "topic:", "topic", ""])
async def test_a_scope_of_another_kind_is_refused_before_anything_is_asked(ses, config, scope):
    with pytest.raises(Refused, match="topic:NAME"):
        await push(ses, config, scope)
    assert ses.calls == []


@pytest.mark.parametrize(
    "strange",
    [
        {"UnsubscribeAll": "yes"},
        {"UnsubscribeAll": 1},
        {"TopicPreferences": [{"TopicName": "news"}]},
        {"TopicPreferences": {}},
        {"EmailAddress": None},
    ],
)
async def test_a_contact_that_is_not_understood_is_not_written_over(config, strange):
    http = Answering(lambda ask: (200, {"EmailAddress": ANA, "UnsubscribeAll": True} | strange))
    with pytest.raises(Malformed):
        await PROVIDER.push(http, config, "topic:news", [ANA], stop=True)
    assert [ask.method for ask in http.asked] == ["GET"]


@pytest.mark.parametrize("name", ["api_key", "api_secret", "region", "account"])
async def test_what_is_missing_is_named(ses, config, name):
    with pytest.raises(NotConfigured, match=f"^{name}: missing"):
        await push(ses, {key: value for key, value in config.items() if key != name}, "all")


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-west-1", "email.eu-west-1.amazonaws.com"),
        ("cn-north-1", "email.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "email.eusc-de-east-1.amazonaws.eu"),
    ],
)
async def test_each_region_has_its_own_host(config, region, host):
    http = Answering(lambda ask: (404, {}))
    own = {key: value for key, value in config.items() if key != "base_url"}
    await PROVIDER.problems(http, own | {"region": region})
    assert http.asked[0].url.startswith(f"https://{host}/v2/email/")
    with pytest.raises(NotConfigured, match=r"^region: "):
        await PROVIDER.problems(http, own | {"region": "example.com/x"})


async def test_all_lists_the_unsubscribed_and_the_accounts_own_suppressions(ses, config):
    ses.hold(ANA, "all", EventKind.UNSUBSCRIBED, AT)
    ses.hold("topic@example.com", "topic:news", EventKind.UNSUBSCRIBED, AT)
    ses.hold(BEN, "topic:news", EventKind.COMPLAINED, AT)
    ses.hold("gone@example.com", "all", EventKind.BOUNCED_HARD, AT)
    found = await all_of(PROVIDER, InMemory(ses), config, "all")
    assert {(one.address, one.kind, one.at, one.reason) for one in found} == {
        (ANA, EventKind.UNSUBSCRIBED, AT, None),
        (BEN, EventKind.COMPLAINED, AT, "COMPLAINT"),
        ("gone@example.com", EventKind.BOUNCED_HARD, AT, "BOUNCE"),
    }
    (held,) = await all_of(PROVIDER, InMemory(ses), config, "topic:news")
    assert (held.address, held.kind, held.at) == ("topic@example.com", EventKind.UNSUBSCRIBED, AT)


async def test_a_list_that_leads_to_the_page_it_came_from_ends_with_an_error(config):
    page = {"Contacts": [], "NextToken": "1"}
    with pytest.raises(Malformed):
        await all_of(PROVIDER, Answering(lambda ask: (200, page)), config, "topic:news")


async def test_the_quota_of_one_request_a_second_is_told_as_it_is(ses, config):
    """A push is two requests, so one push in two seconds."""
    assert (PROVIDER.capabilities.parallel, PROVIDER.capabilities.per_second) == (1, 0.5)
    ses.throttles = True
    with pytest.raises(TryAgain):
        await push(ses, config, "all")


async def test_our_own_pushes_are_not_told_of_so_there_is_no_echo(ses, config):
    await push(ses, config, "all")
    await push(ses, config, "all", stop=False)
    assert not ses.hooks
    ses.unsubscribe(ANA, "all")
    assert len(ses.hooks) == 1


def test_the_operations_are_those_of_the_model_that_botocore_ships():
    model = Path(botocore.__file__).parent / "data/sesv2/2019-09-27/service-2.json.gz"
    operations = json.loads(gzip.decompress(model.read_bytes()))["operations"]
    there = {(one["http"]["method"], one["http"]["requestUri"]) for one in operations.values()}
    contacts = "/v2/email/contact-lists/{ContactListName}"
    assert {
        ("GET", contacts),
        ("POST", f"{contacts}/contacts"),
        ("POST", f"{contacts}/contacts/list"),
        ("GET", f"{contacts}/contacts/{{EmailAddress}}"),
        ("PUT", f"{contacts}/contacts/{{EmailAddress}}"),
        ("GET", "/v2/email/suppression/addresses"),
    } <= there


async def test_a_request_that_was_changed_on_the_way_is_locked_out(ses, config):
    await push(ses, config, "all")
    sent: Ask = ses.calls[-1]
    assert ses.handle(sent).status != 403
    assert ses.handle(replace(sent, body=sent.body + b" ")).status == 403
    assert ses.handle(replace(sent, url=f"{sent.url}?PageSize=1")).status == 403
    late = dict(sent.headers) | {"x-amz-date": (NOW - timedelta(days=1)).strftime("%Y%m%dT%H%M%SZ")}
    assert ses.handle(replace(sent, headers=late)).status == 403
