"""Reads what the units of a batch touch, a set at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prefcenter.domain.choices import AUTHORITY, STOPS, YES, Action, YesRule
from prefcenter.domain.judge import SAME_CLICK
from prefcenter.domain.standing import yields_to_newer_yes
from prefcenter.domain.third_parties import concerns_third_parties
from prefcenter.storage import rows, statements
from prefcenter.storage.batch import Batch
from prefcenter.storage.database import Row, Tx
from prefcenter.storage.fields import from_micros
from prefcenter.storage.outbox import Endpoint
from prefcenter.storage.people import Contact
from prefcenter.storage.units import (
    ChoiceItem,
    Claim,
    FactsItem,
    Ref,
    StoredAnswer,
    Unit,
)


async def load(batch: Batch, tx: Tx, units: Sequence[Unit]) -> None:
    refs = [item.ref for unit in units for item in unit.items]
    wides = {ref.wide for ref in refs if ref.wide is not None}
    if await _load_head_and_stops(batch, tx, wides):
        for id_, events in await tx.fetch(statements.ENDPOINTS):
            batch.endpoints.append(Endpoint(id_, frozenset(events.split())))
    await _load_claims(batch, tx, [unit.claim for unit in units if unit.claim is not None])
    undone = {item.undoes for unit in units for item in unit.choices if item.undoes is not None}
    for row in await tx.among(statements.ENTRIES_BY_ID, "text", undone):
        entry = rows.entry_from(row)
        batch.past[entry.entry] = entry
    more = {entry.wide for entry in batch.past.values()}
    people_wanted = _wides_whose_people_matter(batch, units)
    if people_wanted or batch.past or any(ref.subject or ref.external_id for ref in refs):
        await load_people(batch, tx, people_wanted | more, refs)
        more |= set(batch.people.by_wide)
    await load_stops(batch, tx, more - wides)
    if repeated := _recently_stopped(batch, units):
        await load_people(batch, tx, repeated, ())
    touched = {entry.wide for entry in batch.past.values()}
    if touched := touched | _whose_past_matters(batch, units):
        await load_history(batch, tx, touched)
    if any(item.choice.action is Action.VOID for unit in units if unit.alone for item in unit.choices):
        await load_connected(batch, tx)
    await _load_once_held(batch, tx, _to_be_held(batch, refs))


async def _load_claims(batch: Batch, tx: Tx, claims: Sequence[Claim]) -> None:
    for api_key, key, fingerprint, status, response in await tx.among(
        statements.CLAIMS, "text", {claim.key for claim in claims}
    ):
        answer = StoredAnswer(status, batch.vault.unseal(response))
        batch.claims[api_key, key] = (bytes(fingerprint), answer)


def _wides_whose_people_matter(batch: Batch, units: Sequence[Unit]) -> set[bytes]:
    """A stop by a signed link needs nobody's name, unless a tool, provider or third party is told of it."""
    return {
        item.ref.wide
        for unit in units
        for item in unit.items
        if item.ref.wide is not None and (batch.endpoints or batch.reaches or not _needs_no_name(batch, item))
    }


def _to_be_held(batch: Batch, refs: Iterable[Ref]) -> set[bytes]:
    """Addresses that somebody may come to have in this batch."""
    return {
        ref.wide
        for ref in refs
        if ref.create
        and ref.wide is not None
        and ref.narrow is not None
        and (ref.channel, ref.narrow) not in batch.people.contacts
    }


def _recently_stopped(batch: Batch, units: Sequence[Unit]) -> set[bytes]:
    """Addresses with a stop of the last minute: only there may a yes in between matter."""
    found = set()
    for unit in units:
        for item in unit.choices:
            wide = item.ref.wide
            if wide is None or wide in batch.people.by_wide:
                continue
            stops = batch.state.stops.get(wide, {}).values()
            if any(unit.now - stop.recorded_at < SAME_CLICK for stop in stops):
                found.add(wide)
    return found


def _whose_past_matters(batch: Batch, units: Sequence[Unit]) -> set[bytes]:
    """Addresses for which a yes is imported (it counts only where nothing was ever said), or may be asked for
    by mail (nobody is asked again and again)."""
    found: set[bytes] = set()
    for unit in units:
        for item in unit.choices:
            wides = {item.ref.wide} if item.ref.wide is not None else set(batch.people.by_wide)
            if item.choice.action is Action.REQUEST:
                found |= wides
            elif item.choice.action in YES:
                rule = AUTHORITY[item.choice.source].yes
                if rule in (YesRule.IMPORTED, YesRule.SHOWN):
                    found |= wides
                elif rule is YesRule.ATTESTED:
                    found |= {wide for wide in wides if batch.state.stops.get(wide)}
    return found


