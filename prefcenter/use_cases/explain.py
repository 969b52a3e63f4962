"""Why a message may be sent or not, to one address: now, or at a moment that is past."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from prefcenter.domain.addresses import Fingerprints
from prefcenter.domain.decide import Decision, may_send
from prefcenter.storage.past import Past
from prefcenter.storage.reading import HistoryItem
from prefcenter.storage.vault import CannotUnseal
from prefcenter.use_cases.decide_one import decide_safely
from prefcenter.use_cases.decide_past import decide_then, find_then, read_people
from prefcenter.use_cases.decide_recipients import Question
from prefcenter.use_cases.explanation import Case, explanation
from prefcenter.use_cases.services import Services

CHANNEL = "email"


async def explain(
    services: Services, email: str, purpose_key: str, *, now: datetime, at: datetime | None = None
) -> str:
    """In plain words, with the entries that decide. `at`: a moment that is past. Raises InvalidAddress."""
    address = services.fingerprinter.of_text(email)
    past = await read_people(services, [address])
    if at is None:
        case = await _now(services, past, address, purpose_key, now)
    else:
        case = await _then(services, past, address, purpose_key, at.astimezone(UTC))
    return explanation(case)


async def _now(services: Services, past: Past, address: Fingerprints, key: str, now: datetime) -> Case:
    person = (await services.reader.people_at([address]))[0]
    in_force = services.catalogs.in_force
    purpose = in_force.find(key)
    decision = decide_safely(may_send, purpose, CHANNEL, person, regimes=in_force.regimes, now=now)
    return Case(
        key=key,
        channel=CHANNEL,
        purpose=purpose,
        decision=decision,
        known=person if decision.reason != "error" else None,
        matched=person.matched,
        in_force=in_force,
        moment=now,
        past=False,
        history=await _history(services, past.wides_at(address.wide), person.subject, decision),
    )


async def _then(services: Services, past: Past, address: Fingerprints, key: str, at: datetime) -> Case:
    in_force = services.catalogs.as_of(at)
    decision = decide_then(past, Question(purpose=key, channel=CHANNEL), address, at, in_force).decision
    person = find_then(past, address, at, in_force) if decision.reason != "error" else None
    subject, head = (person.subject, person.seq) if person is not None else (None, 0)
    history = await _history(services, past.wides_at(address.wide), subject, decision)
    return Case(
        key=key,
        channel=CHANNEL,
        purpose=in_force.find(key),
        decision=decision,
        known=person,
        matched=person.matched if person is not None else None,
        in_force=in_force,
        moment=at,
        past=True,
        history=None if history is None else [item for item in history if item.entry.seq <= head],
    )


async def _history(
    services: Services, wides: Iterable[bytes], subject: str | None, decision: Decision
) -> Sequence[HistoryItem] | None:
    """What concerns this person, and the entry that decides, whomever it names. None: it cannot be read."""
    if decision.reason == "error":
        return None
    try:
        items = {item.entry.seq: item for item in await services.reader.history(wides, subject)}
        if decision.entry is not None:
            for entry in (await services.reader.entries([decision.entry])).values():
                items.setdefault(entry.seq, HistoryItem(entry, None))
    except (CannotUnseal, ValueError):
        return None
    return [items[seq] for seq in sorted(items)]
