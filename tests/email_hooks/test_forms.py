"""Forms in PHP's brackets, however odd they are."""

import pytest

from email_hooks import HookError, Malformed
from email_hooks.forms import MOST_DEPTH, MOST_FIELDS, nested


def test_brackets_become_objects_in_objects():
    body = b"type=profile&data%5Bemail%5D=ana%2Bnews%40example.com&data[merges][GROUPINGS][0][groups]=A%2C+B"
    assert nested(body) == {
        "type": "profile",
        "data": {"email": "ana+news@example.com", "merges": {"GROUPINGS": {"0": {"groups": "A, B"}}}},
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", {}),
        (b"a", {"a": ""}),
        (b"a=1&a=2", {"a": "1"}),
        (b"a=1&a[b]=2", {"a": "1"}),
        (b"a[b]=1&a=2", {"a": {"b": "1"}}),
        (b"a[b=1", {"a[b": "1"}),
        (b"[a]=1", {"[a]": "1"}),
        (b"a[]=1&a[]=2", {"a": {"": "1"}}),
    ],
    ids=repr,
)
def test_an_odd_name_is_a_name_and_what_came_first_stays(body, expected):
    assert nested(body) == expected


def test_a_byte_that_is_no_text_spoils_its_own_field_only():
    assert nested(b"name=J%FCrgen&email=a@example.com")["email"] == "a@example.com"


@pytest.mark.parametrize(
    "body",
    [b"\xff=1", b"&".join([b"a=1"] * (MOST_FIELDS + 1)), b"a" + b"[b]" * MOST_DEPTH + b"=1"],
    ids=["no UTF-8", "too many", "too deep"],
)
def test_a_form_beyond_measure_is_malformed(body):
    with pytest.raises(Malformed):
        nested(body)


def test_the_deepest_brackets_that_are_allowed_are_read():
    found = nested(b"a" + b"[b]" * (MOST_DEPTH - 1) + b"=1")
    for _ in range(MOST_DEPTH - 1):
        found = found.get("a") or found["b"]
    assert found["b"] == "1"
    assert issubclass(Malformed, HookError)