async def load_people(batch: Batch, tx: Tx, wides: set[bytes], refs: Iterable[Ref] = ()) -> None:
    """Everybody at these addresses, with their other addresses, standings and facts; not their stops."""
    refs = list(refs)
    externals = {ref.external_id for ref in refs if ref.external_id is not None}
    for value, subject in await tx.among(statements.EXTERNAL_IDS, "text", externals):
        batch.people.external[value] = subject
    named = {ref.subject for ref in refs if ref.subject is not None} | set(batch.people.external.values())
    asked = set(batch.people.by_wide)
    while wides or named:
        for row in await tx.among(statements.CONTACTS_BY_WIDE, "bytea", wides):
            named.add(row[0])
        asked |= wides
        named -= set(batch.people.by_subject)
        for subject, channel, narrow, wide, sealed, since in await tx.among(
            statements.CONTACTS_BY_SUBJECT, "text", named
        ):
            batch.people.learn(Contact(subject, channel, bytes(narrow), bytes(wide), bytes(sealed)))
            batch.people.known_since[subject] = from_micros(since)
        named = set()
        # Whoever shares another address of these people is touched by what is said there.
        wides = set(batch.people.by_wide) - asked
    subjects = set(batch.people.by_subject)
    for subject in subjects:
        batch.state.live_at(subject, batch.people.wides_of(subject))
    for row in await tx.among(statements.STANDINGS, "text", subjects):
        standing = rows.standing_from(row)
        batch.state.standings.setdefault(standing.subject, {})[standing.key] = standing
    for subject, body in await tx.among(statements.FACTS, "text", subjects):
        batch.facts[subject] = rows.facts_dict(body)


async def _load_head_and_stops(batch: Batch, tx: Tx, wides: set[bytes]) -> bool:
    """Returns whether any endpoint may hear of choices."""
    listeners = True
    # Without any address the head is wanted all the same.
    for seq, chain, heard, *stop in await tx.among(statements.HEAD_AND_STOPS, "bytea", wides or {b""}):
        batch.seq, batch.chain, listeners = seq, bytes(chain), bool(heard)
        if stop[0] is not None:
            _learn_stop(batch, stop)
    return listeners


async def load_stops(batch: Batch, tx: Tx, wides: set[bytes]) -> None:
    for row in await tx.among(statements.STOPS, "bytea", wides):
        _learn_stop(batch, row)


def _learn_stop(batch: Batch, row: Row) -> None:
    stop = rows.stop_from(row)
    batch.state.stops.setdefault(stop.wide, {})[stop.key] = stop


async def load_connected(batch: Batch, tx: Tx) -> None:
    """Everybody who ever had one of the addresses whose history is loaded, with all of their addresses: what
    is voided may have gone along with them, or have come along."""
    looked: set[str] = set()
    while True:
        named = {e.subject for found in batch.history.values() for e in found if e.subject is not None}
        await load_people(batch, tx, set(), [Ref(subject=who) for who in named - looked])
        looked |= named
        wides = set(batch.people.by_wide) - set(batch.history)
        if not wides:
            break
        await load_history(batch, tx, wides)
    await load_stops(batch, tx, set(batch.history))
    voided = {entry.subject for entry in batch.past.values() if entry.action is Action.FACT}
    entries = (entry for found in batch.history.values() for entry in found)
    facts = [e.seq for e in entries if e.action is Action.FACT and e.subject in voided]
    for seq, sealed in await tx.among(statements.PAYLOADS, "bigint", facts):
        batch.evidence[seq] = bytes(sealed)


async def load_history(batch: Batch, tx: Tx, wanted: set[bytes]) -> None:
    """Every entry of some addresses, and of those whose stops they took over."""
    while wanted:
        for row in await tx.among(statements.ENTRIES_BY_WIDE, "bytea", wanted):
            entry = rows.entry_from(row)
            batch.history.setdefault(entry.wide, []).append(entry)
        for wide in wanted:
            batch.history.setdefault(wide, [])
        moved = [e for found in batch.history.values() for e in found if e.action is Action.ADDRESS_CHANGED]
        wanted = {bytes.fromhex(e.target) for e in moved if e.target} - set(batch.history)


async def _load_once_held(batch: Batch, tx: Tx, wides: set[bytes]) -> None:
    """Whose history is loaded, of those it is known."""
    held = {wide for wide in wides if any(e.subject is not None for e in batch.history.get(wide, ()))}
    for row in await tx.among(statements.ONCE_HELD, "bytea", wides - set(batch.history)):
        held.add(bytes(row[0]))
    batch.people.formerly_held |= held


def _needs_no_name(batch: Batch, item: FactsItem | ChoiceItem) -> bool:
    return (
        isinstance(item, ChoiceItem)
        and item.ref.narrow is None
        and item.choice.action in STOPS
        and not yields_to_newer_yes(item.choice.action, item.choice.source)
        and not concerns_third_parties(item.choice, batch.purposes.disclosures, batch.purposes.find)
    )
