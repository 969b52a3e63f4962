"""Random histories on a whole installation: what people say, facts, and catalogs and rules that change."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from prefcenter.bootstrap import open_services
from prefcenter.catalog import Catalog, parse
from prefcenter.domain.addresses import parse_email
from prefcenter.domain.choices import STOPS, Action, Choice, Proof, Source
from prefcenter.domain.purposes import ANY
from prefcenter.domain.voiding import may_be_voided
from prefcenter.storage.units import ChoiceItem, FactsItem, Ref, Unit, UnitRefused
from prefcenter.use_cases.services import Services
from tests.api.client import settings_of
from tests.storage.ledgers import unit_of_void

BEGIN = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)

#: Mailboxes in several spellings, and a stranger.
SPELLINGS = ["ada@example.com", "Ada@example.com", "aDA@example.com", "bo@example.com", "nobody@example.com"]
NAMES = ["crm-1", "crm-2"]
PURPOSES = ["newsletter", "digest", "offers", "news", "sharing", "account", "events", "nothing"]
WHERE = [(purpose, "email") for purpose in PURPOSES] + [("newsletter", "sms")]

_HEAD = """
[controller]
name = "Example Ltd"
postal_address = "1 Example Street, Example City"
email = "privacy@example.com"

[recipients.partner-inc]
name = "Partner Inc"
email = "privacy@partner.example"
"""
_PARTS = {
    "newsletter": 'title = "Newsletter"\ndescription = "Monthly."\nbasis = "consent"\nchannels = ["email"]',
    "digest": 'title = "Digest"\ndescription = "Weekly."\nbasis = "consent"\ndouble_opt_in = true',
    "offers": """title = "Offers"
description = "Similar products."
basis = "legitimate_interest"
similar_to_purchase = true
soft_opt_in = { offered_since = 2026-01-01, wording = "You can say no here and in every email." }""",
    "news": 'title = "News"\ndescription = "As the law where you live has it."',
    "sharing": 'title = "Sharing"\ndescription = "With others."\nkind = "sale_or_sharing"',
    "account": """title = "Account"
description = "Invoices."
kind = "service"
category = "account"
why = "No account without."
basis = "contract\"""",
}
_EVENTS = (
    'title = "Events"\ndescription = "Near you."\nbasis = "legitimate_interest"\nsimilar_to_purchase = true'
)
_NOTICE = (
    '[notice]\nversion = "{}"\nurl = "https://example.com/privacy"\npublished = 2026-01-01\nchange = "{}"'
)


def _catalog(parts: dict[str, str], *more: str) -> Catalog:
    sections = [f"[purposes.{key}]\n{body}" for key, body in parts.items()]
    return parse("\n\n".join([_HEAD, *sections, *more]))


def _with(key: str, old: str, new: str) -> dict[str, str]:
    return {**_PARTS, key: _PARTS[key].replace(old, new)}


_RULES = """
[regimes.DE]
expires = 1
reason = "Our lawyers ask for it."

[regimes.US.cells.email]
mode = "opt_in"
reason = "We ask everywhere."
"""
CATALOGS = {
    "first": _catalog(_PARTS),
    "worded": _catalog(_with("newsletter", "Monthly.", "Once a month.")),
    "another channel": _catalog(_with("newsletter", '["email"]', '["email", "sms"]')),
    "a third party": _catalog(_with("news", 'has it."', 'has it."\nrecipients = ["partner-inc"]')),
    "one retired": _catalog({key: body for key, body in _PARTS.items() if key != "digest"}),
    "one more": _catalog({**_PARTS, "events": _EVENTS}, _NOTICE.format("2026-02", "substantial")),
    "a notice": _catalog(_PARTS, _NOTICE.format("2026-01", "minor")),
    "other rules": _catalog(_PARTS, _RULES),
}


@dataclass(frozen=True, kw_only=True)
class Say:
    address: str
    action: Action
    source: Source
    where: tuple[str, str]
    external: str | None = None
    link: bool = False
    stated: timedelta | None = None
    seen: bool = True
    proof: Proof = Proof.NONE
    pause: timedelta | None = None
    version: int | None = None


@dataclass(frozen=True, kw_only=True)
class Tell:
    address: str
    external: str | None
    facts: str


@dataclass(frozen=True, kw_only=True)
class Undo:
    ago: int


@dataclass(frozen=True, kw_only=True)
class Void:
    """An operator voids what a machine said, so many machines' words ago."""

    ago: int


@dataclass(frozen=True, kw_only=True)
class Put:
    catalog: str


Step = Say | Tell | Undo | Void | Put

#: Facts by a name; `…` is when they are told.
FACTS: dict[str, dict[str, Any]] = {
    "DE": {"country": "DE"},
    "US": {"country": "US"},
    "CA": {"country": "CA", "relationship": {"kind": "inquiry", "since": "…"}},
    "child": {"age_band": "13_15"},
    "adult": {"age_band": "adult"},
    "customer": {"relationship": {"kind": "customer", "since": "2025-06-01T00:00:00Z"}},
    "new customer": {"relationship": {"kind": "customer", "since": "…"}},
    "offered": {
        "country": "DE",
        "relationship": {
            "kind": "customer",
            "since": "…",
            "opt_out_offered": {"at": "…", "wording": "You can say no."},
        },
    },
}

_ADDRESSES = [*["ada@example.com"] * 3, *SPELLINGS[:-1]]
_EXTERNALS = [None, None, *NAMES, *NAMES]
_COMMON = [("newsletter", "email"), ("offers", "email"), ("news", "email")]
_STATED = [None, None, None, timedelta(minutes=-6), timedelta(days=-2), timedelta(seconds=5)]
_STOP: dict[str, list[Any]] = {
    "address": _ADDRESSES,
    "action": [*[Action.WITHDRAW] * 6, *sorted(STOPS)],
    "source": [Source.ONE_CLICK, Source.PROVIDER, Source.OPERATOR, Source.PAGE],
    "where": [*_COMMON * 3, *WHERE, (ANY, ANY), (ANY, "email")],
    "external": _EXTERNALS,
    "link": [True, False],
    "stated": _STATED,
}
_YES: dict[str, list[Any]] = {
    "address": _ADDRESSES,
    "action": [*[Action.GIVE] * 6, Action.REAFFIRM],
    "source": [Source.PAGE, Source.FORM, Source.CONFIRMATION, Source.IMPORT],
    "where": [*_COMMON * 3, *WHERE],
    "external": _EXTERNALS,
    "stated": _STATED,
    "seen": [True, True, True, False],
    "proof": [Proof.NONE, Proof.LINK, Proof.CONFIRMED, Proof.CONFIRMED],
    "version": [None, None, 1, 2],
}
_ODD = [
    Action.REQUEST,
    Action.DEFER,
    Action.INVALIDATE,
    Action.ASK,
    Action.NOTIFY,
    Action.DECLINE,
    Action.EXPIRE,
]
_OTHER: dict[str, list[Any]] = {
    "address": _ADDRESSES,
    "action": _ODD,
    "source": [Source.PAGE, Source.OPERATOR, Source.SYSTEM],
    "where": [*_COMMON * 3, *WHERE],
    "pause": [None, timedelta(hours=1), timedelta(days=30)],
    "version": [None, 1, 2],
}
_TICKS = [
    timedelta(microseconds=2),
    timedelta(seconds=7),
    timedelta(minutes=6),
    timedelta(hours=9),
    timedelta(days=20),
    timedelta(days=200),
]


def random_history(source: random.Random, length: int) -> list[tuple[Step, timedelta]]:
    """Evenly mixed; what comes after each step is the time until the next one."""
    return [(_random_step(source), source.choice(_TICKS)) for _ in range(length)]


def _random_step(source: random.Random) -> Step:
    kind = source.choice([_STOP, _YES, _YES, _OTHER, Tell, Tell, Undo, Void, Put])
    if kind is Void:
        return Void(ago=source.choice([0, 0, 1, 2, 3]))
    if kind is Tell:
        told = source.choice(sorted(FACTS))
        return Tell(address=source.choice(_ADDRESSES), external=source.choice(_EXTERNALS), facts=told)
    if kind is Undo:
        return Undo(ago=source.choice([0, 0, 1]))
    if kind is Put:
        return Put(catalog=source.choice(sorted(CATALOGS)))
    assert isinstance(kind, dict)
    return Say(**{name: source.choice(values) for name, values in kind.items()})


@dataclass
class World:
    """An installation whose clock is ours."""

    services: Services
    now: datetime = BEGIN
    stopped: list[tuple[str, str, tuple[str, str]]] = field(default_factory=list)

    def ref(
        self, address: str, external: str | None = None, *, link: bool = False, create: bool = True
    ) -> Ref:
        narrow, wide = self.services.fingerprinter.of_email(parse_email(address))
        if link:
            return Ref(wide=wide)
        return Ref(wide=wide, narrow=narrow, address=address, external_id=external, create=create)

    async def do(self, step: Step) -> None:
        """What cannot be recorded as it is, is not."""
        with suppress(UnitRefused):
            match step:
                case Say():
                    await self.say(step)
                case Tell():
                    facts = _dated(FACTS[step.facts], self.now.isoformat())
                    item = FactsItem(ref=self.ref(step.address, step.external), facts=facts)
                    await self.services.journal.record(Unit(now=self.now, facts=(item,)))
                case Undo():
                    await self.undo(step.ago)
                case Void():
                    await self.void(step.ago)
                case Put():
                    await self.services.catalogs.apply(CATALOGS[step.catalog], lambda: self.now)

    async def say(self, said: Say) -> None:
        head = await self.services.reader.head()
        undoes = None
        if said.action is Action.EXPIRE:
            person = await self.person(said.address)
            held = person.standings.get(said.where)
            undoes = held.entry if held is not None else None
        result = await self.record(
            Choice(
                action=said.action,
                source=said.source,
                purpose=said.where[0],
                channel=said.where[1],
                stated_at=None if said.stated is None else self.now + said.stated,
                shown_seq=head if said.seen else 0,
                proof=said.proof,
                until=None if said.pause is None else self.now + said.pause,
                wording="I agree.",
                version=said.version,
            ),
            self.ref(said.address, said.external, link=said.link),
            undoes,
        )
        if said.action in STOPS:
            self.stopped.append((result, said.address, said.where))

    async def undo(self, ago: int) -> None:
        if len(self.stopped) > ago:
            entry, address, (purpose, channel) = self.stopped[-1 - ago]
            choice = Choice(action=Action.INVALIDATE, source=Source.PAGE, purpose=purpose, channel=channel)
            await self.record(choice, self.ref(address, link=True), entry)

    async def void(self, ago: int) -> None:
        entries = [one for one in await self.services.reader.changes(0, 1000) if may_be_voided(one)]
        if len(entries) > ago:
            await self.services.journal.record(unit_of_void(entries[-1 - ago], now=self.now))

    async def record(self, choice: Choice, ref: Ref, undoes: str | None = None) -> str:
        item = ChoiceItem(ref=ref, choice=choice, undoes=undoes)
        outcome = await self.services.journal.record(Unit(now=self.now, choices=(item,)))
        return outcome.results[0].entry

    async def person(self, address: str) -> Any:
        found = self.services.fingerprinter.of_text(address)
        return (await self.services.reader.people_at([found]))[0]

    async def clear(self) -> None:
        """As on the first day."""
        async with self.services.database.write() as tx:
            for table in TABLES:
                await tx.fetch(f"DELETE FROM {table}")
        await self.services.catalogs.refresh()
        self.now, self.stopped = BEGIN, []


TABLES = (
    "ledger payload stop standing contact_point external_id subject fact wording "
    "catalog regimes purpose_version notice"
).split()


def _dated(facts: dict[str, Any], now: str) -> dict[str, Any]:
    return {
        name: _dated(value, now) if isinstance(value, dict) else now if value == "…" else value
        for name, value in facts.items()
    }


@asynccontextmanager
async def open_world(folder: Path, url: str) -> AsyncIterator[World]:
    async with open_services(settings_of(folder, url)) as services:
        yield World(services)
