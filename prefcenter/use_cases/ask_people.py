"""A campaign: everybody who may be asked about a purpose is asked, everybody who has to be told is told.

The walk goes by contact points, a chunk at a time. What a chunk came to and the cursor behind it are
committed together, so a walk that was killed goes on where it was: nobody is asked twice, nobody left out.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from prefcenter.domain.asking import BUDGET, MAILED_ON, kinds_of, may_ask
from prefcenter.domain.campaign_words import LIVE, Askable, AskedState, Asking, CampaignKind, NotAsked
from prefcenter.domain.purposes import Purpose
from prefcenter.storage.campaigns import Campaign, Campaigns, Chunk, Tally
from prefcenter.storage.people import new_id
from prefcenter.use_cases.campaign_queue import Slots, campaign_mail
from prefcenter.use_cases.record_choices import no_such_purpose
from prefcenter.use_cases.refusals import ItemError, Refused
from prefcenter.use_cases.services import Services

#: People looked at between two commits, after which the others get as much time as it took: the mails go out
#: more slowly anyway. Where nothing is written, more of them.
CHUNK = 50
_COUNTED = 500

#: Told after every chunk: how many were looked at now, and how many there are in all.
Watch = Callable[[int, int], None]


def purpose_to_ask(services: Services, key: str) -> Purpose:
    """Raises Refused for a purpose that nobody can be asked about."""
    purpose = services.catalogs.find(key)
    if purpose is None or purpose.retired:
        raise Refused([ItemError(0, "PURPOSE", no_such_purpose(services))])
    if not kinds_of(purpose):
        why = f"'{key}' is sent on the basis '{purpose.basis}': nobody chooses it, so nobody is asked"
        raise Refused([ItemError(0, "PURPOSE", why)])
    return purpose


@dataclass(frozen=True, kw_only=True, slots=True)
class _Looked:
    """What one person's look came to. `before`: their row in this campaign, from an earlier round."""

    subject: str
    askable: Askable
    before: Asking | None


async def count_askable(
    services: Services, purpose: Purpose, kind: CampaignKind, *, now: datetime, watch: Watch
) -> Mapping[str, int]:
    """What a campaign would come to: "ask", and the reasons of the others. Writes nothing."""
    campaigns = Campaigns(services.database)
    total = await campaigns.contacts(MAILED_ON)
    counted: Counter[str] = Counter()
    after = 0
    while contacts := await campaigns.contacts_after(after, MAILED_ON, _COUNTED):
        looked = await _look(services, campaigns, purpose, kind, [who for _, who in contacts], now)
        counted.update(_said(one) for one in looked)
        after = contacts[-1][0]
        watch(len(contacts), total)
    return counted


def _said(looked: _Looked) -> str:
    if looked.askable.reason is None:
        return "ask"
    is_in = looked.before is not None and looked.before.state in LIVE
    return "already_in" if is_in else looked.askable.reason.value


async def ask_people(
    services: Services,
    purpose: Purpose,
    kind: CampaignKind,
    *,
    per_minute: int | None,
    clock: Callable[[], datetime],
    watch: Watch,
) -> None:
    """Queue a mail to everybody who may be asked; their mails go out later, `per_minute` at most.

    Raises CampaignBusy where another process does the same, StorageUnavailable.
    """
    campaigns = Campaigns(services.database)
    campaign = await campaigns.begin(purpose.key, purpose.version, kind, per_minute=per_minute, now=clock())
    total = await campaigns.contacts(MAILED_ON, campaign.after)
    while contacts := await campaigns.contacts_after(campaign.after, MAILED_ON, CHUNK):
        begun, now = time.monotonic(), clock()
        looked = await _look(services, campaigns, purpose, kind, [who for _, who in contacts], now)
        chunk = _chunk(campaign, looked, contacts[-1][0], now)
        await campaigns.keep(campaign, chunk)
        campaign = replace(campaign, after=chunk.after, tally=chunk.tally)
        watch(len(contacts), total)
        await asyncio.sleep(time.monotonic() - begun)
    await campaigns.end(campaign, clock())


async def _look(
    services: Services,
    campaigns: Campaigns,
    purpose: Purpose,
    kind: CampaignKind,
    subjects: Sequence[str],
    now: datetime,
) -> Sequence[_Looked]:
    people = await services.reader.people_named(subjects)
    askings = await campaigns.of(subjects)
    purposes, regimes = list(services.catalogs.all()), services.catalogs.regimes
    looked = []
    for subject, person in zip(subjects, people, strict=True):
        theirs = askings.get(subject, ())
        same = (purpose.key, purpose.version, kind)
        before = next((one for one in theirs if (one.purpose, one.version, one.kind) == same), None)
        askable = may_ask(kind, purpose, purposes, person, theirs, regimes=regimes, now=now)
        if before is not None and before.state == AskedState.QUEUED and now - before.queued_at < BUDGET:
            # Its mail is still to go out.
            askable = Askable(reason=NotAsked.ASKED_RECENTLY)
        looked.append(_Looked(subject=subject, askable=askable, before=before))
    return looked


def _chunk(campaign: Campaign, looked: Iterable[_Looked], after: int, now: datetime) -> Chunk:
    skipped = Counter(campaign.tally.not_askable)
    slots = Slots(campaign, now)
    askings, mails = [], []
    for one in looked:
        carrier = one.askable.carrier
        if carrier is None:
            if one.askable.reason is not None and one.before is None:
                skipped[one.askable.reason.value] += 1
            continue
        asking = Asking(
            id=one.before.id if one.before is not None else new_id(),
            campaign=campaign.id,
            purpose=campaign.purpose,
            version=campaign.version,
            kind=campaign.kind,
            subject=one.subject,
            carrier=carrier,
            state=AskedState.QUEUED,
            queued_at=now,
        )
        askings.append(asking)
        mails.append(campaign_mail(campaign.kind, asking, slots.take()))
    tally = Tally(not_askable=skipped, slot=slots.next)
    return Chunk(after=after, tally=tally, askings=askings, mails=mails)
