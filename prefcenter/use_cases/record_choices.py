"""Record what a tool reports: facts on people, and their choices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from prefcenter.domain.choices import STOPS, YES, Action, Choice, Source
from prefcenter.domain.purposes import ANY
from prefcenter.storage.units import (
    ChoiceItem,
    Claim,
    FactsItem,
    Outcome,
    Result,
    StoredAnswer,
    Unit,
    UnitRefused,
)
from prefcenter.use_cases.confirming import confirmations
from prefcenter.use_cases.refusals import Conflict, ItemError, Refused
from prefcenter.use_cases.services import Services
from prefcenter.use_cases.standings import PurposeStanding, all_standings, standing_on

#: Actions that say something of one purpose, never of all marketing.
_ONE_PURPOSE = YES | {Action.REQUEST, Action.DEFER, Action.INVALIDATE}

Respond = Callable[[Outcome], StoredAnswer]


async def record(
    services: Services,
    *,
    facts: Sequence[FactsItem] = (),
    choices: Sequence[ChoiceItem] = (),
    claim: Claim | None = None,
    respond: Respond | None = None,
    now: datetime,
) -> Outcome:
    """Record all of it in one transaction, or nothing.

    Raises Refused (bad items), Conflict (an id and an address of two people), KeyReused, StorageUnavailable.
    """
    errors = [error for item in choices for error in choice_errors(services, item.index, item, now)]
    if errors:
        # What was answered once is answered the same, also where it would not be taken any more.
        answered = None if claim is None else await services.reader.answer_to(claim)
        if answered is not None:
            return Outcome(answer=answered, replayed=True)
        raise Refused(errors)
    unit = Unit(
        now=now,
        facts=tuple(facts),
        choices=tuple(choices),
        companions=confirmations(choices, now),
        claim=claim,
        respond=respond,
    )
    try:
        return await services.journal.record(unit)
    except UnitRefused as error:
        if error.conflict:
            raise Conflict(str(error)) from error
        raise Refused([ItemError(error.index, error.field, str(error))]) from error


def choice_errors(services: Services, index: int, item: ChoiceItem, now: datetime) -> list[ItemError]:
    """What makes no sense of a choice, by the catalog in force."""
    choice = item.choice
    if choice.purpose == ANY:
        if choice.action in _ONE_PURPOSE:
            message = f"'{choice.action}' for every purpose is not possible; name one purpose"
            return [ItemError(index, "purpose", message)]
        return _until_errors(index, choice, now)
    purpose = services.catalogs.find(choice.purpose)
    if purpose is None or (purpose.retired and choice.action not in STOPS):
        return [ItemError(index, "purpose", no_such_purpose(services))]
    errors = []
    if not purpose.is_a_choice:
        why = f"'{purpose.key}' is sent on the basis '{purpose.basis}': nobody chooses it or opts out of it"
        errors.append(ItemError(index, "purpose", why))
    if choice.channel not in (*purpose.channels, ANY) or (choice.channel == ANY and choice.action in YES):
        has = ", ".join(purpose.channels)
        errors.append(ItemError(index, "channel", f"'{purpose.key}' is not sent on it; its channels: {has}"))
    if choice.action is Action.INVALIDATE:
        if choice.source is not Source.OPERATOR:
            errors.append(
                ItemError(index, "source", "'invalidate' is for the operator; use source 'operator'")
            )
        if not item.evidence.get("reason"):
            errors.append(ItemError(index, "evidence.reason", "'invalidate' needs a reason"))
    return errors + _until_errors(index, choice, now)


def _until_errors(index: int, choice: Choice, now: datetime) -> list[ItemError]:
    if choice.until is None:
        return []
    if choice.action is not Action.DEFER:
        return [ItemError(index, "until", "goes with action 'defer' only")]
    if choice.until <= now:
        return [ItemError(index, "until", "is over already; a pause ends in the future")]
    return []


def no_such_purpose(services: Services) -> str:
    known = ", ".join(purpose.key for purpose in services.catalogs.all())
    return f"no such purpose in the catalog; it has: {known or 'none yet, run `prefcenter apply`'}"


def standings_after(
    services: Services, item: ChoiceItem, result: Result, now: datetime
) -> PurposeStanding | list[PurposeStanding]:
    """How the person stands on what the choice was about: one purpose, or all of them."""
    choice = item.choice
    regimes = services.catalogs.regimes
    purpose = services.catalogs.find(choice.purpose)
    if purpose is None:
        return all_standings(services.catalogs.all(), result.known, regimes=regimes, now=now)
    channel = purpose.channels[0] if choice.channel == ANY else choice.channel
    return standing_on(purpose, channel, result.known, regimes=regimes, now=now)
