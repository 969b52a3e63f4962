"""What the API gives, as types: answers and the OpenAPI document both come from here."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct


class SubjectRef(Struct):
    id: str


class SubjectsResponse(Struct):
    subjects: list[SubjectRef]


class StandingOut(Struct, omit_defaults=True):
    """`status` is a W3C DPV term; null where there is nothing to consent to."""

    purpose: str
    channel: str
    status: str | None
    allowed: bool
    reason: str
    basis: str | None = None
    proof: str | None = None
    version: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    entry: str | None = None
    missing: tuple[str, ...] = ()
    pending_version: int | None = None
    review_due: bool = False
    explanation: str = ""


class ChoiceResult(Struct, omit_defaults=True):
    """`note` "names_differ": the names of a stop are not known as those of one person, so everybody whom they
    name was stopped; facts that came along were left out. `also`: the entries of the others."""

    entry: str
    effect: Literal["applied", "none", "pending"]
    standing: StandingOut | list[StandingOut]
    reason: str | None = None
    matched: str | None = None
    note: str | None = None
    also: tuple[str, ...] = ()


class ChoicesResponse(Struct):
    results: list[ChoiceResult]


class DecisionOut(Struct, omit_defaults=True):
    allowed: bool
    reason: str
    basis: str | None = None
    proof: str | None = None
    regime: str | None = None
    version: int | None = None
    pending_version: int | None = None
    missing: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    entry: str | None = None
    review_due: bool = False
    matched: str | None = None


class DecisionsResponse(Struct):
    purpose: str
    channel: str
    at: datetime
    rules: str
    cursor: str
    decisions: list[DecisionOut]


class LinkOut(Struct):
    """`fingerprint`: names the address in events about people who are not known here."""

    unsubscribe_url: str
    preferences_url: str
    headers: dict[str, str]
    fingerprint: str


class LinksResponse(Struct):
    links: list[LinkOut]


class ContactOut(Struct):
    channel: str
    address: str


class FactsOut(Struct, omit_defaults=True):
    country: str | None = None
    language: str | None = None
    age_band: str | None = None
    subscriber: str | None = None
    relationship: dict[str, Any] | None = None
    last_contact_at: datetime | None = None


class SubjectOut(Struct):
    id: str
    external_ids: list[str]
    contacts: list[ContactOut]
    facts: FactsOut


class StopOut(Struct):
    channel: str
    purpose: str
    cause: str
    entry: str
    at: datetime
    recorded_at: datetime


class DeliveryOut(Struct, omit_defaults=True):
    cursor: int
    webhook: str
    event: str
    state: str
    attempts: int
    queued_at: datetime
    ended_at: datetime | None = None
    last_error: str | None = None


class ToldOut(Struct, omit_defaults=True):
    """A third party and the end of a permission: `open`, then `told`, then `confirmed` by it."""

    recipient: str
    name: str
    purpose: str
    state: Literal["open", "told", "confirmed"]
    created_at: datetime
    told_at: datetime | None = None
    confirmed_at: datetime | None = None


class LevelOut(Struct, omit_defaults=True):
    """What a connection knows of an address on one of its scopes, or is still to be told: a stop, or its end.

    `honour_by`, `law`: until when a stop is to be honoured, and why. `confirmed_by`: the provider's answer,
    its echo, a reconciliation, or heard (it came from there).
    """

    connection: str
    scope: str
    stopped: bool
    state: Literal["queued", "sent", "confirmed", "overdue", "failed"]
    said_at: datetime
    honour_by: datetime | None = None
    law: str | None = None
    confirmed_at: datetime | None = None
    confirmed_by: Literal["answer", "echo", "reconciliation", "heard"] | None = None
    last_error: str | None = None


class SubjectResponse(Struct):
    """`subject` null: nobody here has the address; its stops are kept all the same. `told`: third parties.
    `levels`: how far the stops have come at each connection."""

    subject: SubjectOut | None
    standings: list[StandingOut]
    stops: list[StopOut]
    deliveries: list[DeliveryOut]
    told: list[ToldOut]
    levels: list[LevelOut]


class EntryOut(Struct, omit_defaults=True):
    """An entry of the ledger. `subjects`: everybody with the address it is about."""

    entry: str
    cursor: int
    action: str
    source: str
    purpose: str
    channel: str
    effect: str
    occurred_at: datetime
    recorded_at: datetime
    fingerprint: str
    subjects: list[str]
    reason: str | None = None
    proof: str | None = None
    version: int | None = None
    target: str | None = None
    until: datetime | None = None
    evidence: dict[str, Any] | None = None


class HistoryResponse(Struct):
    entries: list[EntryOut]


class ChangesResponse(Struct):
    changes: list[EntryOut]
    next: str
    more: bool


class PurposeOut(Struct, omit_defaults=True):
    key: str
    version: int
    title: str
    description: str
    kind: str
    channels: list[str]
    basis: str | None = None
    double_opt_in: bool | None = None
    recipients: list[str] = []
    data: list[str] = []
    category: str | None = None
    why: str | None = None


class PurposesResponse(Struct):
    catalog: str
    purposes: list[PurposeOut]


class WebhookOut(Struct, omit_defaults=True):
    """`secret` is shown once, when the endpoint is made."""

    id: str
    url: str
    events: list[str]
    description: str
    state: str
    created_at: datetime
    state_reason: str | None = None
    secret: str | None = None
    deliveries: dict[str, int] = {}


class WebhooksResponse(Struct):
    webhooks: list[WebhookOut]


class FieldError(Struct):
    index: int
    field: str
    message: str


class Problem(Struct, omit_defaults=True):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []
