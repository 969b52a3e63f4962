"""Bad items: the call is refused whole, with index and field named, and nothing is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from prefcenter.web.api import types
from tests.api.client import Api, errors_of

GOOD: dict[str, Any] = {
    "subject": {"email": "ada@example.com"},
    "purpose": "newsletter",
    "action": "give",
    "source": "form",
}

LONG_AGO = "1900-01-01T00:00:00Z"
CUSTOMER: dict[str, Any] = {"kind": "customer", "since": "2026-01-01T00:00:00Z"}

BAD_CHOICES: dict[str, tuple[dict[str, Any], str]] = {
    "wrong type": ({"purpose": 7}, "purpose"),
    "unknown field": ({"porpose": "newsletter"}, "porpose"),
    "unknown field inside": ({"subject": {"emial": "ada@example.com"}}, "subject.emial"),
    "unknown purpose": ({"purpose": "nope"}, "purpose"),
    "no purpose key": ({"purpose": "News Letter"}, "purpose"),
    "bad address": ({"subject": {"email": "ada@"}}, "subject.email"),
    "address of control characters": ({"subject": {"email": "ada\x00@example.com"}}, "subject.email"),
    "nobody named": ({"subject": {}}, "subject"),
    "unknown action": ({"action": "unsubscribe"}, "action"),
    "unknown source": ({"source": "page"}, "source"),
    "channel that the purpose lacks": ({"channel": "sms"}, "channel"),
    "contract purpose": ({"purpose": "account", "action": "withdraw"}, "purpose"),
    "yes to everything": ({"purpose": "*"}, "purpose"),
    "time without a zone": ({"occurred_at": "2026-01-01T00:00:00"}, "occurred_at"),
    "no time": ({"occurred_at": "yesterday"}, "occurred_at"),
    "until without defer": ({"until": "2027-01-01T00:00:00Z"}, "until"),
    "until for all marketing": (
        {"purpose": "*", "action": "object", "until": "2027-01-01T00:00:00Z"},
        "until",
    ),
    "bad country": ({"subject": {"email": "ada@example.com", "country": "de"}}, "subject.country"),
    "the name of a row of the rules": (
        {"subject": {"email": "ada@example.com", "country": "EU"}},
        "subject.country",
    ),
    "country and a newline": (
        {"subject": {"email": "ada@example.com", "country": "DE\n"}},
        "subject.country",
    ),
    "an offer to say no without words": (
        {
            "subject": {
                "email": "ada@example.com",
                "relationship": {
                    "kind": "customer",
                    "since": "2026-01-01T00:00:00Z",
                    "opt_out_offered": {"at": "2026-01-01T00:00:00Z", "wording": " "},
                },
            }
        },
        "subject.relationship.opt_out_offered.wording",
    ),
    "a relationship that ended before it began": (
        {"subject": {"email": "ada@example.com", "relationship": {**CUSTOMER, "ended_at": LONG_AGO}}},
        "subject.relationship.ended_at",
    ),
    "a relationship that ended and goes on": (
        {
            "subject": {
                "email": "ada@example.com",
                "relationship": {**CUSTOMER, "ended_at": CUSTOMER["since"], "ongoing": True},
            }
        },
        "subject.relationship.ended_at",
    ),
    "bad id": ({"subject": {"id": "../1"}}, "subject.id"),
    "unknown id": ({"subject": {"id": "0" * 32}}, "subject.id"),
    "unknown external id": ({"subject": {"external_id": "4711"}}, "subject.external_id"),
    "external id with a newline": ({"subject": {"external_id": "4711\n"}}, "subject.external_id"),
    "NUL in an external id": ({"subject": {"external_id": "a\x00b"}}, "subject.external_id"),
    "NUL in the wording": ({"evidence": {"wording": "Yes\x00"}}, "evidence.wording"),
    "wording without end": ({"evidence": {"wording": "y" * 4001}}, "evidence.wording"),
    "request for everything": ({"action": "request", "purpose": "*"}, "purpose"),
    "request for what nobody chooses": ({"action": "request", "purpose": "account"}, "purpose"),
    "invalidate by a form": ({"action": "invalidate", "evidence": {"reason": "r"}}, "source"),
    "invalidate without a reason": ({"action": "invalidate", "source": "operator"}, "evidence.reason"),
}


async def test_one_bad_choice_refuses_the_whole_call(api: Api) -> None:
    before = await api.head()
    first = {**GOOD, "subject": {"email": "first@example.com"}}
    said = {}
    for case, (change, _) in BAD_CHOICES.items():
        said[case] = errors_of(await api.post("/v1/choices", {"choices": [first, {**GOOD, **change}]}))
    assert said == {case: [(1, field)] for case, (_, field) in BAD_CHOICES.items()}
    assert await api.head() == before
    assert (await api.done("/v1/subjects/lookup", {"email": "first@example.com"}))["subject"] is None


NO_COUNTRIES = {
    **dict.fromkeys(("EU", "EEA", "STRICT", "DE-", "Germany", "AN"), "XX or nothing where it is not known"),
    **{"UK": "did you mean GB?", "us-ca": "did you mean US-CA?"},
}


@pytest.mark.parametrize(("name", "remedy"), NO_COUNTRIES.items())
async def test_what_is_no_country_is_refused_with_the_remedy(local_api: Api, name: str, remedy: str) -> None:
    answer = await local_api.post(
        "/v1/subjects", {"subjects": [{"email": "ada@example.com", "country": name}]}
    )
    [error] = answer.json()["errors"]
    assert "must be an ISO 3166-1 alpha-2 code such as DE" in error["message"]
    assert error["message"].endswith(remedy)


async def test_a_country_that_is_not_known_is_taken_as_such(local_api: Api) -> None:
    for name in ("XX", "ZZ", "XK", "US-CA", "FR-2A1"):
        await local_api.done("/v1/subjects", {"subjects": [{"email": "ada@example.com", "country": name}]})


def _patterns(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from (schema[key] for key in ("pattern",) if isinstance(schema.get(key), str))
        schema = list(schema.values())
    if isinstance(schema, list | tuple):
        for part in schema:
            yield from _patterns(part)


def test_every_pattern_of_the_api_has_a_sentence_that_says_the_remedy() -> None:
    taken = [each for each in vars(types).values() if isinstance(each, type) and issubclass(each, Struct)]
    _, components = msgspec.json.schema_components(taken)
    assert set(_patterns(components)) == set(types.REMEDIES)


async def test_a_text_that_is_wrong_is_answered_with_a_sentence(local_api: Api) -> None:
    for case, (change, _) in BAD_CHOICES.items():
        answer = await local_api.post("/v1/choices", {"choices": [{**GOOD, **change}]})
        assert all("regex" not in error["message"] for error in answer.json()["errors"]), case


async def test_every_bad_item_is_named(local_api: Api) -> None:
    addresses = ("a@", "ada@example.com", "@b", "x y@example.com")
    bad = [{**GOOD, "subject": {"email": address}} for address in addresses]
    response = await local_api.post("/v1/choices", {"choices": bad})
    assert errors_of(response) == [(0, "subject.email"), (2, "subject.email"), (3, "subject.email")]
    subjects = [{"email": address} for address in addresses]
    response = await local_api.post("/v1/subjects", {"subjects": subjects})
    assert errors_of(response) == [(0, "email"), (2, "email"), (3, "email")]


async def test_the_same_person_purpose_and_channel_twice_is_refused(api: Api) -> None:
    before = await api.head()
    for again in ("ada@example.com", "ada@EXAMPLE.com", " ada@example.com"):
        second = {**GOOD, "subject": {"email": again}, "action": "withdraw", "channel": "email"}
        assert errors_of(await api.post("/v1/choices", {"choices": [GOOD, second]})) == [(1, "subject")]
        subjects = [{"email": "ada@example.com"}, {"email": again, "external_id": "x"}]
        assert errors_of(await api.post("/v1/subjects", {"subjects": subjects})) == [(1, "subject")]
    assert await api.head() == before


async def test_a_thousand_choices_are_taken_and_one_more_is_not(api: Api) -> None:
    many = [{**GOOD, "subject": {"email": f"p{n}@example.com"}} for n in range(1001)]
    before = await api.head()
    assert errors_of(await api.post("/v1/choices", {"choices": many})) == [(0, "choices")]
    assert errors_of(await api.post("/v1/choices", {"choices": []})) == [(0, "choices")]
    assert await api.head() == before
    results = (await api.done("/v1/choices", {"choices": many[:1000]}))["results"]
    assert {result["effect"] for result in results} == {"applied"}
    assert len(results) == 1000


NO_TIMES = [
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00",
    "1899-12-31T23:59:59Z",
    "3000-01-01T00:00:00Z",
]
TIMES = [
    "1900-01-01T00:00:00Z",
    "1969-12-31T23:59:59.999999Z",
    "2026-02-28T23:59:59-23:59",
    "2999-12-31T23:59:59Z",
]


def dated(moment: str) -> list[tuple[str, dict[str, Any], str]]:
    """Every field of the API that takes a time: where, what to send, and the field's name in an error."""
    email = {"email": "ada@example.com"}
    customer = {**CUSTOMER, "since": LONG_AGO}
    offered = {"opt_out_offered": {"at": moment, "wording": "w"}}
    return [
        ("/v1/choices", {"choices": [{**GOOD, "action": "withdraw", "occurred_at": moment}]}, "occurred_at"),
        ("/v1/choices", {"choices": [{**GOOD, "action": "defer", "until": moment}]}, "until"),
        ("/v1/subjects", {"subjects": [{**email, "last_contact_at": moment}]}, "last_contact_at"),
        *(
            (
                "/v1/subjects",
                {"subjects": [{**email, "relationship": {**customer, **more}}]},
                f"relationship.{at}",
            )
            for at, more in [(n, {n: moment}) for n in ("since", "last_at", "ended_at")]
            + [("opt_out_offered.at", offered)]
        ),
    ]


async def test_times_beyond_the_calendar_name_the_field(local_api: Api) -> None:
    for moment in NO_TIMES:
        for path, body, field in dated(moment):
            assert errors_of(await local_api.post(path, body)) == [(0, field)], moment


async def test_times_at_its_ends_are_taken_and_read_again(api: Api) -> None:
    await api.choose("ada@example.com")
    person = (await api.done("/v1/subjects/lookup", {"email": "ada@example.com"}))["subject"]["id"]
    for moment in TIMES:
        for path, body, field in dated(moment):
            if field == "until" and moment != TIMES[-1]:
                # A pause that is over already: read well, and refused for what it says.
                assert errors_of(await api.post(path, body)) == [(0, "until")]
            else:
                await api.done(path, body)
        await api.decide("ada@example.com", "offers")
        await api.done("/v1/subjects/lookup", {"email": "ada@example.com"})
    await api.read(f"/v1/subjects/{person}/history")
    await api.read("/v1/changes")
