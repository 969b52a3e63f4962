"""`/n/{token}`: somebody decides on a new or changed purpose, and may change their mind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from prefcenter.domain.answering import Answer, Asked, Said, says
from prefcenter.domain.campaign_words import AskedState
from prefcenter.domain.choices import STOPS, Action, Choice, Effect, Proof, Source
from prefcenter.domain.purposes import Purpose
from prefcenter.storage.campaigns import answer_rows
from prefcenter.storage.database import Row, Statement
from prefcenter.storage.units import ChoiceItem, Outcome, Ref, Unit, UnitRefused
from prefcenter.use_cases.confirming import confirmations
from prefcenter.use_cases.manage_preferences import LinkVoid
from prefcenter.use_cases.open_question import Opened
from prefcenter.use_cases.services import Services

_DECIDED = frozenset({AskedState.YES.value, AskedState.NO.value})


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """What came of an answer. `effect` None: it said nothing that the ledger keeps. `reason`: why a yes does
    not count (yet). `keeps`: a "no" to a change, after which what was agreed to before goes on."""

    answer: Answer
    effect: Effect | None = None
    reason: str | None = None
    keeps: bool = False


async def choose(
    services: Services,
    opened: Opened,
    answer: Answer,
    *,
    shown_seq: int,
    wording: str | None,
    language: str,
    now: datetime,
) -> Chosen:
    """Record the answer with the words that were read (None: other ones than stand there now).

    A "no" always counts.

    Raises LinkVoid where the address changed hands just now, StorageUnavailable.
    """
    purpose = opened.posed.question.purpose
    asked = Asked(
        purpose=purpose,
        known=opened.person,
        regimes=services.catalogs.regimes,
        now=now,
        is_notice=opened.posed.question.is_notice,
        before=opened.posed.before,
    )
    said = says(answer, asked)
    # No page was ever shown so late as after the head: somebody made that up.
    seen = shown_seq if shown_seq <= opened.shown_seq else 0
    evidence = {"method": "choice_link"}
    if wording is not None:
        evidence |= {"wording": wording, "language": language}
    if opened.campaign is not None:
        evidence["campaign"] = opened.campaign
    items = tuple(_item(opened, purpose, one, seen, evidence) for one in said)

    def companions(outcome: Outcome) -> Sequence[tuple[Statement, Row]]:
        return [*confirmations(items, now)(outcome), *_marks(opened, answer, outcome, now)]

    unit = Unit(now=now, choices=items, companions=companions)
    try:
        outcome = await services.journal.record(unit)
    except UnitRefused as error:
        # The address changed hands at this very moment. What was to stop here stops here, whoever has it.
        stops = tuple(
            replace(one, ref=Ref(wide=opened.contact.wide)) for one in items if one.choice.action in STOPS
        )
        if stops:
            await services.journal.record(Unit(now=now, choices=stops))
        raise LinkVoid from error
    first = outcome.results[0] if outcome.results else None
    return Chosen(
        answer=answer,
        effect=first.effect if first else None,
        reason=first.reason if first else None,
        keeps=bool(said) and said[0].action is Action.DECLINE,
    )


def _item(
    opened: Opened, purpose: Purpose, said: Said, shown_seq: int, evidence: dict[str, str]
) -> ChoiceItem:
    contact = opened.contact
    choice = Choice(
        action=said.action,
        source=Source.CHOICE_LINK,
        purpose=purpose.key,
        channel=said.channel,
        shown_seq=shown_seq,
        proof=Proof.LINK,
        wording=evidence.get("wording"),
        version=said.version,
    )
    ref = Ref(wide=contact.wide, narrow=contact.narrow, subject=contact.subject)
    return ChoiceItem(ref=ref, choice=choice, evidence=evidence)


def _marks(
    opened: Opened, answer: Answer, outcome: Outcome, now: datetime
) -> Sequence[tuple[Statement, Row]]:
    """What the campaigns keep of it: in every one that asked, or as an answer on a page."""
    if outcome.results and outcome.results[0].effect is Effect.NONE:
        return ()
    if answer is Answer.SEEN and any(one.state in _DECIDED for one in opened.askings):
        return ()
    purpose, state = opened.posed.question.purpose, AskedState(answer.value)
    mailed = bool(opened.askings)
    return answer_rows(purpose.key, purpose.version, opened.contact.subject, state, now, mailed=mailed)
