"""What a provider must know of an address: stopped rather than not, and nothing where nobody spoke."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest

from prefcenter.domain.choices import Cause, Proof, Source, Status
from prefcenter.domain.levels import Said, wanted_levels
from prefcenter.domain.purposes import ANY, Basis, Kind, Purpose
from prefcenter.domain.scopes import Reach, purposes_of, reach_of
from prefcenter.domain.standing import Standing, Stop

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
WIDE = b"wide"
PURPOSES = {
    key: Purpose(key=key, title=key, description=key, basis=Basis.CONSENT)
    for key in ("news", "offers", "tips")
} | {"receipts": Purpose(key="receipts", title="r", description="r", kind=Kind.SERVICE)}

STOPPED, OPEN = True, False


def yes(purpose: str, seq: int = 1, status: Status = Status.GIVEN) -> Standing:
    return Standing("who", purpose, "email", status, seq, f"e{seq}", NOW, NOW, Proof.CONFIRMED)


def stop(purpose: str, seq: int, cause: Cause = Cause.WITHDRAWN, channel: str = "email") -> Stop:
    return Stop(WIDE, channel, purpose, cause, Source.ONE_CLICK, seq, f"e{seq}", NOW, NOW)


def all_marketing(seq: int, cause: Cause = Cause.ALL_MARKETING) -> Stop:
    return stop(ANY, seq, cause, ANY)


def said(*what: Standing | Stop) -> Said:
    standings = {one.key: one for one in what if isinstance(one, Standing)}
    return Said(standings, [one for one in what if isinstance(one, Stop)])


def reach(has_all: bool = True, **purposes: str) -> Reach:
    everything = purposes.pop("everything", None)
    mapped = purposes | ({ANY: everything} if everything else {})
    return reach_of("main", mapped, has_all=has_all)


APART = reach(news="group:1", offers="group:2", tips="group:3", everything="all")
SHARED = reach(news="group:1", offers="group:1", everything="all")
NO_ALL = reach(has_all=False, news="group:1", offers="group:2", tips="group:3", everything="all")
ONLY_ALL = reach(everything="all")

CASES: Sequence[tuple[str, Reach, Said, dict[str, bool]]] = [
    ("never asked", APART, said(), {}),
    ("a yes", APART, said(yes("news")), {"group:1": OPEN}),
    ("a stop", APART, said(stop("news", 1)), {"group:1": STOPPED}),
    ("a stop after a yes", APART, said(yes("news"), stop("news", 2)), {"group:1": STOPPED}),
    ("a yes after a stop", APART, said(stop("news", 1), yes("news", 2)), {"group:1": OPEN}),
    (
        "a stop on another channel",
        APART,
        said(yes("news"), stop("news", 2, channel="sms")),
        {"group:1": OPEN},
    ),
    ("a stop on every channel", APART, said(yes("news"), stop("news", 2, channel=ANY)), {"group:1": STOPPED}),
    ("one of two that share a scope", SHARED, said(yes("news"), stop("offers", 2)), {"group:1": STOPPED}),
    ("both that share a scope", SHARED, said(yes("news"), yes("offers", 2)), {"group:1": OPEN}),
    ("one of them never asked", SHARED, said(yes("news")), {"group:1": OPEN}),
    (
        "all marketing",
        APART,
        said(yes("news"), all_marketing(2)),
        {"group:1": STOPPED, "group:2": STOPPED, "group:3": STOPPED, "all": STOPPED},
    ),
    (
        "all marketing where everything is each scope",
        NO_ALL,
        said(all_marketing(2)),
        {"group:1": STOPPED, "group:2": STOPPED, "group:3": STOPPED},
    ),
    ("all marketing where there is one scope", ONLY_ALL, said(all_marketing(2)), {"all": STOPPED}),
    ("one purpose where there is one scope", ONLY_ALL, said(stop("news", 2)), {}),
    (
        "all marketing, then a yes for one with a scope of its own",
        APART,
        said(all_marketing(1), yes("news", 2)),
        {"group:1": OPEN, "group:2": STOPPED, "group:3": STOPPED, "all": OPEN},
    ),
    (
        # Lifting everything would let "tips" out, which nothing else holds back.
        "all marketing, then a yes, where another has no scope of its own",
        reach(news="group:1", offers="group:2", everything="all"),
        said(all_marketing(1), yes("news", 2)),
        {"group:1": OPEN, "group:2": STOPPED, "all": STOPPED},
    ),
    (
        "all marketing, then a yes for one that shares its scope",
        reach(news="group:1", offers="group:1", tips="group:3", everything="all"),
        said(all_marketing(1), yes("news", 2)),
        {"group:1": STOPPED, "group:3": STOPPED, "all": OPEN},
    ),
    (
        "all marketing, then a yes for each",
        APART,
        said(all_marketing(1), yes("news", 2), yes("offers", 3), yes("tips", 4)),
        {"group:1": OPEN, "group:2": OPEN, "group:3": OPEN, "all": OPEN},
    ),
    ("a complaint", ONLY_ALL, said(all_marketing(2, Cause.COMPLAINED)), {"all": STOPPED}),
    ("an erasure", ONLY_ALL, said(all_marketing(2, Cause.ERASED)), {"all": STOPPED}),
    ("a bounce", APART, said(stop(ANY, 2, Cause.BOUNCED)), {}),
    ("a bounce after a yes", APART, said(yes("news"), stop(ANY, 2, Cause.BOUNCED)), {"group:1": OPEN}),
    ("a request that nobody confirmed", APART, said(yes("news", status=Status.REQUESTED)), {}),
    ("purposes of no catalog", reach(gone="group:9"), said(yes("gone")), {}),
]


@pytest.mark.parametrize(
    ("reached", "what", "levels"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_a_scope_is_stopped_open_or_never_spoken_of(
    reached: Reach, what: Said, levels: dict[str, bool]
) -> None:
    assert wanted_levels(reached, what, PURPOSES) == levels


@pytest.mark.parametrize("ended", [Status.EXPIRED, Status.INVALIDATED, Status.WITHDRAWN, Status.REFUSED])
def test_a_permission_that_ended_is_a_stop_although_none_stands(ended: Status) -> None:
    assert wanted_levels(APART, said(yes("news", status=ended)), PURPOSES) == {"group:1": STOPPED}


@pytest.mark.parametrize("has_all", [True, False])
@pytest.mark.parametrize("scopes", list(product(["group:1", "group:2", "all"], repeat=3)))
@pytest.mark.parametrize("stopped", ["news", "offers", "tips"])
def test_whoever_is_stopped_is_stopped_whatever_shares_the_scope(
    scopes: tuple[str, ...], stopped: str, has_all: bool
) -> None:
    """Everybody else is open; the stopped purpose never goes out where the provider has a scope for it."""
    mapping = dict(zip(("news", "offers", "tips"), scopes, strict=True))
    reached = reach_of("main", mapping, has_all=has_all)
    what = said(*(yes(key) for key in mapping), stop(stopped, 2))
    levels = wanted_levels(reached, what, PURPOSES)
    for scope, held in reached.scopes.items():
        assert levels[scope] is (stopped in held)


def test_a_purpose_that_is_retired_from_the_catalog_holds_no_scope_open() -> None:
    purposes = {key: one for key, one in PURPOSES.items() if key != "offers"}
    assert wanted_levels(SHARED, said(stop("news", 1), yes("offers", 2)), purposes) == {"group:1": STOPPED}


def test_a_stop_there_is_of_the_purposes_of_its_scope_or_of_all_marketing() -> None:
    reached = replace(SHARED, ignored=frozenset({"group:7"}))
    assert purposes_of(reached, "group:1") == {"news", "offers"}
    assert purposes_of(reached, "group:7") == frozenset()
    assert purposes_of(reached, "group:unheard-of") == purposes_of(reached, None) == {ANY}
