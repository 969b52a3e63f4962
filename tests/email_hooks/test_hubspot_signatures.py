"""HubSpot's three signatures, by its own vectors."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from email_hooks import HookRequest, NotAuthentic, NotConfigured
from email_hooks.hubspot_signatures import decoded, signature
from email_hooks.providers.hubspot import PROVIDER

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
#: The vectors of HubSpot's own libraries and documentation (PROVIDERS.md 13.3).
KEY = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
URL = "https://www.example.com/webhook_uri"
BODY = b"{'example_field':'example_value'}"
V1 = "69fc6631a867edd4f9e9e627fc5c1148e3fbdd8b21837b6d2b8901c1fa57f750"
V2 = "4fe4e3a7d3cf09db53be39d0a58130e2aaba074ec123a9e355b876a689a1c383"
V3 = {
    "15000000": "HPW73RUtKmcYoEDADG0s6MmGFWUzWJKAW07r8RDgcQw=",
    "1700000300000": "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw=",
}
EXAMPLE = (
    b'[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,'
    b'"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM",'
    b'"changeFlag":"NEW","appId":54321}]'
)
CONFIG = {"signing_key": KEY}


def signed(milliseconds: str = "1700000300000", **changes) -> HookRequest:
    headers = {
        "X-HubSpot-Signature-v3": V3.get(milliseconds, "x"),
        "X-HubSpot-Request-Timestamp": milliseconds,
    }
    return replace(HookRequest(method="POST", url=URL, headers=headers, body=BODY), **changes)


def at(milliseconds: str, seconds: float = 0) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize("milliseconds", V3)
def test_the_published_vectors_of_v3_hold_for_five_minutes_either_way(milliseconds):
    for seconds in (-300, 0, 300):
        PROVIDER.verify(signed(milliseconds), CONFIG, at(milliseconds, seconds))
    for seconds in (-301, 301):
        with pytest.raises(NotAuthentic):
            PROVIDER.verify(signed(milliseconds), CONFIG, at(milliseconds, seconds))


@pytest.mark.parametrize(
    ("version", "method", "body", "expected"),
    [
        (1, "POST", BODY, V1),
        (2, "POST", BODY, V2),
        (2, "GET", b"", "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e"),
        (1, "POST", EXAMPLE, "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"),
    ],
)
def test_the_published_vectors_of_v1_and_v2_hold_where_they_are_enabled(version, method, body, expected):
    assert signature(version, KEY, method, URL, body) == expected
    headers = {"X-HubSpot-Signature": expected, "X-HubSpot-Signature-Version": f"v{version}"}
    request = HookRequest(method=method, url=URL, headers=headers, body=body)
    PROVIDER.verify(request, CONFIG | {"versions": [3, version]}, NOW)
    for config in (CONFIG, CONFIG | {"versions": [3, 3 - version]}):
        with pytest.raises(NotAuthentic):
            PROVIDER.verify(request, config, NOW)
    with pytest.raises(NotAuthentic):
        shouted = headers | {"X-HubSpot-Signature": expected.upper()}
        PROVIDER.verify(replace(request, headers=shouted), CONFIG | {"versions": [version]}, NOW)


def test_a_wrong_v3_is_not_made_good_by_a_right_v2():
    headers = {
        "x-hubspot-signature-v3": "x",
        "x-hubspot-request-timestamp": "1700000300000",
        "x-hubspot-signature": V2,
        "x-hubspot-signature-version": "v2",
    }
    with pytest.raises(NotAuthentic):
        config = CONFIG | {"versions": [3, 2, 1]}
        PROVIDER.verify(signed(headers=headers), config, at("1700000300000"))


@pytest.mark.parametrize(
    "changes",
    [{"method": "PUT"}, {"url": URL + "?a=1"}, {"url": URL + "/"}, {"body": BODY + b"\n"}, {"headers": {}}],
    ids=repr,
)
def test_method_address_and_body_are_signed(changes):
    with pytest.raises(NotAuthentic):
        PROVIDER.verify(signed(**changes), CONFIG, at("1700000300000"))


@pytest.mark.parametrize("milliseconds", ["", "now", "-1", "1700000300", "1e12", "9" * 30, "１７"])
def test_a_time_that_is_none_is_stale(milliseconds):
    made = signature(3, KEY, "POST", URL, BODY, milliseconds)
    headers = {"x-hubspot-signature-v3": made, "x-hubspot-request-timestamp": milliseconds}
    with pytest.raises(NotAuthentic):
        PROVIDER.verify(signed(headers=headers), CONFIG, at("1700000300000"))


def test_the_address_is_decoded_where_hubspot_decodes_it_and_nowhere_else():
    escaped = "%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B"
    assert decoded(escaped) == decoded(escaped.lower()) == ":/?@!$'()*,;"
    assert decoded("%20%26%3D%2B%25%23%253A%41") == "%20%26%3D%2B%25%23%253A%41"


def test_behind_a_proxy_the_configured_address_is_what_was_signed():
    public = "https://preferences.example.com/hooks/main"
    query = "?secret=a%2Fb%20c&x=1"
    made = signature(3, KEY, "POST", f"{public}?secret=a/b%20c&x=1", BODY, "15000000")
    headers = {"x-hubspot-signature-v3": made, "x-hubspot-request-timestamp": "15000000"}
    request = signed(headers=headers, url=f"http://127.0.0.1:8000/hooks/main{query}")
    PROVIDER.verify(request, CONFIG | {"public_url": public}, at("15000000"))
    with pytest.raises(NotAuthentic):
        PROVIDER.verify(request, CONFIG, at("15000000"))


def test_any_of_two_secrets_will_do_while_they_are_changed():
    PROVIDER.verify(signed(), CONFIG | {"signing_key": ["new", KEY]}, at("1700000300000"))


@pytest.mark.parametrize("versions", [[], 3, "3", ["3"], [4], [True], None, [[3]]], ids=repr)
def test_versions_that_are_none_are_named(versions):
    with pytest.raises(NotConfigured, match="versions"):
        PROVIDER.verify(signed(), CONFIG | {"versions": versions}, at("1700000300000"))
