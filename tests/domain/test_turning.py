"""Between two turning moments nothing turns: whoever lies there may stand for everybody who does."""

import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest

from prefcenter.domain.choices import Cause, Proof, Source, Status
from prefcenter.domain.decide import Dossier, may_send
from prefcenter.domain.facts import Facts, OptOutOffered, Relationship
from prefcenter.domain.purposes import Basis, Channel, Kind, Purpose, SoftOptInOffer
from prefcenter.domain.regimes import add_months
from prefcenter.domain.standing import Standing, Stop
from prefcenter.domain.turning import Turning, turning
from tests.domain.world import REGIMES

CASES = 2_000
MOMENT, DAY = timedelta(microseconds=1), timedelta(days=1)
#: A month with a shorter one before it, a leap day, the end of a year, and any day.
NOWS = [
    datetime(2026, 3, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2026, 2, 28, 12, tzinfo=UTC),
    datetime(2028, 2, 29, tzinfo=UTC),
    datetime(2027, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    datetime(2026, 11, 23, 12, 30, tzinfo=UTC),
]
TIMES = ("given", "until", "noticed", "known")
#: Of standings; a "no" is a stop.
STATUSES = [
    *(Status.RENEWED, Status.REQUESTED, Status.DEFERRED, Status.INVALIDATED, Status.EXPIRED, Status.INFORMED)
]


@dataclass(frozen=True)
class Case:
    now: datetime
    purpose: Purpose
    facts: Facts
    standing: Standing
    stops: tuple[Stop, ...]

    def answer(self, times: dict[str, datetime | None]) -> tuple[bool, str]:
        given = times["given"]
        assert given is not None
        standing = self.standing._replace(
            at=given, until=times["until"], noticed_at=times["noticed"], said_at=given
        )
        known = Dossier(
            standings={(self.purpose.key, Channel.EMAIL): standing},
            stops=self.stops,
            facts=self.facts,
            known_since=times["known"],
        )
        decision = may_send(self.purpose, Channel.EMAIL, known, regimes=REGIMES, now=self.now)
        return decision.allowed, decision.reason


def any_case(chance: random.Random, changing: str) -> Case:
    now = chance.choice(NOWS)
    purpose, facts = any_purpose(chance, now), any_facts(chance, now)
    case = Case(now, purpose, facts, any_standing(chance), any_stops(chance))
    if changing in ("noticed", "known") and chance.random() < 0.7:
        # Those who are sent what they never said yes to, until it changes.
        told = case.standing._replace(status=Status.INFORMED, seq=None, noticed=chance.choice([1, 2]))
        purpose = replace(purpose, kind=Kind.MARKETING, basis=None, since=now - 300 * DAY)
        case = replace(case, purpose=purpose, facts=replace(facts, country="US"), standing=told, stops=())
    return case


def any_purpose(chance: random.Random, now: datetime) -> Purpose:
    days = sorted(chance.sample(range(1, 400), 2), reverse=True)
    purpose = Purpose(
        key="p",
        title="P",
        description="P",
        kind=chance.choice([Kind.MARKETING] * 4 + list(Kind)),
        basis=chance.choice([None, None, Basis.CONSENT, Basis.LEGITIMATE_INTEREST, Basis.CONTRACT]),
        since=chance.choice([None, now - days[0] * DAY]),
        similar_to_purchase=chance.random() < 0.7,
        soft_opt_in=chance.choice([None, SoftOptInOffer(offered_since=date(2025, 1, 1), wording="No?")]),
        require_proof=chance.choice([None] * 5 + [Proof.CONFIRMED]),
    )
    if chance.random() < 0.5:
        begins = chance.choice([None, now - 5 * DAY, now + 5 * DAY])
        since = now - days[1] * DAY
        purpose = replace(purpose, version=2, since=since, in_force_at=begins, earlier=(purpose.terms,))
    return purpose


def any_moment(chance: random.Random, now: datetime) -> datetime:
    """Often as long ago as something lasts."""
    months = chance.choice([0, 1, 2, 6, 24])
    return add_months(now, -months) + chance.choice([-1, 0, 0, 1]) * chance.choice([MOMENT, DAY, 9 * DAY])


def any_facts(chance: random.Random, now: datetime) -> Facts:
    since = any_moment(chance, now)
    offered = OptOutOffered(at=since, wording="You can say no.")
    relationship = Relationship(
        kind=chance.choice(["customer", "customer", "client_user", "inquiry"]),
        since=since,
        last_at=chance.choice([None, any_moment(chance, now)]),
        ended_at=chance.choice([None, None, any_moment(chance, now)]),
        ongoing=chance.random() < 0.1,
        opt_out_offered=chance.choice([None, False, offered, offered]),
    )
    return Facts(
        country=chance.choice(["XA", "XB", "XA", "XB", "US", "DE", "CA", None]),
        age_band=chance.choice([None] * 8 + ["13_15", "adult"]),
        relationship=chance.choice([None, None, relationship]),
        last_contact_at=chance.choice([None, None, any_moment(chance, now)]),
    )


def any_standing(chance: random.Random) -> Standing:
    status = chance.choice([Status.GIVEN] * 6 + STATUSES)
    return Standing(
        "ada",
        "p",
        Channel.EMAIL,
        status,
        chance.choice([None, 1, 3]),
        "",
        NOWS[0],
        NOWS[0],
        chance.choice(list(Proof)),
        chance.choice([0, 1, 2]),
        None,
        chance.choice([None] * 4 + [1, 2]),
        chance.choice([None, 1, 2]),
    )


def any_stops(chance: random.Random) -> tuple[Stop, ...]:
    if chance.random() < 0.7:
        return ()
    cause = chance.choice(list(Cause))
    return (Stop(b"", "*", chance.choice(["p", "*"]), cause, Source.FORM, 2, "", NOWS[0], NOWS[0]),)


def times_around(chance: random.Random, case: Case, turns: Sequence[datetime]) -> list[datetime]:
    """Where something could turn: by the rules, by the facts, and anywhere."""
    now = case.now
    about = [*turns, now, *(add_months(now, -months) for months in (1, 2, 3))]
    relationship, contact = case.facts.relationship, case.facts.last_contact_at
    about += [contact] if contact else []
    if relationship:
        about += [each for each in (relationship.since, relationship.last_at, relationship.ended_at) if each]
    found = [moment + step for moment in about for step in (-MOMENT, 0 * MOMENT, MOMENT)]
    found += [moment + step * DAY for moment in about for step in (-4, -3, -2, -1, 1, 2, 3, 4)]
    return found + [now - timedelta(seconds=chance.randrange(10**8)) for _ in range(20)]


def test_between_two_turning_moments_the_answer_stays() -> None:
    seed = random.randrange(10**9)
    chance = random.Random(seed)
    turned = dict.fromkeys(TIMES, 0)
    for number in range(CASES):
        changing = chance.choice(TIMES)
        case = any_case(chance, changing)
        found: Turning = turning(case.purpose, REGIMES, case.now)
        turns = {name: getattr(found, name) for name in TIMES}
        around = {name: times_around(chance, case, turns[name]) for name in TIMES}
        times: dict[str, datetime | None] = {name: chance.choice(around[name]) for name in TIMES}
        for name in TIMES[1:]:
            if chance.random() < 0.5:
                times[name] = None
        answers: dict[int, set[tuple[bool, str]]] = {}
        for moment in chance.sample(around[changing], 25):
            passed = bisect_right(turns[changing], moment)
            answers.setdefault(passed, set()).add(case.answer({**times, changing: moment}))
        assert all(len(same) == 1 for same in answers.values()), (seed, number, changing)
        turned[changing] += len({frozenset(same) for same in answers.values()}) > 1
    # An answer that never turns would prove nothing.
    assert min(turned.values()) > 5, (seed, turned)


@pytest.mark.parametrize(
    ("now", "turns"),
    [
        (datetime(2026, 11, 23, 12, tzinfo=UTC), ["2026-10-23T12:00:00.000001+00:00"]),
        # Four days of January end on the last of February; within each the later yes lasts longer.
        (
            datetime(2026, 2, 28, 12, tzinfo=UTC),
            [
                *("2026-01-28T12:00:00.000001+00:00", "2026-01-29T00:00:00+00:00"),
                *("2026-01-29T12:00:00.000001+00:00", "2026-01-30T00:00:00+00:00"),
                *("2026-01-30T12:00:00.000001+00:00", "2026-01-31T00:00:00+00:00"),
                "2026-01-31T12:00:00.000001+00:00",
            ],
        ),
        # No day of a 30-day month lasts up to the 31st.
        (datetime(2026, 7, 31, 12, tzinfo=UTC), ["2026-07-01T00:00:00+00:00"]),
    ],
)
def test_a_yes_that_lasts_a_month_turns_where_the_calendar_says(now: datetime, turns: list[str]) -> None:
    only = replace(REGIMES, rows={name: REGIMES.rows[name] for name in ("STRICT", "XA")})
    assert [moment.isoformat() for moment in turning(None, only, now).given] == turns
