"""The mails of a campaign as they wait in the queue: of which kind, and when each may go out."""

from __future__ import annotations

from datetime import datetime, timedelta

from prefcenter.domain.campaign_words import Asking, CampaignKind
from prefcenter.storage.campaigns import Campaign
from prefcenter.storage.database import Row
from prefcenter.storage.fields import from_micros, to_micros
from prefcenter.storage.mail_queue import Priority, mail_row

REMIND = "remind"

_PRIORITY = {
    CampaignKind.ASK.value: Priority.ASK,
    CampaignKind.NOTICE.value: Priority.NOTICE,
    REMIND: Priority.ASK,
}


def campaign_mail(kind: str, asking: Asking, at: datetime) -> Row:
    # Born when it is due, so that it has all its time to be delivered.
    return mail_row(kind=kind, about=asking.id, priority=_PRIORITY[kind], now=at)


class Slots:
    """Moments for mails, so many a minute, behind those of the mails that wait already."""

    def __init__(self, campaign: Campaign, now: datetime) -> None:
        self.next = max(campaign.tally.slot, to_micros(now))
        self._step = timedelta(minutes=1) // campaign.per_minute // timedelta(microseconds=1)

    def take(self) -> datetime:
        slot = from_micros(self.next)
        self.next += self._step
        return slot
