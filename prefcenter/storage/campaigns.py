"""Campaigns: how far each has come, whom it asked, and what they answered.

A campaign's own rows need no ledger lock: chunks are written beside the choices, one short transaction each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal, get_args

import msgspec

from prefcenter.domain.campaign_words import AskedState, Asking, CampaignKind
from prefcenter.storage import campaign_statements as sql
from prefcenter.storage.database import AnyDatabase, Row, Statement
from prefcenter.storage.fields import from_micros, to_micros
from prefcenter.storage.mail_queue import ADD_MAIL
from prefcenter.storage.people import new_id

CampaignState = Literal["running", "done"]
RUNNING, DONE = get_args(CampaignState)
PER_MINUTE = 600


class CampaignBusy(Exception):
    """Another process has gone on with this campaign meanwhile; nothing of this chunk was kept."""


class Tally(msgspec.Struct, frozen=True, omit_defaults=True):
    """`not_askable`: of this round, by reason. `slot`: when the next mail may go out, in microseconds."""

    not_askable: Mapping[str, int] = {}
    slot: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Campaign:
    """`after`: the last contact point that was looked at. `per_minute`: mails at most."""

    id: str
    purpose: str
    version: int
    kind: CampaignKind
    state: CampaignState
    per_minute: int
    after: int
    tally: Tally
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """`asked` had the mail; `yes`, `no`, `later`, `seen` and `silent` are what became of that, or of the
    question on a page. `queued` are still to be mailed."""

    campaign: Campaign
    queued: int
    asked: int
    yes: int
    no: int
    later: int
    seen: int
    silent: int
    not_askable: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """What one chunk of the walk came to. `mails` are rows of `mail_queue.ADD_MAIL`."""

    after: int
    tally: Tally
    askings: Sequence[Asking] = ()
    mails: Sequence[Row] = ()


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a walk over those who are silent goes on."""

    asked_at: int = 0
    id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """Somebody who is not silent after all: `state` says what they did elsewhere."""

    id: str
    state: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reminders:
    """`ids`: who is reminded, by `mails`."""

    ids: Sequence[str]
    mails: Sequence[Row]
    settled: Sequence[Settled] = field(default=())


class Campaigns:
    """Reads and writes of campaigns. Every method raises StorageUnavailable."""

    def __init__(self, database: AnyDatabase) -> None:
        self._database = database

    async def begin(
        self, purpose: str, version: int, kind: str, *, per_minute: int | None, now: datetime
    ) -> Campaign:
        """Make the campaign, or go on with it; one that was done looks at everybody again."""
        at = to_micros(now)
        async with self._database.write() as tx:
            row = (new_id(), purpose, version, kind, RUNNING, per_minute or PER_MINUTE, 0, "{}", at, None)
            await tx.many(sql.ADD_CAMPAIGN, [row])
            await tx.fetch(sql.AGAIN, purpose, version, kind)
            if per_minute is not None:
                await tx.fetch(sql.SET_PACE, per_minute, purpose, version, kind)
            found = await tx.fetch(sql.CAMPAIGN, purpose, version, kind)
        return _campaign(found[0])

    async def find(self, purpose: str, version: int, kind: str) -> Campaign | None:
        async with self._database.read() as tx:
            found = await tx.fetch(sql.CAMPAIGN, purpose, version, kind)
        return _campaign(found[0]) if found else None

    async def contacts_after(self, after: int, channel: str, limit: int) -> Sequence[tuple[int, str]]:
        """Contact points of a channel in the order they were made: id and subject."""
        async with self._database.read() as tx:
            return [(row[0], row[1]) for row in await tx.fetch(sql.CONTACTS, after, channel, limit)]

    async def contacts(self, channel: str, after: int = 0) -> int:
        """How many there are behind that one."""
        async with self._database.read() as tx:
            return int((await tx.fetch(sql.COUNT_CONTACTS, channel, after))[0][0])

    async def of(self, subjects: Iterable[str]) -> Mapping[str, Sequence[Asking]]:
        """Everything these people were asked in any campaign."""
        found: dict[str, list[Asking]] = {}
        async with self._database.read() as tx:
            for row in await tx.among(sql.ASKED_OF, "text", subjects):
                asking = _asking(row)
                found.setdefault(asking.subject, []).append(asking)
        return found

    async def one(self, id_: str) -> Asking | None:
        async with self._database.read() as tx:
            found = await tx.fetch(sql.ASKED_ONE, id_)
        return _asking(found[0]) if found else None

    async def keep(self, campaign: Campaign, chunk: Chunk) -> None:
        """Write a chunk with the cursor that follows it, or nothing of it. Raises CampaignBusy."""
        async with self._database.write() as tx:
            tally = msgspec.json.encode(chunk.tally).decode()
            if not await tx.fetch(sql.ADVANCE, chunk.after, tally, campaign.id, campaign.after):
                raise CampaignBusy
            await tx.many(sql.PUT_ASKED, [_asked_row(one) for one in chunk.askings])
            await tx.many(ADD_MAIL, chunk.mails)

    async def end(self, campaign: Campaign, now: datetime) -> None:
        async with self._database.write() as tx:
            await tx.fetch(sql.END, to_micros(now), campaign.id)

    async def silent(
        self, campaign: Campaign, cursor: Cursor, *, since: datetime, until: datetime, limit: int
    ) -> Sequence[Asking]:
        """Who was asked after `since` and not after `until`, has said nothing, and was not reminded."""
        bounds = (to_micros(since), to_micros(until))
        async with self._database.read() as tx:
            found = await tx.fetch(sql.SILENT, campaign.id, *bounds, cursor.asked_at, cursor.id, limit)
        return [_asking(row) for row in found]

    async def remind(self, reminders: Reminders, now: datetime) -> None:
        """Queue reminders: at most one for each, whoever else may be doing the same. Raises CampaignBusy."""
        async with self._database.write() as tx:
            reminded = 0
            for id_ in reminders.ids:
                reminded += len(await tx.fetch(sql.REMIND, to_micros(now), id_))
            if reminded != len(reminders.ids):
                raise CampaignBusy
            await tx.many(sql.SETTLE, [(one.id, one.state) for one in reminders.settled])
            await tx.many(ADD_MAIL, reminders.mails)

    async def drop(self, id_: str, reason: str) -> None:
        """Its mail is not sent after all."""
        async with self._database.write() as tx:
            await tx.fetch(sql.DROP, reason, id_)

    async def carry(self, id_: str, carrier: str) -> None:
        """Its mail travels as another purpose than the one that was meant to carry it."""
        async with self._database.write() as tx:
            await tx.fetch(sql.CARRY, carrier, id_)

    async def progress(self) -> Sequence[Progress]:
        """Every campaign, the newest first."""
        async with self._database.read() as tx:
            campaigns = [_campaign(row) for row in await tx.fetch(sql.ALL_CAMPAIGNS)]
            states: dict[str, dict[str, tuple[int, int]]] = {}
            for id_, state, number, mailed in await tx.fetch(sql.STATES):
                states.setdefault(id_, {})[state] = (number, mailed)
        return [_progress(one, states.get(one.id, {})) for one in campaigns]


