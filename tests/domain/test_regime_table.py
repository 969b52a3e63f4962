"""Every row and cell of the shipped rules, against a table written by hand from STANDARDS.md 2.2.

What the table does not name asks for consent. That is the whole of what may be sent to whoever said nothing.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from prefcenter.catalog.regimes import shipped_regimes
from prefcenter.domain.choices import Proof, Status
from prefcenter.domain.decide import decide
from prefcenter.domain.facts import Facts, OptOutOffered, Relationship
from prefcenter.domain.purposes import Basis, Channel, Kind, Purpose
from prefcenter.domain.regime_rows import effective
from prefcenter.domain.regimes import Regime
from prefcenter.domain.standing import Standing
from tests.domain.allowing import later

REGIMES = effective(shipped_regimes())
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
EU = "AT BE BG CY CZ DK EE ES FI GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK".split()
STATES = [f"US-{state}" for state in "CA CO CT DE MD MN MT NE NH NJ OR TX".split()]
#: row, channel, subscriber (* any): on which ground, to which relationships, for how many months after.
TABLE = """
EU  email       *          soft_opt_in     customer client_user
EU  post        *          opt_out_regime
DE  email       *          soft_opt_in     customer
DE  post        *          opt_out_regime
FR  email       *          soft_opt_in     customer
FR  post        *          opt_out_regime
GB  email       *          soft_opt_in     customer donor
GB  email       corporate  consent
CH  email       *          soft_opt_in     customer
CA  email       *          implied_consent customer:24 inquiry:6 donor:24 member:24
CA  sms         *          implied_consent customer:24 inquiry:6 donor:24 member:24
US  email       *          opt_out_regime
US  processing  *          opt_out_regime
AU  email       *          implied_consent customer:0
JP  email       *          implied_consent customer:0
"""
CONSENT_ONLY = ["STRICT", "NZ", "BR", "IL", "SG", "KR"]
#: When a yes ends, and when somebody should look at it, in months.
EXPIRES = {"FR": 36, "KR": 24}
REVIEW_DUE = {"STRICT": 24, "EU": 24, "DE": 18, "FR": 24, **dict.fromkeys(EU, 24)}

KINDS = ["customer", "client_user", "inquiry", "negotiation", "member", "donor"]
OF_DATA = (Kind.SALE_OR_SHARING, Kind.TRACKING, Kind.PROFILING)


@dataclass(frozen=True)
class Ground:
    """`months`: how long each relationship lasts after its end; None: for ever."""

    reason: str = "consent"
    months: dict[str, int | None] = field(default_factory=dict)


def _ground(line: str) -> tuple[tuple[str, str, str], Ground]:
    row, channel, subscriber, reason, *kinds = line.split()
    lasting = (kind.partition(":") for kind in kinds)
    months = {kind: int(last) if last else None for kind, _, last in lasting}
    return (row, channel, subscriber), Ground(reason, months)


GROUNDS = dict(map(_ground, TABLE.strip().splitlines()))
STANDS_FOR = {name: name for name, _, _ in GROUNDS} | {name: name for name in CONSENT_ONLY}
STANDS_FOR |= dict.fromkeys(EU, "EU") | dict.fromkeys(STATES, "US")


def ground(row: str, kind: Kind, channel: str, subscriber: str | None) -> Ground:
    """What the table says; for selling, sharing, tracking and profiling the channel is nothing to go by."""
    if kind is Kind.DISCLOSURE:
        return Ground()
    where = "processing" if kind in OF_DATA else channel
    own = GROUNDS.get((STANDS_FOR[row], where, subscriber or ""))
    return own or GROUNDS.get((STANDS_FOR[row], where, "*"), Ground())


def purpose(kind: Kind = Kind.MARKETING, basis: Basis | None = None) -> Purpose:
    channels = tuple(Channel)
    return Purpose(
        key="p",
        title="P",
        description="P",
        kind=kind,
        basis=basis,
        channels=channels,
        similar_to_purchase=True,
    )


def deals(kind: str, since: datetime = NOW - timedelta(days=10), **more: object) -> Facts:
    offered = OptOutOffered(at=since, wording="You can say no.")
    return Facts(relationship=Relationship(kind=kind, since=since, opt_out_offered=offered, **more))  # type: ignore[arg-type]


def test_the_table_has_every_row_that_ships() -> None:
    assert set(STANDS_FOR) == set(REGIMES.rows)


@pytest.mark.parametrize("row", sorted(REGIMES.rows))
def test_whoever_said_nothing_is_written_to_on_the_grounds_of_the_table_and_no_other(row: str) -> None:
    """Every channel, sort of subscriber, relationship, basis and kind of purpose; all conditions are met."""
    kinds = [kind for kind in Kind if kind is not Kind.SERVICE]
    bases = (Basis.CONSENT, Basis.LEGITIMATE_INTEREST, None)
    subscribers = (None, "individual", "corporate")
    for kind, basis, channel, subscriber, with_whom in product(
        kinds, bases, Channel, subscribers, [None, *KINDS]
    ):
        about = deals(with_whom, ongoing=True).relationship if with_whom else None
        decision = decide(
            purpose(kind, basis),
            channel=channel,
            regime=REGIMES.of(row),
            standing=None,
            stops=(),
            now=NOW,
            facts=Facts(subscriber=subscriber, relationship=about),
        )
        found = ground(row, kind, channel, subscriber)
        allowed = basis != Basis.CONSENT and (
            found.reason == "opt_out_regime" or (with_whom is not None and with_whom in found.months)
        )
        otherwise = "no_relationship" if basis == Basis.LEGITIMATE_INTEREST else "never_asked"
        expected = (allowed, found.reason if allowed else otherwise, row)
        assert (decision.allowed, decision.reason, decision.regime) == expected, (
            kind,
            basis,
            channel,
            with_whom,
        )


@pytest.mark.parametrize("row", sorted(REGIMES.rows))
@pytest.mark.parametrize("basis", [Basis.CONTRACT, Basis.LEGAL_OBLIGATION, Basis.VITAL_INTEREST])
def test_no_row_has_a_say_in_what_nobody_chooses(row: str, basis: Basis) -> None:
    for channel in Channel:
        decision = decide(
            purpose(Kind.SERVICE, basis),
            channel=channel,
            regime=REGIMES.of(row),
            standing=None,
            stops=(),
            now=NOW,
        )
        assert (decision.allowed, decision.reason) == (True, str(basis))


WINDOWS = [
    pytest.param(row, channel, kind, months, id=f"{row}-{channel}-{kind}")
    for row, base in sorted(STANDS_FOR.items())
    for (of_row, channel, subscriber), found in GROUNDS.items()
    if of_row == base and subscriber == "*"
    for kind, months in found.months.items()
]
#: Ends of months, a leap day, and a day like any other.
DAYS = [(2024, 2, 29), (2025, 1, 31), (2025, 8, 31), (2025, 12, 31), (2026, 4, 30), (2026, 5, 17)]


@pytest.mark.parametrize(("row", "channel", "kind", "months"), WINDOWS)
@pytest.mark.parametrize("basis", [Basis.LEGITIMATE_INTEREST, None])
def test_a_relationship_lasts_to_the_second(
    row: str, channel: str, kind: str, months: int | None, basis: Basis | None
) -> None:
    for day, clock in product(DAYS, [(0, 0, 0, 0), (23, 59, 59, 999999)]):
        last = datetime(*day, *clock, tzinfo=UTC)
        if kind == "donor" and row == "GB" and last.year < 2026:
            continue
        end = later(last, months if months is not None else 600)
        for by, lasts in ((-SECOND, True), (timedelta(0), months is None), (SECOND, months is None)):
            if end + by < last:
                continue
            decision = decide(
                purpose(basis=basis),
                channel=channel,
                regime=REGIMES.of(row),
                standing=None,
                stops=(),
                now=end + by,
                facts=deals(kind, last),
            )
            reason = ground(row, Kind.MARKETING, channel, None).reason if lasts else "expired"
            assert (decision.allowed, decision.reason) == (lasts, reason), (last, by)


def yes(at: datetime) -> Standing:
    return Standing("ada", "p", "email", Status.GIVEN, 1, "e1", at, at, Proof.CONFIRMED)


def given(regime: Regime, at: datetime, now: datetime) -> tuple[bool, str, bool]:
    decision = decide(purpose(), channel="email", regime=regime, standing=yes(at), stops=(), now=now)
    return decision.allowed, decision.reason, decision.review_due


@pytest.mark.parametrize("row", sorted(REGIMES.rows))
def test_a_yes_lasts_and_is_reviewed_to_the_second(row: str) -> None:
    regime, expires, review = REGIMES.of(row), EXPIRES.get(row), REVIEW_DUE.get(row)
    assert (regime.expires, regime.review_due, regime.remind_every) == (expires, review, None)
    assert (regime.double_opt_in, regime.digital_age) == (True, 16)
    for day in DAYS:
        at = datetime(*day, 12, 30, tzinfo=UTC)
        if expires is None:
            assert given(regime, at, later(at, 1200))[:2] == (True, "consent")
        else:
            end = later(at, expires)
            assert given(regime, at, end - SECOND)[:2] == (True, "consent")
            assert given(regime, at, end) == given(regime, at, end + SECOND) == (False, "expired", False)
        if review is not None:
            due = later(at, review)
            assert given(regime, at, due - SECOND) == (True, "consent", False)
            assert given(regime, at, due) == given(regime, at, due + SECOND) == (True, "consent", True)
        elif expires is None:
            assert given(regime, at, later(at, 1200)) == (True, "consent", False)


@pytest.mark.parametrize("row", sorted(REGIMES.rows))
@pytest.mark.parametrize(
    ("band", "reason"),
    [
        ("under_13", "minor"),
        ("13_15", "minor"),
        ("16_17", "consent"),
        ("adult", "consent"),
        ("unknown", "consent"),
    ],
)
def test_below_sixteen_nobodys_own_yes_is_enough_in_any_row(row: str, band: str, reason: str) -> None:
    for kind in Kind:
        about = purpose(kind, Basis.CONTRACT if kind is Kind.SERVICE else None)
        decision = decide(
            about,
            channel="email",
            regime=REGIMES.of(row),
            standing=yes(NOW),
            stops=(),
            now=NOW,
            facts=Facts(age_band=band),
        )
        assert decision.reason == ("contract" if kind is Kind.SERVICE else reason)
