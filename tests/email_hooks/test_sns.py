"""Amazon SNS: the signature of both versions, the certificate's address and dates, and whose topic it is."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from email_hooks import EventKind, HookError, Malformed, NotAuthentic, NotConfigured, receive
from email_hooks.certificates import remembering
from email_hooks.providers.ses import PROVIDER, Ses
from email_hooks.sns import string_to_sign
from email_hooks.stand_ins import sns
from email_hooks.stand_ins.ses import SesStandIn

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MESSAGE = {"eventType": "Send", "mail": {}}
REGIONS = ["us-east-1", "eu-west-1", "ap-southeast-2"]


@pytest.fixture
def ses():
    return SesStandIn(now=lambda: NOW)


@pytest.fixture
def config(ses):
    return ses.config("https://api.example.com")


@pytest.fixture
def unpinned(config):
    return {name: value for name, value in config.items() if name != "signing_key"}


class Fetching:
    """The signer's site."""

    def __init__(self, pem=None, error=None):
        self.pem = (pem or sns.certificate_of("ses")).encode()
        self.error = error
        self.asked = []

    def __call__(self, url):
        self.asked.append(url)
        if self.error:
            raise self.error
        return self.pem


def changed(request, sign=True, **fields):
    """With other fields, signed again by the right key, or not; None takes a field away."""
    envelope = json.loads(request.body) | fields
    envelope = {name: value for name, value in envelope.items() if value is not None}
    if sign:
        ours = {
            "SignatureVersion": envelope["SignatureVersion"],
            "SigningCertURL": envelope["SigningCertURL"],
        }
        envelope = sns.signed(envelope, "ses") | ours
    return sns.posted(request.url, envelope)


@pytest.mark.parametrize("version", ["1", "2"])
def test_both_versions_of_the_signature_are_verified(ses, config, version):
    request = ses.publish("m-1", MESSAGE, version=version)
    PROVIDER.verify(request, config, NOW)
    with pytest.raises(NotAuthentic):
        PROVIDER.verify(changed(request, sign=False, Message="{}"), config, NOW)


def test_a_version_can_be_shut_out_and_others_never_come_in(ses, config):
    old = ses.publish("m-1", MESSAGE, version="1")
    with pytest.raises(NotAuthentic, match="SignatureVersion"):
        PROVIDER.verify(old, config | {"versions": "2"}, NOW)
    for version in ("3", "0", None, ["2"], 2):
        with pytest.raises(NotAuthentic, match="SignatureVersion"):
            PROVIDER.verify(changed(old, sign=False, SignatureVersion=version), config, NOW)


def test_what_is_signed_is_the_decoded_text_with_a_subject_only_where_there_is_one():
    fields = sns.notification("m-1", 'two\nlines, "quoted"', NOW)
    assert string_to_sign(fields).decode() == (
        'Message\ntwo\nlines, "quoted"\nMessageId\nm-1\n'
        f"Timestamp\n2026-11-24T12:00:00.000Z\nTopicArn\n{sns.TOPIC}\nType\nNotification\n"
    )
    assert b"MessageId\nm-1\nSubject\nHello\nTimestamp\n" in string_to_sign(fields | {"Subject": "Hello"})
    lines = string_to_sign(sns.confirmation("m-2", NOW)).decode().split("\n")
    assert lines[3] == "MessageId" and {"SubscribeURL", "Token"} <= set(lines)


def test_a_subject_is_part_of_what_is_signed(ses, config):
    request = changed(ses.publish("m-1", MESSAGE), Subject="Hello")
    PROVIDER.verify(request, config, NOW)
    with pytest.raises(NotAuthentic):
        PROVIDER.verify(changed(request, sign=False, Subject="Bye"), config, NOW)


@pytest.mark.parametrize("field", ["Message", "MessageId", "Timestamp", "TopicArn", "Type", "Signature"])
def test_a_field_that_is_signed_cannot_be_left_out_or_be_something_else(ses, config, field):
    request = ses.publish("m-1", MESSAGE)
    for value in (None, 7, ["x"], "", {"a": 1}):
        body = json.dumps(json.loads(request.body) | {field: value}).encode()
        with pytest.raises(HookError):
            PROVIDER.verify(replace(request, body=body), config, NOW)


def test_a_topic_of_another_account_is_not_let_in_however_well_it_signs(ses, config):
    foreign = changed(ses.publish("m-1", MESSAGE), TopicArn="arn:aws:sns:eu-west-1:999999999999:ses-events")
    with pytest.raises(NotAuthentic, match="topics"):
        PROVIDER.verify(foreign, config, NOW)
    PROVIDER.verify(foreign, config | {"topics": [*config["topics"], foreign_arn(foreign)]}, NOW)


