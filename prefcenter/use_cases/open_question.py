"""What a choice link opens: who decides, on what, and how they stand on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from prefcenter.domain.asking import MAILED_ON, channel_asked, kinds_of
from prefcenter.domain.campaign_words import LIVE, Asking
from prefcenter.links import AskedLink, ManageLink, QuestionLink
from prefcenter.storage.campaigns import Campaigns
from prefcenter.storage.reading import ContactPoint, Person
from prefcenter.use_cases.manage_preferences import LinkVoid
from prefcenter.use_cases.pose_question import Posed, pose
from prefcenter.use_cases.services import Services
from prefcenter.use_cases.standings import PurposeStanding, standing_on


class NothingToDecide(Exception):
    """The purpose is no longer offered."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """`shown_seq`: the ledger's head when this was read; it goes into the form and comes back with it.

    `askings`: how they were asked just this before. `campaign`: the one whose mail had the link.
    """

    contact: ContactPoint
    person: Person
    posed: Posed
    standing: PurposeStanding
    askings: Sequence[Asking]
    campaign: str | None
    shown_seq: int
    address: str
    manage_token: str


async def open_question(services: Services, link: AskedLink | QuestionLink, now: datetime) -> Opened:
    """The question as it is now, whichever version the link was made for.

    Raises LinkVoid where the address is nobody's any more, or somebody else's; NothingToDecide.
    """
    # The head is read first: whatever commits meanwhile was not on the page.
    head = await services.reader.head()
    asking = None
    if isinstance(link, AskedLink):
        asking = await Campaigns(services.database).one(link.asked)
        if asking is None:
            raise LinkVoid
        person = (await services.reader.people_named([asking.subject]))[0]
        contact = next((one for one in person.contacts if one.channel == MAILED_ON), None)
        key = asking.purpose
    else:
        contact = await services.reader.contact_at(link.narrow, link.wide)
        person = (await services.reader.people_named([contact.subject if contact else None]))[0]
        key = link.purpose
    if contact is None or person.subject is None or link.issued_at < contact.epoch:
        raise LinkVoid
    purpose = services.catalogs.find(key)
    if purpose is None or not kinds_of(purpose):
        raise NothingToDecide
    askings = (await Campaigns(services.database).of([person.subject])).get(person.subject, ())
    regimes = services.catalogs.regimes
    return Opened(
        contact=contact,
        person=person,
        posed=await pose(services, purpose, person, now),
        standing=standing_on(purpose, channel_asked(purpose), person, regimes=regimes, now=now),
        askings=[
            one
            for one in askings
            if (one.purpose, one.version) == (key, purpose.version) and one.state in LIVE
        ],
        campaign=asking.campaign if asking is not None else None,
        shown_seq=head,
        address=services.reader.address(contact),
        # As old as the link that was mailed: a forwarded one opens no more than the mail's own would.
        manage_token=services.links.manage(ManageLink(contact.narrow, contact.wide, link.issued_at)),
    )
