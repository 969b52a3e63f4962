"""Which third parties hear of what: everybody who has the data, nobody who has not."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from prefcenter.catalog.regimes import shipped_regimes
from prefcenter.domain.choices import STOPS, Action, Cause, Choice, Effect, Entry, Source, Status, cause_of
from prefcenter.domain.decide import Dossier
from prefcenter.domain.facts import Facts, OptOutOffered, Relationship
from prefcenter.domain.purposes import ANY, Basis, Channel, Kind, Purpose
from prefcenter.domain.regime_rows import effective
from prefcenter.domain.standing import Standing, Stop
from prefcenter.domain.third_parties import (
    Disclosure,
    Disclosures,
    concerns_third_parties,
    disclosures_of,
    to_be_told,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ADA = b"ada's address..."
REGIMES = effective(shipped_regimes(), {})


def purpose(key: str, basis: Basis | None = Basis.CONSENT, *recipients: str, **more: object) -> Purpose:
    made = Purpose(key=key, title=key, description=key, basis=basis, recipients=recipients)
    return replace(made, **more)  # type: ignore[arg-type]  # any field


PURPOSES = {
    one.key: one
    for one in (
        purpose("news", Basis.CONSENT),
        purpose("partners", Basis.CONSENT, "inc", kind=Kind.DISCLOSURE, channels=("email", "sms")),
        purpose("selling", Basis.CONSENT, "broker", kind=Kind.SALE_OR_SHARING),
        purpose("joint", Basis.LEGITIMATE_INTEREST, "agency", similar_to_purchase=True),
        purpose("account", Basis.CONTRACT, "parcels", kind=Kind.SERVICE),
    )
}
DISCLOSURES = disclosures_of([(NOW - 100 * DAY, PURPOSES)])
CUSTOMER = Facts(
    country="DE",
    relationship=Relationship(
        kind="customer",
        since=NOW - 10 * DAY,
        opt_out_offered=OptOutOffered(at=NOW - 10 * DAY, wording="You can say no."),
    ),
)


def yes(key: str = "partners", channel: str = Channel.EMAIL, seq: int | None = 5, **more: Any) -> Standing:
    at = NOW - 50 * DAY
    given = Standing("ada", key, channel, Status.GIVEN, seq, f"e{seq}", at, at)
    return given._replace(**more)


def stop(cause: Cause, seq: int, key: str = ANY, channel: str = ANY) -> Stop:
    return Stop(ADA, channel, key, cause, Source.PAGE, seq, f"e{seq}", NOW - DAY, NOW - DAY)


def known(*standings: Standing, stops: Sequence[Stop] = (), facts: Facts | None = None) -> Dossier:
    return Dossier(
        standings={one.key: one for one in standings},
        stops=stops,
        facts=facts or Facts(),
        known_since=NOW - 50 * DAY,
    )


def entry(action: Action, key: str = "partners", channel: str = "email", **more: Any) -> Entry:
    cause = cause_of(action, key, PURPOSES.get(key)) if action in STOPS else None
    channel = ANY if key == ANY else channel
    made = Entry(
        9, "e9", "ada", ADA, channel, key, action, Source.PAGE, cause, Effect.APPLIED, None, NOW, NOW
    )
    return made._replace(**more)


def told(of: Entry, before: Dossier, disclosures: Disclosures = DISCLOSURES) -> dict[str, int]:
    """Who is to be told, each with the entry after which they would have been told already."""
    found = to_be_told(of, before, disclosures=disclosures, find=PURPOSES.get, regimes=REGIMES)
    assert len({one.recipient for one in found}) == len(found)
    return {one.recipient: one.after for one in found}


ALL_YES = known(yes("news"), yes("partners"), yes("selling"), facts=CUSTOMER)


@pytest.mark.parametrize(
    ("ended", "recipients"),
    [
        (entry(Action.WITHDRAW), {"inc"}),
        (entry(Action.WITHDRAW, "news"), set()),
        (entry(Action.REFUSE), {"inc"}),
        (entry(Action.OBJECT, "joint"), {"agency"}),
        (entry(Action.OBJECT, "account"), set()),
        (entry(Action.OBJECT, ANY), {"inc", "broker", "agency"}),
        (entry(Action.COMPLAIN, ANY), {"inc", "broker", "agency"}),
        (entry(Action.ERASE, ANY), {"inc", "broker", "agency"}),
        (entry(Action.BOUNCE, ANY), {"inc", "broker", "agency"}),
        (entry(Action.SIGNAL, ANY), {"broker"}),
        (entry(Action.WITHDRAW, "partners", "sms"), set()),
        (entry(Action.INVALIDATE, target="e5"), {"inc"}),
        (entry(Action.INVALIDATE, subject=None, target="e1"), set()),
        (entry(Action.EXPIRE), {"inc"}),
        (entry(Action.EXPIRE, "joint"), {"agency"}),
        (entry(Action.DEFER, until=NOW + DAY), set()),
        (entry(Action.DEFER), set()),
        (entry(Action.ADDRESS_CHANGED, ANY, target="00"), {"inc", "broker", "agency"}),
        (entry(Action.DECLINE, version=2), set()),
        (entry(Action.GIVE), set()),
        (entry(Action.WITHDRAW, effect=Effect.NONE), set()),
    ],
    ids=lambda value: f"{value.action} {value.purpose}" if isinstance(value, Entry) else "",
)
def test_whoever_has_the_data_hears_of_what_the_entry_ends(ended: Entry, recipients: set[str]) -> None:
    assert set(told(ended, ALL_YES)) == recipients
    assert told(ended, known()) == {} or ended == entry(Action.EXPIRE, "joint")


def test_a_yes_on_any_channel_that_the_stop_reaches_is_enough() -> None:
    sms = known(yes(channel="sms"))
    assert told(entry(Action.WITHDRAW), sms) == {}
    assert set(told(entry(Action.OBJECT, ANY), sms)) == {"inc"}
    assert set(told(entry(Action.OBJECT), sms)) == {"inc"}


def test_a_question_or_a_pause_without_a_yes_handed_nothing_over() -> None:
    for status in (Status.REQUESTED, Status.DEFERRED, Status.INFORMED):
        asked = known(yes(status=status, seq=None))
        assert told(entry(Action.OBJECT, ANY), asked) == {}
    for question in (yes(status=Status.REQUESTED, seq=None), yes(status=Status.REQUESTED)):
        assert told(entry(Action.EXPIRE), known(question)) == {}


def test_a_pause_does_not_hide_what_was_handed_over_before_it() -> None:
    paused = yes("joint", status=Status.DEFERRED, seq=None, until=NOW + DAY)
    assert set(told(entry(Action.OBJECT, "joint"), known(paused, facts=CUSTOMER))) == {"agency"}
    assert set(told(entry(Action.WITHDRAW), known(yes(until=NOW + DAY)))) == {"inc"}


def test_what_stood_is_told_in_any_case_and_what_did_not_once_since_the_yes() -> None:
    withdrawn = [stop(Cause.WITHDRAWN, 7, "partners", "email")]
    assert told(entry(Action.WITHDRAW), known(yes())) == {"inc": 9}
    assert told(entry(Action.WITHDRAW), known(yes(), stops=withdrawn)) == {"inc": 5}
    assert told(entry(Action.WITHDRAW), known(yes(seq=8), stops=withdrawn)) == {"inc": 9}
    for status in (Status.EXPIRED, Status.INVALIDATED):
        assert told(entry(Action.WITHDRAW), known(yes(status=status))) == {"inc": 5}


def test_a_bounce_ends_no_consent_and_a_second_one_ends_nothing() -> None:
    bounced = [stop(Cause.BOUNCED, 7)]
    assert told(entry(Action.BOUNCE, ANY), known(yes())) == {"inc": 9}
    assert told(entry(Action.BOUNCE, ANY), known(yes(), stops=bounced)) == {"inc": 5}
    assert told(entry(Action.WITHDRAW), known(yes(), stops=bounced)) == {"inc": 9}


@pytest.mark.parametrize("source", [Source.PROVIDER, Source.IMPORT, Source.SYSTEM])
def test_an_old_stop_of_a_machine_takes_nothing_from_a_newer_yes(source: Source) -> None:
    late = entry(Action.OBJECT, ANY, source=source, occurred_at=NOW - 60 * DAY)
    assert told(late, known(yes())) == {}
    assert told(late._replace(occurred_at=NOW - 40 * DAY), known(yes())) == {"inc": 9}
    assert told(late._replace(source=Source.OPERATOR), known(yes())) == {"inc": 9}


def test_nobody_is_told_of_terms_that_the_person_did_not_hold() -> None:
    parties = {"partners": (Disclosure("first", 1), Disclosure("second", 2))}
    assert set(told(entry(Action.WITHDRAW), known(yes(version=1)), parties)) == {"first"}
    assert set(told(entry(Action.WITHDRAW), known(yes(version=2)), parties)) == {"first", "second"}


def test_a_third_party_that_went_hears_of_those_who_came_before() -> None:
    for came, names in ((NOW - 51 * DAY, set()), (NOW - 49 * DAY, {"inc"})):
        went = {"partners": (Disclosure("inc", 1, until=came),)}
        assert set(told(entry(Action.WITHDRAW), known(yes()), went)) == names


def test_every_third_party_there_ever_was_is_remembered_with_its_version_and_its_end() -> None:
    first = purpose("partners", Basis.CONSENT, "a", "b")
    second = replace(first, recipients=("b", "c"), version=2)
    steps: list[tuple[datetime, Mapping[str, Purpose]]] = [
        (NOW, {"partners": first, "news": PURPOSES["news"]}),
        (NOW + DAY, {"partners": second}),
        (NOW + 2 * DAY, {}),
        (NOW + 3 * DAY, {"partners": replace(second, recipients=("a",), version=3)}),
    ]
    assert disclosures_of(steps[:2]) == {
        "partners": (Disclosure("a", 1, NOW + DAY), Disclosure("b", 1), Disclosure("c", 2))
    }
    gone = NOW + 2 * DAY
    assert disclosures_of(steps) == {
        "partners": (Disclosure("a", 1), Disclosure("b", 1, gone), Disclosure("c", 2, gone))
    }


@pytest.mark.parametrize("key", [*PURPOSES, ANY, "nothing"])
def test_people_are_looked_for_just_where_somebody_may_have_to_be_told(key: str) -> None:
    """Whatever is known of the person: where nobody is looked for, there is nobody to tell."""
    for action, channel in product(sorted(STOPS), ["email", ANY]):
        choice = Choice(action=action, source=Source.PAGE, purpose=key, channel=channel)
        concerns = concerns_third_parties(choice, DISCLOSURES, PURPOSES.get)
        everything = known(*(yes(one) for one in PURPOSES), yes(channel="sms"), facts=CUSTOMER)
        assert concerns == bool(told(entry(action, key, channel), everything)), (action, channel)
        assert not concerns_third_parties(choice, {}, PURPOSES.get)
