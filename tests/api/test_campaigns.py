"""`GET /v1/campaigns`: how far the questions about new and changed purposes have come."""

from __future__ import annotations

from prefcenter.bootstrap import utc_now
from prefcenter.domain.campaign_words import CampaignKind
from prefcenter.use_cases.ask_people import ask_people, purpose_to_ask
from tests.api.client import Api, scopes_without


async def test_it_says_how_each_campaign_stands(api: Api) -> None:
    assert await api.read("/v1/campaigns") == {"campaigns": []}
    await api.choose("ada@example.com")
    await api.choose("bo@example.com", purpose="partner-offers")
    await api.choose("cy@example.com", "refuse", "partner-offers")
    await api.choose("cy@example.com")
    purpose = purpose_to_ask(api.services, "partner-offers")
    await ask_people(
        api.services,
        purpose,
        CampaignKind.ASK,
        per_minute=30,
        clock=utc_now,
        watch=lambda number, total: None,
    )
    [campaign] = (await api.read("/v1/campaigns"))["campaigns"]
    assert campaign.pop("created_at") <= campaign.pop("ended_at")
    assert len(campaign.pop("id")) == 32
    assert campaign == {
        "purpose": "partner-offers",
        "version": 1,
        "kind": "ask",
        "state": "done",
        "per_minute": 30,
        "queued": 1,
        "asked": 0,
        "yes": 0,
        "no": 0,
        "later": 0,
        "seen": 0,
        "silent": 0,
        "not_askable": {"answered": 1, "declined": 1},
    }


async def test_it_needs_the_scope_for_decisions(api: Api) -> None:
    key = await api.key(*scopes_without("decisions:read"))
    assert (await api.get("/v1/campaigns", key=key)).status_code == 403