def _progress(campaign: Campaign, states: Mapping[str, tuple[int, int]]) -> Progress:
    def number(state: AskedState) -> int:
        return states.get(state, (0, 0))[0]

    not_askable = dict(campaign.tally.not_askable)
    for state, (count, mailed) in states.items():
        if state not in frozenset(AskedState) and count > mailed:
            not_askable[state] = not_askable.get(state, 0) + count - mailed
    return Progress(
        campaign=campaign,
        queued=number(AskedState.QUEUED),
        asked=sum(mailed for _, mailed in states.values()),
        yes=number(AskedState.YES),
        no=number(AskedState.NO),
        later=number(AskedState.LATER),
        seen=number(AskedState.SEEN),
        silent=number(AskedState.ASKED),
        not_askable=not_askable,
    )


def _campaign(row: Row) -> Campaign:
    id_, purpose, version, kind, state, per_minute, after, counts, created_at, ended_at = row
    return Campaign(
        id=id_,
        purpose=purpose,
        version=version,
        kind=CampaignKind(kind),
        state=state,
        per_minute=per_minute,
        after=after,
        tally=msgspec.json.decode(counts, type=Tally),
        created_at=from_micros(created_at),
        ended_at=_moment(ended_at),
    )


def _asking(row: Row) -> Asking:
    return Asking(
        id=row[0],
        campaign=row[1],
        subject=row[2],
        carrier=row[3],
        state=row[4],
        queued_at=from_micros(row[5]),
        asked_at=_moment(row[6]),
        reminded_at=_moment(row[7]),
        answered_at=_moment(row[8]),
        purpose=row[9],
        version=row[10],
        kind=row[11],
    )


def answer_rows(
    purpose: str, version: int, subject: str, state: AskedState, now: datetime, *, mailed: bool
) -> Sequence[tuple[Statement, Row]]:
    """What keeps an answer, for `Unit.companions`: in every campaign that mailed the question, else (not
    `mailed`) as one that was given on a page."""
    at = to_micros(now)
    if mailed:
        return [(sql.MARK_ANSWERED, (subject, purpose, version, state.value, at))]
    # One for each version of a purpose, whoever makes it first.
    page = sha256(f"{purpose} {version} page".encode()).hexdigest()[:32]
    asking = Asking(
        id=new_id(),
        campaign=page,
        purpose=purpose,
        version=version,
        kind=CampaignKind.PAGE,
        subject=subject,
        carrier="",
        state=state.value,
        queued_at=now,
        answered_at=now,
    )
    campaign = (page, purpose, version, CampaignKind.PAGE.value, DONE, 0, 0, "{}", at, at)
    return [(sql.ADD_CAMPAIGN, campaign), (sql.PUT_PAGE_ANSWER, _asked_row(asking))]


def _asked_row(asking: Asking) -> Row:
    """Of `campaign_statements.PUT_ASKED` and `PUT_PAGE_ANSWER`."""
    moments: Sequence[Any] = [
        None if moment is None else to_micros(moment)
        for moment in (asking.asked_at, asking.reminded_at, asking.answered_at)
    ]
    head = (asking.id, asking.campaign, asking.subject, asking.carrier, asking.state)
    return (*head, to_micros(asking.queued_at), *moments)


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
