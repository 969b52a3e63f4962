"""Whose mail it is about: what a mail that came in carries of ours, verified."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from prefcenter.domain.asking import MAILED_ON
from prefcenter.domain.purposes import ANY
from prefcenter.links import BadLink, StopLink
from prefcenter.mail.list_headers import feedback_parts
from prefcenter.mail.traces import Traces
from prefcenter.storage.campaigns import Campaigns
from prefcenter.storage.confirmations import Confirmations
from prefcenter.storage.mail_in import mail_about
from prefcenter.use_cases import confirming
from prefcenter.use_cases.campaign_mail import CAMPAIGN_MAILS
from prefcenter.use_cases.services import Services


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """It carries what we signed for several people: none of them is meant for sure."""


async def whose(services: Services, traces: Traces) -> StopLink | Ambiguous | None:
    """The address that all of it is about, with the purpose of the likeliest; None: nothing of it is ours.

    A purpose of `*`: a mail that is about no single one.
    """
    found = [
        *await _by_message_ids(services, traces.message_ids),
        *_by_feedback_ids(services, traces.feedback_ids),
        *by_tokens(services, traces.tokens),
    ]
    if len({link.wide for link in found}) > 1:
        return Ambiguous()
    return found[0] if found else None


def by_tokens(services: Services, tokens: tuple[str, ...]) -> list[StopLink]:
    """Those of the tokens that are stop tokens of ours."""
    found = []
    for token in tokens:
        try:
            found.append(services.links.read_stop(token))
        except BadLink:
            continue
    return found


def _by_feedback_ids(services: Services, values: tuple[str, ...]) -> list[StopLink]:
    found = []
    for value in values:
        about, signed = feedback_parts(value)
        try:
            wide = services.links.read_feedback(about, signed)
        except BadLink:
            continue
        campaign, _, purpose = about.partition(":")
        found.append(StopLink(wide, purpose, campaign))
    return found


async def _by_message_ids(services: Services, ids: tuple[str, ...]) -> list[StopLink]:
    found = []
    for signed in ids:
        try:
            mail = services.links.read_message(signed)
        except BadLink:
            continue
        kind, about = await mail_about(services.database, mail) or ("", "")
        look_up = _ABOUT.get(kind)
        link = await look_up(services, about) if look_up is not None else None
        if link is not None:
            found.append(link)
    return found


async def _of_campaign(services: Services, about: str) -> StopLink | None:
    asking = await Campaigns(services.database).one(about)
    if asking is None:
        return None
    person = (await services.reader.people_named([asking.subject]))[0]
    contact = next((one for one in person.contacts if one.channel == MAILED_ON), None)
    # Asked at an address that they have left since: nobody can say from this which one it was.
    if contact is None or contact.epoch > (asking.asked_at or asking.queued_at):
        return None
    return StopLink(contact.wide, asking.carrier)


async def _of_confirmation(services: Services, about: str) -> StopLink | None:
    found = await Confirmations(services.database).find(about)
    return StopLink(found.wide, ANY) if found is not None else None


#: By the kind of the mail. Mails to third parties are about no mailbox of a person.
_ABOUT: dict[str, Callable[[Services, str], Awaitable[StopLink | None]]] = {
    **dict.fromkeys(CAMPAIGN_MAILS, _of_campaign),
    confirming.KIND: _of_confirmation,
}
