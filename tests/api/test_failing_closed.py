"""What cannot be decided is a no for that one recipient; everybody else is answered."""

from __future__ import annotations

from typing import Any

import pytest
import structlog

from prefcenter.bootstrap import utc_now
from tests.api.client import ADA, Api

BOB = {"email": "bob@example.com"}


@pytest.fixture
async def spoilt(api: Api) -> Api:
    """Ada and Bob said yes; the row of Ada's facts is nonsense."""
    for who, name in ((ADA, "4711"), (BOB, "4712")):
        await api.done("/v1/subjects", {"subjects": [{**who, "external_id": name, "country": "DE"}]})
        await api.choose(who["email"])
    async with api.services.database.write() as tx:
        await tx.fetch("UPDATE fact SET body = 'nonsense ada@example.com' WHERE seq = 1")
        await tx.fetch("UPDATE payload SET sealed = $1 WHERE seq = 1", b"nonsense ada@example.com")
    return api


async def reasons(api: Api, *recipients: dict[str, str], **more: Any) -> list[str]:
    asked = {"purpose": "newsletter", "recipients": list(recipients), **more}
    return [one["reason"] for one in (await api.done("/v1/decisions", asked))["decisions"]]


async def test_an_unreadable_fact_is_a_no_for_that_person_alone(spoilt: Api) -> None:
    by_name = ({"external_id": "4712"}, {"external_id": "4711"})
    with structlog.testing.capture_logs() as logs:
        assert await reasons(spoilt, BOB, ADA, BOB) == ["consent", "error", "consent"]
        assert await reasons(spoilt, *by_name) == ["consent", "error"]
        assert await reasons(spoilt, BOB, ADA, *by_name, at=utc_now().isoformat()) == ["consent", "error"] * 2
        many = [{"email": f"p{number}@example.com"} for number in range(300)]
        assert await reasons(spoilt, *many, ADA) == ["never_asked"] * 300 + ["error"]
    assert len(logs) == 5
    assert "ada@" not in str(logs)
    assert {entry["log_level"] for entry in logs} == {"error"}


async def test_not_even_contract_mail_is_allowed_where_nothing_can_be_read(spoilt: Api) -> None:
    assert (await spoilt.decide(ADA["email"], "account"))["allowed"] is False


async def test_the_person_is_shown_all_the_same(spoilt: Api) -> None:
    found = await spoilt.done("/v1/subjects/lookup", ADA)
    assert {one["reason"] for one in found["standings"]} == {"error"}
    assert "something went wrong" in found["standings"][0]["explanation"]
