"""Signature Version 4: AWS's published values, botocore's own signer, and ours against the stand-in's."""

import logging
import sys
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
import time_machine
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from email_hooks import NotConfigured
from email_hooks.http import Ask
from email_hooks.sigv4 import signed
from email_hooks.stand_ins.sigv4 import is_signed

#: Of AWS's SigV4 test suite ("get-vanilla" and its neighbours).
KEY_ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SUITE = {"key_id": KEY_ID, "secret": SECRET, "region": "us-east-1", "service": "service"}
AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)


@pytest.mark.parametrize(
    ("method", "query", "signature"),
    [
        ("GET", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "GET",
            "?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
    ],
)
def test_the_published_values_come_out(method, query, signature):
    ask = signed(Ask(method=method, url=f"https://example.amazonaws.com/{query}"), now=AT, **SUITE)
    assert ask.headers["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={signature}"
    )
    assert is_signed(ask, now=AT, **SUITE)


def test_the_published_example_with_a_type_comes_out():
    """ListUsers, of AWS's general reference."""
    kind = "application/x-www-form-urlencoded; charset=utf-8"
    url = "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08"
    ask = signed(
        Ask(method="GET", url=url, headers={"Content-Type": kind}), now=AT, **SUITE | {"service": "iam"}
    )
    assert ask.headers["authorization"].endswith(
        "SignedHeaders=content-type;host;x-amz-date, "
        "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    )


@given(
    address=st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(
        lambda one: one.strip("./")
    ),
    body=st.binary(max_size=40),
)
def test_whatever_is_in_the_path_the_signature_is_botocores_and_the_stand_in_takes_it(address, body):
    url = f"https://email.eu-west-1.amazonaws.com/v2/email/contacts/{quote(address, safe='')}"
    ask = Ask(method="PUT", url=url, headers={"content-type": "application/json"}, body=body)
    ours = signed(ask, now=AT, **SUITE)
    theirs = AWSRequest(method="PUT", url=url, headers=dict(ask.headers), data=body)
    with time_machine.travel(AT, tick=False):
        SigV4Auth(Credentials(KEY_ID, SECRET), "service", "us-east-1").add_auth(theirs)
    assert ours.headers["authorization"] == theirs.headers["Authorization"]
    assert is_signed(ours, now=AT, **SUITE)
    assert not is_signed(ours, now=AT + timedelta(minutes=6), **SUITE)


def test_no_address_comes_into_the_log(caplog):
    caplog.set_level(logging.DEBUG)
    signed(Ask(method="GET", url="https://example.com/ana%40example.com"), now=AT, **SUITE)
    assert "ana" not in caplog.text


def test_without_botocore_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "botocore.auth", None)
    with pytest.raises(NotConfigured, match=r"pip install 'prefcenter\[ses\]'"):
        signed(Ask(method="GET", url="https://example.com/"), now=AT, **SUITE)
