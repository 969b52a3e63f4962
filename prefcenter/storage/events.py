"""Which deliveries an entry gives birth to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from prefcenter.domain.choices import Action, Effect, Entry, scope_of, takes_away
from prefcenter.domain.decide import Decision, may_send
from prefcenter.domain.purposes import ANY, PROBE_PURPOSE, Purpose
from prefcenter.domain.standing import StandingKey
from prefcenter.domain.status import status_of
from prefcenter.storage.batch import Batch, Turned, dossier_of
from prefcenter.storage.database import Row
from prefcenter.storage.outbox import (
    CHOICE_RECORDED,
    STANDING_CHANGED,
    Who,
    choice_data,
    delivery_row,
    event_body,
)

_NO_CHOICE = frozenset({Action.FACT, Action.ADDRESS_CHANGED})
#: Of which it is known what they turned, and for whom.
_TURNS = _NO_CHOICE | {Action.VOID}


def born_of(entry: Entry, batch: Batch, externals: Mapping[str, Sequence[str]]) -> Iterator[Row]:
    """The rows of `statements.ADD_DELIVERY` for one new entry."""
    turned = batch.turned.get(entry.seq, ())
    if entry.purpose == PROBE_PURPOSE or (entry.action in _NO_CHOICE and not turned):
        return
    subjects = [entry.subject] if entry.subject else batch.people.subjects_at(entry.wide)
    subjects = list(dict.fromkeys([*subjects, *(one.subject for one in turned)]))
    people = [_who(subject, entry, batch, externals) for subject in subjects] or [Who(None, None, ())]
    suppressing = takes_away(entry) or any(not one.allowed for one in turned)
    for event, data in _events(entry, people, batch):
        body = None
        for endpoint in batch.endpoints:
            if event in endpoint.events:
                body = body or event_body(event, entry.recorded_at, data)
                yield delivery_row(
                    batch.vault,
                    endpoint.id,
                    entry.seq,
                    event,
                    body,
                    suppressing=suppressing,
                    now=entry.recorded_at,
                )


def _events(entry: Entry, people: Sequence[Who], batch: Batch) -> Iterator[tuple[str, Any]]:
    wanted = frozenset().union(*(endpoint.events for endpoint in batch.endpoints))
    for who in people:
        if CHOICE_RECORDED in wanted and entry.action not in _NO_CHOICE:
            yield CHOICE_RECORDED, choice_data(entry, who)
        if STANDING_CHANGED in wanted and entry.effect is not Effect.NONE and who.id is not None:
            for purpose, channel in _touched(entry, who.id, batch):
                yield STANDING_CHANGED, _standing_data(entry, who, purpose, channel, batch)


def _touched(entry: Entry, subject: str, batch: Batch) -> Iterator[tuple[Purpose, str]]:
    """What the entry may have changed: what it turned, the scope of its cause, or just what it names."""
    if entry.action in _TURNS:
        turned = batch.turned.get(entry.seq, ())
        yield from ((one.purpose, one.channel) for one in turned if one.subject == subject)
        return
    named = (entry.purpose, entry.channel)
    key, on = named if entry.cause is None else scope_of(entry.cause, *named)
    for purpose in batch.purposes.all():
        if key in (ANY, purpose.key):
            for channel in purpose.channels:
                if on in (ANY, channel):
                    yield purpose, channel


def _standing_data(entry: Entry, who: Who, purpose: Purpose, channel: str, batch: Batch) -> dict[str, Any]:
    """The newest state; `version` grows, so a receiver can drop what comes late."""
    assert who.id is not None
    decision = _decision(batch, who.id, batch.people.wides_of(who.id), purpose, channel, entry.recorded_at)
    return {
        "subject": who,
        "purpose": purpose.key,
        "channel": channel,
        "status": status_of(decision),
        "allowed": decision.allowed,
        "reason": decision.reason,
        "version": entry.seq,
    }


def _decision(
    batch: Batch, subject: str, wides: Iterable[bytes], purpose: Purpose, channel: str, now: datetime
) -> Decision:
    known = dossier_of(batch, subject, wides)
    return may_send(purpose, channel, known, regimes=batch.purposes.regimes, now=now)


def answers(batch: Batch, subject: str, wides: Iterable[bytes], now: datetime) -> dict[StandingKey, Decision]:
    """What may be sent to a person now; empty where no endpoint wants to hear of it."""
    if not batch.endpoints or not any(STANDING_CHANGED in endpoint.events for endpoint in batch.endpoints):
        return {}
    return {
        (purpose.key, channel): _decision(batch, subject, wides, purpose, channel, now)
        for purpose in batch.purposes.all()
        for channel in purpose.channels
    }


def turned(
    batch: Batch,
    subject: str,
    before: Mapping[StandingKey, Decision],
    after: Mapping[StandingKey, Decision],
) -> tuple[Turned, ...]:
    """Where the answer became another one for a person."""
    if not before:
        return ()
    return tuple(
        Turned(subject, purpose, channel, after[purpose.key, channel].allowed)
        for purpose in batch.purposes.all()
        for channel in purpose.channels
        if (purpose.key, channel) in before
        and before[purpose.key, channel].reason != after[purpose.key, channel].reason
    )


def _who(subject: str, entry: Entry, batch: Batch, externals: Mapping[str, Sequence[str]]) -> Who:
    contacts = batch.people.by_subject.get(subject, ())
    email = next((contact for contact in contacts if contact.channel == "email"), None)
    address = None
    if email is not None:
        address = email.address if email.sealed is None else batch.vault.unseal(email.sealed).decode()
    return Who(subject, address, externals.get(subject, ()))
