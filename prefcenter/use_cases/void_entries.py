"""Take a machine's mistakes out of effect: a chunk a transaction, the same ones never twice."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from prefcenter.domain.choices import Action, Choice, Effect, Entry, Source
from prefcenter.storage.origins import Origin, entries_from
from prefcenter.storage.units import ChoiceItem, Ref, Unit
from prefcenter.storage.vault import CannotUnseal
from prefcenter.use_cases.services import Services

#: Entries in one transaction: whoever clicks *unsubscribe* meanwhile waits for one at the most.
CHUNK = 100
#: Entries that are shown as examples.
EXAMPLES = 5


@dataclass(slots=True)
class Voids:
    """How many entries, by (purpose, action); `before`: that were voided earlier. `examples`: the first."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    before: int = 0
    examples: list[Entry] = field(default_factory=list)

    def take(self, entries: Sequence[Entry]) -> None:
        self.counts.update((entry.purpose, entry.action.value) for entry in entries)
        self.examples += entries[: EXAMPLES - len(self.examples)]


async def look(services: Services, origin: Origin) -> Voids:
    """What voiding would come to. Writes nothing."""
    found = Voids()
    async for entries, before in entries_from(services.database, origin):
        found.take(entries)
        found.before += before
    return found


async def void(
    services: Services, origin: Origin, reason: str, now: Callable[[], datetime]
) -> AsyncIterator[Voids]:
    """Void all that came from there, and say after each chunk what was voided so far.

    Broken off, the same again goes on: what is voided stays so. Raises StorageUnavailable.
    """
    evidence = {"method": "void", "reason": reason, origin.word: origin.name}
    done = Voids()
    async for entries, before in entries_from(services.database, origin):
        done.before += before
        for start in range(0, len(entries), CHUNK):
            begun = time.monotonic()
            chunk = entries[start : start + CHUNK]
            items = [_item(number, entry, evidence) for number, entry in enumerate(chunk)]
            outcome = await services.journal.record(Unit(now=now(), choices=tuple(items), alone=True))
            # Somebody else may be voiding the same.
            new = [e for e, r in zip(chunk, outcome.results, strict=True) if r.effect is Effect.APPLIED]
            done.take(new)
            yield done
            # Leave the others as much time as we took.
            await asyncio.sleep(time.monotonic() - begun)


def _item(number: int, entry: Entry, evidence: dict[str, str]) -> ChoiceItem:
    choice = Choice(Action.VOID, Source.OPERATOR, entry.purpose, entry.channel)
    return ChoiceItem(
        ref=Ref(wide=entry.wide), index=number, choice=choice, undoes=entry.entry, evidence=evidence
    )


async def address_of(services: Services, entry: Entry) -> str | None:
    """The address that an entry is about; None: it is not known here, or cannot be opened."""
    try:
        return await services.reader.address_at(entry.wide)
    except CannotUnseal:
        return None
