"""The API's reads: catalog, decisions, links, people, changes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from prefcenter.catalog import digest
from prefcenter.domain.addresses import InvalidAddress, parse_email
from prefcenter.domain.choices import Entry
from prefcenter.domain.standing import Stop
from prefcenter.storage.keys import Key
from prefcenter.storage.level_counts import levels_at
from prefcenter.storage.reading import Person
from prefcenter.use_cases.mint_links import minter
from prefcenter.use_cases.refusals import ItemError, Refused
from prefcenter.use_cases.standings import all_standings
from prefcenter.use_cases.third_parties import told_of
from prefcenter.web.api.answers import (
    ChangesResponse,
    ContactOut,
    DeliveryOut,
    EntryOut,
    FactsOut,
    HistoryResponse,
    LevelOut,
    LinkOut,
    LinksResponse,
    PurposeOut,
    PurposesResponse,
    StandingOut,
    StopOut,
    SubjectOut,
    SubjectResponse,
    ToldOut,
)
from prefcenter.web.api.decoding import decode
from prefcenter.web.api.types import LinksRequest, LookupRequest
from prefcenter.web.errors import BadRequest, problem
from prefcenter.web.state import web_of

#: Links minted at a time, so that a long call holds up nobody's opt-out.
CHUNK = 500

MOST_CHANGES = 1000
#: As far as a cursor can go: what both databases count to, in JSON that every language reads exactly.
LAST_CURSOR = 2**53 - 1

T = TypeVar("T")


def reply(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def _out(kind: type[T], value: object) -> T:
    return msgspec.convert(value, kind, from_attributes=True)


def _stop_out(stop: Stop) -> StopOut:
    return StopOut(
        channel=stop.channel,
        purpose=stop.purpose,
        cause=stop.cause,
        entry=stop.entry,
        at=stop.at,
        recorded_at=stop.recorded_at,
    )


async def get_purposes(request: Request, _: Key) -> Response:
    catalog = web_of(request).services.catalog
    purposes = [_out(PurposeOut, purpose) for purpose in catalog.purposes.values()]
    return reply(PurposesResponse(catalog=digest(catalog), purposes=purposes))


async def post_links(request: Request, _: Key) -> Response:
    web = web_of(request)
    wanted, _body = await decode(request, LinksRequest)
    mint = minter(web.services, wanted.purpose, wanted.campaign, now=web.now())
    links, errors = [], []
    for index, recipient in enumerate(wanted.recipients):
        try:
            made = mint(recipient.email)
        except InvalidAddress as error:
            errors.append(ItemError(index, "email", str(error)))
            continue
        links.append(
            LinkOut(made.unsubscribe_url, made.preferences_url, dict(made.headers), made.fingerprint)
        )
        if index % CHUNK == 0:
            await asyncio.sleep(0)
    if errors:
        raise Refused(errors)
    return reply(LinksResponse(links=links))


async def post_lookup(request: Request, _: Key) -> Response:
    web = web_of(request)
    wanted, _body = await decode(request, LookupRequest)
    said = msgspec.to_builtins(wanted)
    if len(said) != 1:
        raise Refused([ItemError(0, "body", "name exactly one of email and external_id")])
    reader = web.services.reader
    asked: set[bytes] = set()
    if "email" in said:
        try:
            prints = web.services.fingerprinter.of_email(parse_email(said["email"]))
        except InvalidAddress as error:
            raise Refused([ItemError(0, "email", str(error))]) from error
        person = (await reader.people_at([prints]))[0]
        asked.add(prints.wide)
    else:
        found = await reader.subjects_of([said["external_id"]])
        person = (await reader.people_named([found.get(said["external_id"])]))[0]
    return reply(await _subject_response(request, person, asked))


async def get_subject(request: Request, _: Key) -> Response:
    person = await _named(request)
    if person.subject is None:
        return problem(404, "No subject has this id.")
    return reply(await _subject_response(request, person))


async def get_history(request: Request, _: Key) -> Response:
    person = await _named(request)
    if person.subject is None:
        return problem(404, "No subject has this id.")
    reader = web_of(request).services.reader
    items = await reader.history({contact.wide for contact in person.contacts}, person.subject)
    texts = await reader.wordings(
        i.evidence["wording"] for i in items if i.evidence and "wording" in i.evidence
    )
    entries = []
    for item in items:
        evidence = dict(item.evidence) if item.evidence is not None else None
        if evidence and "wording" in evidence:
            evidence["wording"] = texts.get(evidence["wording"], evidence["wording"])
        entries.append(_entry_out(item.entry, [person.subject], evidence))
    return reply(HistoryResponse(entries=entries))


async def _named(request: Request) -> Person:
    reader = web_of(request).services.reader
    return (await reader.people_named([request.path_params["id"]]))[0]


async def _subject_response(
    request: Request, person: Person, asked: AbstractSet[bytes] = frozenset()
) -> SubjectResponse:
    """`asked`: the address by which a person was looked up, who may be nobody here."""
    web = web_of(request)
    reader = web.services.reader
    subject = None
    if person.subject is not None:
        subject = SubjectOut(
            id=person.subject,
            external_ids=await reader.external_ids_of(person.subject),
            contacts=[ContactOut(contact.channel, reader.address(contact)) for contact in person.contacts],
            facts=msgspec.convert(_said(msgspec.to_builtins(person.facts)), FactsOut),
        )
    standings = all_standings(
        web.services.catalogs.all(), person, regimes=web.services.catalogs.regimes, now=web.now()
    )
    addresses = {contact.wide for contact in person.contacts} | asked
    levels = await levels_at(web.services.database, addresses, web.now())
    seqs = {stop.seq for stop in person.stops} | {s.seq for s in person.standings.values() if s.seq}
    return SubjectResponse(
        subject=subject,
        standings=[_out(StandingOut, standing) for standing in standings],
        stops=[_stop_out(stop) for stop in person.stops],
        deliveries=[_out(DeliveryOut, delivery) for delivery in await reader.deliveries_of(seqs)],
        told=[_out(ToldOut, one) for one in await told_of(web.services, person.subject)],
        levels=[_out(LevelOut, level) for level in levels],
    )


def _said(facts: dict[str, Any]) -> dict[str, Any]:
    """Without what nobody said, inside of facts too."""
    found = {name: _said(value) if isinstance(value, dict) else value for name, value in facts.items()}
    return {name: value for name, value in found.items() if value is not None}


async def get_changes(request: Request, _: Key) -> Response:
    if unknown := sorted(set(request.query_params) - {"after", "limit"}):
        raise BadRequest(f"{unknown[0]}: no such parameter; there are after and limit", 422)
    after = _number(request, "after", 0, LAST_CURSOR)
    limit = _number(request, "limit", 100, MOST_CHANGES)
    reader = web_of(request).services.reader
    entries = await reader.changes(after, limit + 1)
    more = len(entries) > limit
    entries = entries[:limit]
    owners = await reader.subjects_at({entry.wide for entry in entries})
    changes = [
        _entry_out(entry, [entry.subject] if entry.subject else owners.get(entry.wide, []))
        for entry in entries
    ]
    return reply(ChangesResponse(changes, next=str(entries[-1].seq if entries else after), more=more))


def _number(request: Request, name: str, default: int, most: int) -> int:
    given = request.query_params.get(name)
    if given is None:
        return default
    least = 1 if name == "limit" else 0
    is_number = given.isascii() and given.isdigit() and len(given) <= len(str(LAST_CURSOR))
    if not is_number or not least <= int(given) <= most:
        raise BadRequest(f"{name}: a whole number from {least} to {most}", 422)
    return int(given)


def _entry_out(entry: Entry, subjects: Sequence[str], evidence: dict[str, object] | None = None) -> EntryOut:
    return EntryOut(
        entry=entry.entry,
        cursor=entry.seq,
        action=entry.action,
        source=entry.source,
        purpose=entry.purpose,
        channel=entry.channel,
        effect=entry.effect,
        reason=entry.reason,
        occurred_at=entry.occurred_at,
        recorded_at=entry.recorded_at,
        fingerprint=entry.wide.hex(),
        subjects=list(subjects),
        proof=entry.proof,
        version=entry.version,
        target=entry.target,
        until=entry.until,
        evidence=evidence,
    )