def foreign_arn(request):
    return json.loads(request.body)["TopicArn"]


def test_without_topics_nothing_is_let_in(ses, config):
    absent: list[dict[str, object]] = [{"topics": None}, {"topics": []}, {"topics": ""}]
    for wrong in absent:
        with pytest.raises(NotConfigured, match="topics"):
            PROVIDER.verify(ses.publish("m-1", MESSAGE), config | wrong, NOW)


@pytest.mark.parametrize("header", ["x-amz-sns-message-type", "x-amz-sns-message-id", "x-amz-sns-topic-arn"])
def test_the_headers_must_say_what_the_body_says(ses, config, header):
    request = ses.publish("m-1", MESSAGE)
    for headers in (dict(request.headers) | {header: "other"}, {header: "", "a": "b"}, {}):
        with pytest.raises(NotAuthentic, match="header"):
            PROVIDER.verify(replace(request, headers=headers), config, NOW)


def test_a_message_of_some_days_ago_is_stale_and_one_of_the_last_try_is_not(ses, config):
    for age, fresh in ((timedelta(hours=2), True), (timedelta(days=2), False), (timedelta(days=-2), False)):
        request = ses.publish("m-1", MESSAGE, NOW - age)
        if fresh:
            PROVIDER.verify(request, config, NOW)
        else:
            with pytest.raises(NotAuthentic, match="too far"):
                PROVIDER.verify(request, config, NOW)


# -- the certificate ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [f"https://sns.{region}.amazonaws.com/SimpleNotificationService-0a1b2c.pem" for region in REGIONS]
    + ["https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-0a1b2c.pem"],
)
def test_a_certificate_is_fetched_from_sns_once(ses, unpinned, url):
    fetch = Fetching()
    adapter = Ses(fetch)
    for number in range(3):
        adapter.verify(
            changed(ses.publish(f"m-{number}", MESSAGE), sign=False, SigningCertURL=url), unpinned, NOW
        )
    assert fetch.asked == [url]


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com.example.com/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0a.pem",
        "https://u@sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://example.com/@sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem?x=1",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem#x",
        "https://sns.eu-west-1.amazonaws.com/a/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-zz.pem",
        "https://s3.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://sns.a.b.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.eu/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonawsXcom/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem\n",
        "https://169.254.169.254/SimpleNotificationService-0a.pem",
        "",
        7,
        None,
    ],
)
def test_a_certificate_of_anywhere_else_is_never_fetched(ses, config, unpinned, url):
    fetch = Fetching()
    request = changed(ses.publish("m-1", MESSAGE), sign=False, SigningCertURL=url)
    with pytest.raises(NotAuthentic, match="SigningCertURL"):
        Ses(fetch).verify(request, unpinned, NOW)
    with pytest.raises(NotAuthentic, match="SigningCertURL"):
        PROVIDER.verify(request, config, NOW)
    assert fetch.asked == []


def test_another_domain_of_aws_can_be_let_in(ses, unpinned):
    url = "https://sns.eusc-de-east-1.amazonaws.eu/SimpleNotificationService-0a.pem"
    request = changed(ses.publish("m-1", MESSAGE), sign=False, SigningCertURL=url)
    fetch = Fetching()
    Ses(fetch).verify(request, unpinned | {"sns_domains": ["amazonaws.eu"]}, NOW)
    assert fetch.asked == [url]


def test_what_is_cheap_is_checked_before_anything_is_fetched(ses, unpinned):
    fetch = Fetching()
    good = ses.publish("m-1", MESSAGE)
    for bad in (
        changed(good, sign=False, TopicArn="arn:aws:sns:eu-west-1:1:x"),
        changed(good, sign=False, Signature="?"),
        changed(good, sign=False, SignatureVersion="9"),
        replace(good, headers={}),
        ses.publish("m-2", MESSAGE, NOW - timedelta(days=9)),
    ):
        with pytest.raises(NotAuthentic):
            Ses(fetch).verify(bad, unpinned, NOW)
    assert fetch.asked == []


def test_a_certificate_that_cannot_be_had_is_our_trouble_and_is_asked_for_again(ses, unpinned):
    fetch = Fetching(error=NotConfigured("no way out"))
    adapter = Ses(fetch)
    request = ses.publish("m-1", MESSAGE)
    for _ in range(2):
        with pytest.raises(NotConfigured):
            adapter.verify(request, unpinned, NOW)
    fetch.error = None
    adapter.verify(request, unpinned, NOW)
    assert len(fetch.asked) == 3


