"""`GET /v1/campaigns`: how far each campaign has come, and what people answered."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from prefcenter.domain.campaign_words import CampaignKind
from prefcenter.storage.campaigns import Campaigns, CampaignState, Progress
from prefcenter.storage.keys import Key
from prefcenter.web.state import web_of


class CampaignOut(Struct, omit_defaults=True):
    """`kind` page: answers of people who were not mailed, but asked on their preferences page."""

    id: str
    purpose: str
    version: int
    kind: CampaignKind
    state: CampaignState
    per_minute: int
    created_at: datetime
    queued: int
    asked: int
    yes: int
    no: int
    later: int
    seen: int
    silent: int
    not_askable: dict[str, int]
    ended_at: datetime | None = None


class CampaignsResponse(Struct):
    campaigns: list[CampaignOut]


async def get_campaigns(request: Request, _: Key) -> Response:
    found = await Campaigns(web_of(request).services.database).progress()
    body = CampaignsResponse(campaigns=[_out(one) for one in found])
    return Response(msgspec.json.encode(body), media_type="application/json")


def _out(progress: Progress) -> CampaignOut:
    campaign = progress.campaign
    return CampaignOut(
        id=campaign.id,
        purpose=campaign.purpose,
        version=campaign.version,
        kind=campaign.kind,
        state=campaign.state,
        per_minute=campaign.per_minute,
        created_at=campaign.created_at,
        queued=progress.queued,
        asked=progress.asked,
        yes=progress.yes,
        no=progress.no,
        later=progress.later,
        seen=progress.seen,
        silent=progress.silent,
        not_askable=dict(progress.not_askable),
        ended_at=campaign.ended_at,
    )
