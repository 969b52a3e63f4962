"""The questions that wait for a person, for their preferences page: who may not be mailed is asked there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from prefcenter.domain.asking import channel_asked, kinds_of
from prefcenter.domain.campaign_words import AskedState, Asking
from prefcenter.domain.decide import may_send
from prefcenter.domain.purposes import Purpose
from prefcenter.links import QuestionLink
from prefcenter.storage.campaigns import Campaigns
from prefcenter.storage.reading import ContactPoint, Person
from prefcenter.use_cases.services import Services

_ANSWERED = frozenset({AskedState.YES, AskedState.NO, AskedState.LATER, AskedState.SEEN})


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingQuestion:
    """`is_new`: they agreed to no older version of it. `decided`: they have answered; they may look again."""

    purpose: Purpose
    token: str
    is_new: bool
    decided: bool


async def pending_questions(
    services: Services, contact: ContactPoint | None, person: Person, now: datetime
) -> Sequence[PendingQuestion]:
    """Each purpose that wants more than this person agreed to, or was told of."""
    if contact is None:
        return ()
    regimes = services.catalogs.regimes
    open_ones = []
    for purpose in services.catalogs.all():
        decision = may_send(purpose, channel_asked(purpose), person, regimes=regimes, now=now)
        if kinds_of(purpose) and decision.pending_version is not None:
            open_ones.append((purpose, decision.version is None))
    if not open_ones:
        return ()
    askings = (await Campaigns(services.database).of([contact.subject])).get(contact.subject, ())
    return [
        PendingQuestion(
            purpose=purpose,
            token=services.links.choice(
                QuestionLink(contact.narrow, contact.wide, purpose.key, purpose.version, now)
            ),
            is_new=is_new,
            decided=_is_decided(purpose, person, askings),
        )
        for purpose, is_new in open_ones
    ]


def _is_decided(purpose: Purpose, person: Person, askings: Sequence[Asking]) -> bool:
    standing = person.standings.get((purpose.key, channel_asked(purpose)))
    if standing is not None and (standing.declined or 0) >= purpose.version:
        return True
    same = (purpose.key, purpose.version)
    return any((one.purpose, one.version) == same and one.state in _ANSWERED for one in askings)
