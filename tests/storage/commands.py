"""What the state machine may say: commands on a few addresses, purposes and channels, by skewed clocks."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from prefcenter.domain.choices import Action, Proof, Source
from prefcenter.domain.purposes import ANY
from prefcenter.storage.units import Ref
from tests.domain.book import Who
from tests.domain.oracle import STOPPING
from tests.domain.world import COUNTRIES, PLACES
from tests.storage.ledgers import by_link, known_as

# Mailboxes in several spellings (ß and SS meet by case folding only), and a stranger.
SPELLINGS = {
    "ada@example.com": "ada",
    "Ada@example.com": "ada",
    "aDA@example.com": "ada",
    "bo@example.com": "bo",
    "Bo@example.com": "bo",
    "straße@example.com": "strasse",
    "STRASSE@example.com": "strasse",
    "nobody@example.com": "nobody",
}
NAMES = ["crm-1", "crm-2"]
WHERE = PLACES
#: Places that decisions are asked about and that nothing is said of.
NOWHERE = [("newsletter", "phone"), ("no-such-purpose", "email")]


@dataclass(frozen=True, kw_only=True)
class Command:
    """Something said, before anybody is looked up. `shown_ago`: entries since the page was shown.

    `ends`: of an `expire`, whether it names what stands there now.
    """

    address: str
    action: Action
    source: Source
    where: tuple[str, str]
    external: str | None = None
    link: bool = False
    create: bool = True
    stated: timedelta | None = None
    shown_ago: int | None = None
    proof: Proof = Proof.NONE
    pause: timedelta | None = None
    wording: str | None = None
    undoes: int | None = None
    version: int | None = None
    ends: bool = True


_ADDRESSES = ["ada@example.com"] * 12 + [*SPELLINGS]
_SKEW = [
    *(sign * timedelta(seconds=by) for sign in (1, -1) for by in (0, 1, 59, 300, 72_000)),
    timedelta(minutes=-5, microseconds=-1),
    *[timedelta(hours=-8), timedelta(days=-1)] * 3,
]
_ANYBODY: dict[str, list[Any]] = {"address": _ADDRESSES, "external": [None] * 6 + NAMES}
_COMMON = [("newsletter", "email"), ("offers", "email"), ("tips", "email")]
_VERSIONS = [*[None] * 6, 1, 2, 3]

_STOP = {
    **_ANYBODY,
    "where": [*_COMMON * 6, *WHERE, ("newsletter", ANY), (ANY, "email"), *[(ANY, ANY)] * 4],
    "action": [*[Action.WITHDRAW] * 12, *[Action.OBJECT] * 3, *sorted(STOPPING)],
    "source": [*[Source.ONE_CLICK] * 4, *[Source.PROVIDER] * 6, *Source],
    "link": [False, True],
    "create": [True, False],
    "stated": [*[None] * 12, *_SKEW],
}
_YES = {
    **_ANYBODY,
    "where": [*_COMMON * 4, *WHERE],
    "action": [*[Action.GIVE] * 6, Action.REAFFIRM],
    "source": [*[Source.PAGE, Source.FORM, Source.CONFIRMATION] * 6, Source.IMPORT, *Source],
    "create": [True, True, False],
    "stated": [*[None] * 20, *_SKEW],
    "shown_ago": [*[0] * 6, 1, 3, None],
    "proof": [Proof.NONE, Proof.LINK, Proof.SIGNED_IN, *[Proof.CONFIRMED] * 3],
    "wording": [None, "I agree."],
    "version": _VERSIONS,
}
_OTHER = {
    **_ANYBODY,
    "where": [*_COMMON * 2, *WHERE],
    "action": [
        *[Action.REQUEST, Action.DEFER, Action.DEFER, Action.INVALIDATE],
        *[Action.ASK, Action.NOTIFY, Action.NOTIFY, Action.DECLINE, Action.EXPIRE],
    ],
    "source": [Source.PAGE, Source.OPERATOR, Source.CHOICE_LINK],
    "create": [True, False],
    "stated": [*[None] * 12, *_SKEW],
    "pause": [None, timedelta(minutes=-1), timedelta(hours=1), timedelta(days=30)],
    "version": _VERSIONS,
    "ends": [True, True, True, False],
}
_KINDS = ["customer", "customer", "client_user", "inquiry", "member", "donor"]
_AGO = [timedelta(days=days) for days in (-400, -366, -184, -181, -100, -31, -30, -2, 0, 1)]
_OFFERED: list[Any] = [None, None, False, *_AGO]
_TICKS = [
    timedelta(0),
    timedelta(microseconds=1),
    timedelta(seconds=7),
    timedelta(seconds=61),
    timedelta(minutes=6),
    timedelta(minutes=30),
    timedelta(hours=9),
    timedelta(days=2),
    timedelta(days=31),
    timedelta(seconds=-3),  # another process, whose clock is behind
    timedelta(minutes=-8),
]


def _strategy(kind: dict[str, list[Any]]) -> st.SearchStrategy[Command]:
    fields = {name: st.sampled_from(values) for name, values in kind.items()}
    return st.builds(Command, **fields)


addresses = st.sampled_from(_ADDRESSES)
externals = st.sampled_from([None, *NAMES])
ticks = st.sampled_from(_TICKS)
stops, yeses, others = map(_strategy, (_STOP, _YES, _OTHER))
commands = stops | yeses | others


def random_command(source: random.Random) -> Command:
    """Evenly mixed, where a search keeps coming back to what is simple."""
    kind = source.choice([_STOP, _STOP, _YES, _YES, _YES, _OTHER])
    return Command(**{name: source.choice(values) for name, values in kind.items()})


def random_facts(source: random.Random, now: datetime) -> dict[str, Any]:
    """Some of what can be known of a person, as JSON has it."""
    facts: dict[str, Any] = {}
    if source.random() < 0.6:
        facts["country"] = source.choice(COUNTRIES)
    if source.random() < 0.15:
        facts["age_band"] = source.choice(["under_13", "13_15", "16_17", "adult", "unknown"])
    if source.random() < 0.15:
        facts["subscriber"] = source.choice(["individual", "corporate"])
    if source.random() < 0.15:
        facts["last_contact_at"] = _moment(source, now)
    if source.random() < 0.5 or not facts:
        facts["relationship"] = _random_relationship(source, now)
    return facts


def _random_relationship(source: random.Random, now: datetime) -> dict[str, Any]:
    relationship: dict[str, Any] = {"kind": source.choice(_KINDS), "since": _moment(source, now)}
    for name in ("last_at", "ended_at"):
        if source.random() < 0.2:
            relationship[name] = _moment(source, now)
    if source.random() < 0.1:
        relationship["ongoing"] = True
    offered = source.choice(_OFFERED)
    if isinstance(offered, timedelta):
        wording = source.choice(["You can say no.", "You can say no.", " "])
        offered = {"at": source.choice([relationship["since"], _moment(source, now)]), "wording": wording}
    if offered is not None:
        relationship["opt_out_offered"] = offered
    return relationship


def _moment(source: random.Random, now: datetime) -> str:
    """Some time ago, by the clock of some place."""
    at = now + source.choice(_AGO) + timedelta(seconds=source.choice([0, 0, 0, -1, 1]))
    zone = timezone(timedelta(hours=source.choice([0, 0, 2, -8])))
    return at.astimezone(zone).isoformat()


def random_tick(source: random.Random) -> timedelta:
    return source.choice(_TICKS)


def who_at(address: str, external: str | None, *, link: bool = False, create: bool = True) -> Who:
    """Who is meant, in the oracle's words."""
    if link:
        return Who(wide=SPELLINGS[address])
    return Who(wide=SPELLINGS[address], narrow=address, external=external, create=create)


def ref_to(address: str, external: str | None, *, link: bool = False, create: bool = True) -> Ref:
    """Who is meant, in the journal's words."""
    return by_link(address) if link else known_as(address, external_id=external, create=create)
