"""`/v1/subjects` and `/v1/choices`: what a tool reports of people."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from prefcenter.domain.addresses import InvalidAddress, parse_email
from prefcenter.domain.choices import Action, Choice, Source
from prefcenter.domain.purposes import ANY
from prefcenter.storage.keys import Key
from prefcenter.storage.units import ChoiceItem, Claim, FactsItem, Outcome, Ref, StoredAnswer
from prefcenter.use_cases.record_choices import record, standings_after
from prefcenter.use_cases.refusals import ItemError, Refused
from prefcenter.use_cases.services import Services
from prefcenter.use_cases.standings import PurposeStanding
from prefcenter.web.api.answers import (
    ChoiceResult,
    ChoicesResponse,
    StandingOut,
    SubjectRef,
    SubjectsResponse,
)
from prefcenter.web.api.auth import require
from prefcenter.web.api.decoding import decode
from prefcenter.web.api.types import ChoiceIn, ChoicesRequest, SubjectIn, SubjectsRequest
from prefcenter.web.errors import BadRequest
from prefcenter.web.state import web_of

_WHO = ("email", "external_id", "id")
_YESES = ("give", "reaffirm")
_IDEMPOTENCY_KEY = re.compile(r"[!#-~]{1,255}")

T = TypeVar("T")


async def post_subjects(request: Request, key: Key) -> Response:
    web = web_of(request)
    wanted, body = await decode(request, SubjectsRequest)
    errors = Errors()
    refs = [errors.ref(web.services, i, subject, create=True) for i, subject in enumerate(wanted.subjects)]
    errors.no_duplicates(((ref, "") for ref in refs), "the same person twice in one call")
    errors.raise_any()
    items = [
        FactsItem(ref=ref, index=index, facts=_facts(subject))
        for index, (ref, subject) in enumerate(zip(refs, wanted.subjects, strict=True))
        if ref is not None
    ]

    def respond(outcome: Outcome) -> StoredAnswer:
        made = SubjectsResponse(subjects=[SubjectRef(id=id_) for id_ in outcome.subjects])
        return StoredAnswer(200, msgspec.json.encode(made))

    claim = claim_of(request, key, body)
    try:
        outcome = await record(web.services, facts=items, claim=claim, respond=respond, now=web.now())
    except Refused as error:
        # Here the items are the subjects themselves.
        raise Refused(
            [replace(one, field=one.field.removeprefix("subject.")) for one in error.errors]
        ) from error
    return answer_of(outcome)


async def post_choices(request: Request, key: Key) -> Response:
    web = web_of(request)
    services = web.services
    wanted, body = await decode(request, ChoicesRequest)
    errors = Errors("subject.")
    facts, choices, named = [], [], []
    for index, item in enumerate(wanted.choices):
        _check_rights(key, item)
        said = _facts(item.subject)
        # A stop needs no subject: an address nobody has is stopped by its fingerprint.
        create = bool(said) or item.action in ("give", "request", "defer", "reaffirm")
        ref = errors.ref(services, index, item.subject, create=create)
        named.append((ref, f"{item.purpose} {_channel(item)}"))
        if ref is None:
            continue
        if said:
            facts.append(FactsItem(ref=ref, index=index, facts=said))
        choices.append(_choice_item(ref, index, item))
    errors.no_duplicates(named, "the same person, purpose and channel twice in one call; which one is meant?")
    errors.raise_any()
    now = web.now()

    def respond(outcome: Outcome) -> StoredAnswer:
        results = [
            ChoiceResult(
                entry=result.entry,
                effect=result.effect.value,
                reason=result.reason,
                matched=result.matched,
                note=result.note,
                also=result.also,
                standing=_standing_out(standings_after(services, item, result, now)),
            )
            for item, result in zip(choices, outcome.results, strict=True)
        ]
        return StoredAnswer(200, msgspec.json.encode(ChoicesResponse(results=results)))

    claim = claim_of(request, key, body)
    return answer_of(
        await record(services, facts=facts, choices=choices, claim=claim, respond=respond, now=now)
    )


def _check_rights(key: Key, item: ChoiceIn) -> None:
    # An imported yes is the tool's word for the person's act, as a form's is.
    if item.source == "form" or (item.source == "import" and item.action in _YESES):
        require(key, "choices:attest")
    if _facts(item.subject) or len(_who(item.subject)) > 1:
        require(key, "subjects:write")


def _choice_item(ref: Ref, index: int, item: ChoiceIn) -> ChoiceItem:
    evidence: dict[str, Any] = {} if item.evidence is msgspec.UNSET else msgspec.to_builtins(item.evidence)
    choice = Choice(
        action=Action(item.action),
        source=Source(item.source),
        purpose=item.purpose,
        channel=_channel(item),
        stated_at=None if item.occurred_at is msgspec.UNSET else item.occurred_at,
        until=None if item.until is msgspec.UNSET else item.until,
        wording=evidence.get("wording"),
    )
    return ChoiceItem(ref=ref, index=index, choice=choice, evidence=evidence)


def _channel(item: ChoiceIn) -> str:
    if item.channel is msgspec.UNSET:
        return ANY if item.purpose == ANY else "email"
    return item.channel


class Errors:
    """What is wrong with the items of a call, collected. `path` leads from an item to its person."""

    def __init__(self, path: str = "") -> None:
        self._path = path
        self._errors: list[ItemError] = []

    def add(self, index: int, field: str, message: str) -> None:
        self._errors.append(ItemError(index, field, message))

    def raise_any(self) -> None:
        if self._errors:
            raise Refused(self._errors)

    def ref(self, services: Services, index: int, subject: SubjectIn, *, create: bool) -> Ref | None:
        if not _who(subject):
            self.add(index, "subject", "name the person: email, external_id or id")
            return None
        relationship = subject.relationship
        if relationship is not msgspec.UNSET and relationship.opt_out_offered is True:
            field = f"{self._path}relationship.opt_out_offered"
            self.add(index, field, "say when and in which words, as an object; or false")
        narrow = wide = address = None
        if subject.email is not msgspec.UNSET:
            try:
                parsed = parse_email(subject.email)
            except InvalidAddress as error:
                self.add(index, f"{self._path}email", str(error))
                return None
            narrow, wide = services.fingerprinter.of_email(parsed)
            address = parsed.narrow
        return Ref(
            wide=wide,
            narrow=narrow,
            address=address,
            subject=None if subject.id is msgspec.UNSET else subject.id,
            external_id=None if subject.external_id is msgspec.UNSET else subject.external_id,
            create=create,
        )

    def no_duplicates(self, items: Iterable[tuple[Ref | None, str]], message: str) -> None:
        """Refuse a person who is named twice, by any of their names, for the same matter."""
        seen: set[tuple[str, object]] = set()
        for index, (ref, matter) in enumerate(items):
            if ref is None:
                continue
            names = {(matter, name) for name in (ref.narrow, ref.external_id, ref.subject) if name}
            if names & seen:
                self.add(index, "subject", message)
            seen |= names


def _who(subject: SubjectIn) -> tuple[tuple[str, str], ...]:
    named = ((name, getattr(subject, name)) for name in _WHO)
    return tuple((name, value) for name, value in named if value is not msgspec.UNSET)


def _facts(subject: SubjectIn) -> dict[str, Any]:
    """Only what was said, as it goes into the ledger."""
    said: dict[str, Any] = msgspec.to_builtins(subject)
    return {name: value for name, value in said.items() if name not in _WHO}


def _standing_out(standing: PurposeStanding | list[PurposeStanding]) -> StandingOut | list[StandingOut]:
    if isinstance(standing, list):
        return [msgspec.convert(one, StandingOut, from_attributes=True) for one in standing]
    return msgspec.convert(standing, StandingOut, from_attributes=True)


def claim_of(request: Request, key: Key, body: bytes) -> Claim | None:
    """The Idempotency-Key, quoted or bare. Raises BadRequest for one that cannot be used."""
    given = request.headers.get("idempotency-key")
    if given is None:
        return None
    name = given[1:-1] if given[:1] == given[-1:] == '"' else given
    if not _IDEMPOTENCY_KEY.fullmatch(name):
        raise BadRequest("Idempotency-Key: 1 to 255 letters, digits and signs without space, quoted or bare")
    seen = f"{request.method} {request.url.path}\n".encode() + body
    return Claim(api_key=key.name, key=name, fingerprint=hashlib.sha256(seen).digest())


def answer_of(outcome: Outcome) -> Response:
    assert outcome.answer is not None
    headers = {"idempotent-replayed": "true"} if outcome.replayed else None
    return Response(
        outcome.answer.body, outcome.answer.status, media_type="application/json", headers=headers
    )