@pytest.mark.parametrize(
    "pem", ["no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_what_is_no_certificate_is_said_to_be_none(ses, unpinned, pem):
    with pytest.raises(NotConfigured, match="no certificate"):
        Ses(Fetching(pem)).verify(ses.publish("m-1", MESSAGE), unpinned, NOW)
    with pytest.raises(NotConfigured, match="no certificate"):
        PROVIDER.verify(ses.publish("m-1", MESSAGE), unpinned | {"signing_key": pem}, NOW)


def test_a_certificate_counts_between_its_dates_only(ses, unpinned):
    since, until = NOW - timedelta(days=1), NOW + timedelta(days=1)
    pinned = unpinned | {"signing_key": sns.certificate_of("ses", since, until), "tolerance": 10 * 86_400}
    for days, good in ((0, True), (2, False), (-2, False)):
        at = NOW + timedelta(days=days)
        if good:
            PROVIDER.verify(ses.publish("m-1", MESSAGE), pinned, at)
        else:
            with pytest.raises(NotAuthentic, match="out of date"):
                PROVIDER.verify(ses.publish("m-1", MESSAGE), pinned, at)


def test_while_certificates_change_several_may_be_pinned(ses, config):
    both = [sns.certificate_of("another"), *config["signing_key"]]
    PROVIDER.verify(ses.publish("m-1", MESSAGE), config | {"signing_key": both}, NOW)
    with pytest.raises(NotAuthentic):
        PROVIDER.verify(ses.publish("m-1", MESSAGE), config | {"signing_key": both[:1]}, NOW)


def test_a_second_secret_beside_the_signature_is_asked_for_where_it_is_configured(ses, config):
    request = ses.publish("m-1", MESSAGE)
    with pytest.raises(NotAuthentic):
        PROVIDER.verify(request, config | {"secret": "s3"}, NOW)
    PROVIDER.verify(replace(request, url=f"{request.url}?secret=s3"), config | {"secret": "s3"}, NOW)


def test_only_so_many_certificates_are_remembered():
    fetch = Fetching()
    remembered = remembering(fetch)
    for number in range(100):
        remembered(f"https://example.com/{number}")
    remembered("https://example.com/99")
    remembered("https://example.com/0")
    assert len(fetch.asked) == 101


# -- confirmations ------------------------------------------------------------------------------------------


def test_the_subscription_of_an_allowed_topic_is_to_be_confirmed_at_its_own_address(ses, config):
    (event,) = receive("ses", ses.confirmation(), config, NOW)
    assert (event.kind, event.address, event.problem) == (EventKind.IGNORED, None, None)
    assert event.visit and event.visit.startswith("https://sns.eu-west-1.amazonaws.com/?Action=Confirm")


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=" + sns.TOPIC,
        "https://example.com/?Action=ConfirmSubscription&TopicArn=" + sns.TOPIC,
        "https://sns.eu-west-1.amazonaws.com@example.com/?Action=ConfirmSubscription&TopicArn=" + sns.TOPIC,
        "https://sns.eu-west-1.amazonaws.com:81/?Action=ConfirmSubscription&TopicArn=" + sns.TOPIC,
        "https://sns.eu-west-1.amazonaws.com/x?Action=ConfirmSubscription&TopicArn=" + sns.TOPIC,
        "https://sns.eu-west-1.amazonaws.com/?Action=DeleteTopic&TopicArn=" + sns.TOPIC,
        "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=other",
        "https://[sns.eu-west-1.amazonaws.com/",
        "https://sns.eu-west-1.amazonaws.com/?" + "&".join("a=b" for _ in range(50)),
    ],
)
def test_an_address_that_is_not_of_sns_for_this_topic_is_never_visited(ses, config, url):
    (event,) = receive("ses", changed(ses.confirmation(), SubscribeURL=url), config, NOW)
    assert (event.kind, event.visit) == (EventKind.IGNORED, None)
    assert event.problem and "SubscribeURL" in event.problem


def test_the_end_of_a_subscription_is_told_and_nothing_is_visited(ses, config):
    (event,) = receive("ses", ses.confirmation("UnsubscribeConfirmation"), config, NOW)
    assert (event.kind, event.visit, event.reason) == (EventKind.IGNORED, None, "UnsubscribeConfirmation")


def test_the_confirmation_of_a_foreign_topic_is_not_authentic(ses, config):
    with pytest.raises(NotAuthentic):
        receive("ses", ses.confirmation(), config | {"topics": ["arn:aws:sns:eu-west-1:1:other"]}, NOW)


def test_a_message_without_its_envelope_is_refused(ses, config):
    """Raw message delivery has no signature."""
    raw = replace(ses.publish("m-1", MESSAGE), body=json.dumps(MESSAGE).encode())
    with pytest.raises(NotAuthentic):
        receive("ses", raw, config, NOW)
    with pytest.raises(Malformed):
        receive("ses", replace(raw, body=b"{"), config, NOW)
