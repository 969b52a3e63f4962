"""Texts of odd characters: kept or refused on both databases, never a fault."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.api.client import Api

GOOD: dict[str, Any] = {
    "subject": {"email": "ada@example.com"},
    "purpose": "newsletter",
    "action": "give",
    "source": "form",
}
ODD = [
    "\x00",
    "a\x00b",
    "\x7f",
    "\u2028",
    "\ufeff",
    "\ufffe",
    "\U0010ffff",
    "e\u0301",
    "\u202egpj",
    "💌",
    "x" * 300,
]


async def test_odd_characters_in_any_text_are_kept_or_refused(api: Api) -> None:
    await api.choose("ada@example.com")
    person = (await api.done("/v1/subjects/lookup", {"email": "ada@example.com"}))["subject"]["id"]
    for odd in ODD:
        await send_everywhere(api, odd)
        await api.read(f"/v1/subjects/{person}/history")
        await api.read("/v1/changes")
        await api.read("/v1/webhooks")


async def send_everywhere(api: Api, odd: str) -> None:
    email = {"email": "ada@example.com"}
    every = ("wording", "url", "ip", "user_agent", "method", "reason")
    for evidence in ({name: odd} for name in every):
        choice = {**GOOD, "action": "withdraw", "source": "operator", "evidence": evidence}
        assert (await api.post("/v1/choices", {"choices": [choice]})).status_code in (200, 422)
    give = {**GOOD, "evidence": {"wording": odd}}
    calls: list[tuple[str, Any]] = [
        ("/v1/choices", {"choices": [give]}),
        ("/v1/choices", {"choices": [{**GOOD, "subject": {"email": odd}}]}),
        ("/v1/choices", {"choices": [{**GOOD, "subject": {**email, "external_id": odd}}]}),
        ("/v1/choices", {"choices": [{**GOOD, "purpose": odd}]}),
        ("/v1/subjects", {"subjects": [{**email, "external_id": odd}]}),
        ("/v1/subjects", {"subjects": [{**email, "language": odd}]}),
        ("/v1/subjects", {"subjects": [{**email, "relationship": relationship(odd)}]}),
        ("/v1/subjects/lookup", {"email": odd}),
        ("/v1/subjects/lookup", {"external_id": odd}),
        ("/v1/decisions", {"purpose": "newsletter", "recipients": [{"email": odd}]}),
        ("/v1/decisions", {"purpose": "newsletter", "recipients": [{"external_id": odd}]}),
        ("/v1/decisions", {"purpose": "newsletter", "recipient": odd, "recipients": [email]}),
        ("/v1/decisions", {"purpose": odd, "recipients": [email]}),
        ("/v1/links", {"purpose": "newsletter", "campaign": odd, "recipients": [email]}),
        ("/v1/links", {"purpose": "newsletter", "recipients": [{"email": odd}]}),
        ("/v1/webhooks", {"url": f"https://example.com/{odd}"}),
        ("/v1/webhooks", {"url": f"https://{odd}.example.com/"}),
        ("/v1/webhooks", {"url": "https://example.com/", "description": odd}),
    ]
    for path, body in calls:
        answer = await api.post(path, body)
        assert answer.status_code in (200, 201, 422), (path, body, answer.text)
    made = await api.done("/v1/webhooks", {"url": "https://example.com/"}, 201)
    for change in ({"url": odd}, {"description": odd}):
        assert (await api.call("PATCH", f"/v1/webhooks/{made['id']}", change)).status_code in (200, 422)


def relationship(wording: str) -> dict[str, Any]:
    offered = {"at": "2026-01-01T00:00:00Z", "wording": wording}
    return {"kind": "customer", "since": "2026-01-01T00:00:00Z", "opt_out_offered": offered}


SURROGATES = [b"\\ud800", b"\\udfff", b"\\ud800x", b"\\udc00\\ud800", b"\xed\xa0\x80"]

BODIES: dict[str, Any] = {
    "/v1/subjects": {"subjects": [{"email": "TEXT", "external_id": "TEXT", "language": "TEXT"}]},
    "/v1/choices": {"choices": [{**GOOD, "evidence": {"wording": "TEXT", "reason": "TEXT"}}]},
    "/v1/decisions": {"purpose": "TEXT", "recipient": "TEXT", "recipients": [{"email": "TEXT"}]},
    "/v1/links": {"purpose": "newsletter", "campaign": "TEXT", "recipients": [{"email": "TEXT"}]},
    "/v1/subjects/lookup": {"email": "TEXT"},
    "/v1/webhooks": {"url": "https://example.com/", "description": "TEXT"},
}


def texts_replaced(example: Any, text: bytes) -> list[bytes]:
    """The body once for each of its texts, with that one replaced."""
    encoded = msgspec.json.encode(example)
    parts = encoded.split(b"TEXT")
    return [b"TEXT".join(parts[: n + 1]) + text + b"TEXT".join(parts[n + 1 :]) for n in range(len(parts) - 1)]


async def test_half_a_character_is_refused(local_api: Api) -> None:
    for surrogate in SURROGATES:
        for path, example in BODIES.items():
            for body in texts_replaced(example, surrogate):
                answer = await local_api.post(path, content=body)
                assert answer.status_code in (400, 422), (path, body, answer.text)


async def test_no_problem_repeats_an_address_a_key_or_a_token(api: Api) -> None:
    secrets = ("zoe-secret", "4711-secret", "pc_secret", "token-secret")
    await api.done(
        "/v1/subjects", {"subjects": [{"email": "zoe-secret@example.com", "external_id": "4711-secret"}]}
    )
    await api.done("/v1/subjects", {"subjects": [{"email": "other@example.com", "external_id": "b"}]})
    both = {"email": "zoe-secret@example.com", "external_id": "b"}
    bad = {"email": "zoe-secret@@example.com"}
    answers = [
        await api.post("/v1/choices", {"choices": [{**GOOD, "subject": both}]}),
        await api.post("/v1/choices", {"choices": [{**GOOD, "subject": bad}]}),
        await api.post("/v1/choices", {"choices": [{**GOOD, "subject": {"external_id": "9-4711-secret"}}]}),
        await api.post("/v1/choices", {"choices": [{**GOOD, "subject": {"id": "token-secret"}}]}),
        await api.post("/v1/subjects", {"subjects": [bad]}),
        await api.post("/v1/links", {"purpose": "newsletter", "recipients": [bad]}),
        await api.post("/v1/subjects/lookup", bad),
        await api.post("/v1/webhooks", {"url": "http://user:token-secret@example.com/"}),
        await api.get("/v1/subjects/token-secret"),
        await api.get("/v1/token-secret"),
        await api.get("/v1/purposes", key="pc_secret"),
        await api.post("/v1/choices", content=b'{"zoe-secret@example.com'),
    ]
    assert {answer.status_code for answer in answers} <= {400, 401, 404, 409, 422}
    for answer in answers:
        assert not any(secret in answer.text for secret in secrets), answer.text
