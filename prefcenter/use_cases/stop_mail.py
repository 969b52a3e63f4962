"""Stop by a signed link, and take it back: the opt-out path, which needs the database and nothing else."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefcenter.domain.choices import Action, Choice, Effect, Source, stopping_action
from prefcenter.domain.purposes import ANY
from prefcenter.links import StopLink, UndoLink
from prefcenter.storage.units import ChoiceItem, Ref, Result, Unit
from prefcenter.use_cases.services import Services

#: The channel that mailed links are about.
CHANNEL = "email"


async def stop_by_link(
    services: Services,
    link: StopLink,
    *,
    everything: bool,
    source: Source,
    evidence: dict[str, Any],
    now: datetime,
) -> Result:
    """Stop the link's purpose, or all marketing. Durable when it returns, also for an address we do not know.

    Raises StorageUnavailable if it could not be committed.
    """
    item = stop_item(services, link, everything=everything, source=source, evidence=evidence)
    outcome = await services.journal.record(Unit(now=now, choices=(item,)))
    return outcome.results[0]


def stop_item(
    services: Services, link: StopLink, *, everything: bool, source: Source, evidence: dict[str, Any]
) -> ChoiceItem:
    """The stop itself, to be recorded. A link for every purpose stops them all."""
    key = ANY if everything else link.purpose
    purpose = None if key == ANY else services.catalogs.find(key)
    choice = Choice(
        action=stopping_action(key, purpose),
        source=source,
        purpose=key,
        channel=ANY if key == ANY else CHANNEL,
    )
    told = {**evidence, "campaign": link.campaign} if link.campaign else evidence
    return ChoiceItem(ref=Ref(wide=link.wide), choice=choice, evidence=told)


async def undo_stop(services: Services, link: StopLink, undo: UndoLink, *, now: datetime) -> bool:
    """Restore what a stop by this link ended, if it is still the newest word. Returns whether it did."""
    found = (await services.reader.entries([undo.entry])).get(undo.entry)
    if found is None or undo.expired(now):
        return False
    if found.wide != link.wide or found.purpose not in (link.purpose, ANY):
        return False
    choice = Choice(
        action=Action.INVALIDATE, source=Source.PAGE, purpose=found.purpose, channel=found.channel
    )
    item = ChoiceItem(
        ref=Ref(wide=found.wide), choice=choice, evidence={"method": "undo"}, undoes=found.entry
    )
    outcome = await services.journal.record(Unit(now=now, choices=(item,)))
    return outcome.results[0].effect is Effect.APPLIED
