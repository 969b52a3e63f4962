"""One reminder to whoever was asked and has said nothing; silence after that is left alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from prefcenter.domain.asking import BUDGET, REMIND_AFTER, may_ask
from prefcenter.domain.campaign_words import AskedState, Asking, CampaignKind, NotAsked
from prefcenter.domain.purposes import Purpose
from prefcenter.storage.campaigns import Campaigns, Cursor, Reminders, Settled
from prefcenter.storage.fields import to_micros
from prefcenter.use_cases.ask_people import CHUNK
from prefcenter.use_cases.campaign_queue import REMIND, Slots, campaign_mail
from prefcenter.use_cases.refusals import ItemError, Refused
from prefcenter.use_cases.services import Services

#: Who did not answer the mail, but did so elsewhere.
_SETTLED = {
    NotAsked.ANSWERED: AskedState.YES.value,
    NotAsked.DECLINED: AskedState.NO.value,
    NotAsked.STOPPED: NotAsked.STOPPED.value,
}


async def remind_people(
    services: Services, purpose: Purpose, *, clock: Callable[[], datetime], watch: Callable[[int], None]
) -> int:
    """One reminder to whoever was asked two weeks ago or more and has said nothing. Returns how many.

    Raises Refused where nobody was asked, CampaignBusy, StorageUnavailable.
    """
    campaigns = Campaigns(services.database)
    campaign = await campaigns.find(purpose.key, purpose.version, CampaignKind.ASK)
    if campaign is None:
        message = f"nobody was asked about version {purpose.version} of '{purpose.key}' yet; ask first"
        raise Refused([ItemError(0, "--remind", message)])
    begun = clock()
    slots = Slots(campaign, begun)
    cursor, reminded = Cursor(), 0
    while silent := await campaigns.silent(
        campaign, cursor, since=begun - BUDGET, until=begun - REMIND_AFTER, limit=CHUNK
    ):
        reminders = await _reminders(services, campaigns, purpose, silent, slots, clock())
        await campaigns.remind(reminders, clock())
        reminded += len(reminders.ids)
        assert silent[-1].asked_at is not None
        cursor = Cursor(to_micros(silent[-1].asked_at), silent[-1].id)
        watch(len(silent))
    return reminded


async def _reminders(
    services: Services,
    campaigns: Campaigns,
    purpose: Purpose,
    silent: Sequence[Asking],
    slots: Slots,
    now: datetime,
) -> Reminders:
    subjects = [one.subject for one in silent]
    people = await services.reader.people_named(subjects)
    askings = await campaigns.of(subjects)
    purposes, regimes = list(services.catalogs.all()), services.catalogs.regimes
    ids, mails, settled = [], [], []
    for one, person in zip(silent, people, strict=True):
        askable = may_ask(
            CampaignKind.ASK,
            purpose,
            purposes,
            person,
            askings.get(one.subject, ()),
            regimes=regimes,
            now=now,
            itself=one.id,
        )
        if askable.reason is None:
            ids.append(one.id)
            mails.append(campaign_mail(REMIND, one, slots.take()))
        elif askable.reason in _SETTLED:
            settled.append(Settled(id=one.id, state=_SETTLED[askable.reason]))
    return Reminders(ids=ids, mails=mails, settled=settled)
