"""Voids: a machine's mistakes are as if they had never been; a person's own word and the ledger stay."""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from prefcenter.domain.choices import Action, Effect, Entry, Source
from prefcenter.storage.past_entries import read_past
from prefcenter.storage.units import FactsItem, Outcome, Result, Unit, UnitRefused
from prefcenter.storage.verify import verify
from tests.storage.ledgers import (
    CATALOG,
    NOW,
    STOP,
    VAULT,
    YES,
    Ledger,
    by_link,
    fingerprints,
    item,
    known_as,
    stop_of,
    unit_of_void,
)
from tests.storage.test_events import add_webhook, bodies, told_of

ADA = "ada@example.com"
COMPLAINT = (Action.COMPLAIN, Source.PROVIDER)
UNSUBSCRIBE = (Action.WITHDRAW, Source.PROVIDER)
IMPORTED = (Action.GIVE, Source.IMPORT)
MINUTE = timedelta(minutes=1)


def at(minutes: int) -> datetime:
    return NOW + minutes * MINUTE


async def entry_of(ledger: Ledger, result: Result) -> Entry:
    return (await ledger.reader.changes(result.seq - 1, 1))[0]


async def void(ledger: Ledger, *results: Result, now: datetime = NOW) -> Outcome:
    entries = [await entry_of(ledger, result) for result in results]
    return await ledger.journal.record(unit_of_void(*entries, now=now, reason="a loop", method="void"))


async def reason(ledger: Ledger, address: str = ADA, now: datetime = NOW) -> str:
    return (await ledger.decision(address, now=now)).reason


async def whole(ledger: Ledger) -> None:
    assert await verify(ledger.database, CATALOG, VAULT) == []


async def imported(ledger: Ledger, address: str = ADA, **more: Any) -> Result:
    said = {"stated_at": NOW - timedelta(days=9), "wording": "I agree.", **more}
    return await ledger.one(*IMPORTED, known_as(address), **said)


@pytest.mark.parametrize("machine", [COMPLAINT, UNSUBSCRIBE, (Action.WITHDRAW, Source.IMPORT)])
async def test_the_yes_that_a_machine_ended_counts_again(
    ledger: Ledger, machine: tuple[Action, Source]
) -> None:
    await ledger.one(*YES, known_as(ADA))
    stop = await ledger.one(*machine, known_as(ADA), now=at(1))
    assert not (await ledger.decision(ADA, now=at(2))).allowed

    await void(ledger, stop, now=at(3))

    assert await reason(ledger, now=at(4)) == "consent"
    assert await ledger.rows("SELECT 1 FROM stop") == []
    await whole(ledger)


async def test_what_something_else_ended_stays_ended(ledger: Ledger) -> None:
    await ledger.one(*YES, known_as(ADA))
    stop = await ledger.one(*UNSUBSCRIBE, known_as(ADA), now=at(1))
    own = await ledger.one(*STOP, by_link(ADA), now=at(2))
    await void(ledger, stop, now=at(3))
    decision = await ledger.decision(ADA, now=at(4))
    assert (decision.reason, decision.entry) == ("withdrawn", own.entry)
    await whole(ledger)


async def test_a_stop_that_a_person_said_before_stands_again_as_it_was(ledger: Ledger) -> None:
    own = await ledger.one(*STOP, by_link(ADA))
    machine = await ledger.one(*UNSUBSCRIBE, known_as(ADA), now=at(5))
    await void(ledger, machine, now=at(6))
    [stop] = await ledger.reader.stops_at(fingerprints(ADA).wide)
    assert (stop.entry, stop.recorded_at) == (own.entry, NOW)


async def test_an_imported_yes_ends_and_the_right_one_may_be_imported_then(ledger: Ledger) -> None:
    wrong = await imported(ledger)
    assert await reason(ledger) == "consent"

    await void(ledger, wrong)
    assert await reason(ledger) == "never_asked"

    assert (await imported(ledger, wording="The right words.")).effect is Effect.APPLIED
    assert await reason(ledger) == "consent"
    await whole(ledger)


async def test_an_import_that_was_voided_brings_nobody_back_who_said_no(ledger: Ledger) -> None:
    wrong = await imported(ledger)
    await ledger.one(*STOP, by_link(ADA), now=at(1))
    await void(ledger, wrong, now=at(2))
    assert (await imported(ledger, now=at(3))).reason == "already_known"
    assert await reason(ledger, now=at(3)) == "withdrawn"


@pytest.mark.parametrize(
    ("action", "source"),
    [
        (Action.GIVE, Source.FORM),
        (Action.WITHDRAW, Source.ONE_CLICK),
        (Action.WITHDRAW, Source.OPERATOR),
        (Action.COMPLAIN, Source.EMAIL_REQUEST),
    ],
)
async def test_what_a_person_or_a_proxy_said_is_never_voided(
    ledger: Ledger, action: Action, source: Source
) -> None:
    said = await ledger.one(action, source, known_as(ADA))
    with pytest.raises(UnitRefused, match="only what a provider or an import said"):
        await void(ledger, said)
    assert await ledger.reader.head() == said.seq


async def test_one_that_cannot_be_voided_leaves_the_others_of_its_unit_alone(ledger: Ledger) -> None:
    machine = await ledger.one(*UNSUBSCRIBE, known_as(ADA))
    own = await ledger.one(*YES, known_as("bo@example.com"))
    with pytest.raises(UnitRefused):
        await void(ledger, machine, own)
    assert await ledger.reader.head() == own.seq


async def test_voided_twice_is_once(ledger: Ledger) -> None:
    await ledger.one(*YES, known_as(ADA))
    stop = await ledger.one(*UNSUBSCRIBE, known_as(ADA), now=at(1))
    entry = await entry_of(ledger, stop)
    outcomes = await asyncio.gather(
        *(ledger.journal.record(unit_of_void(entry, now=at(2))) for _ in range(3))
    )
    assert [one.results[0].reason for one in outcomes] == [None, "already_voided", "already_voided"]
    assert await ledger.reader.head() == 3


async def test_a_void_says_what_it_is_of_who_and_why_and_what_it_is_about_stays(ledger: Ledger) -> None:
    stop = await ledger.one(*COMPLAINT, known_as(ADA))
    before = await entry_of(ledger, stop)
    await void(ledger, stop, now=at(1))
    [first, second] = await ledger.reader.history([fingerprints(ADA).wide], stop.subject)
    assert first.entry == before
    said = second.entry
    assert (said.action, said.source, said.target, said.reason) == (
        Action.VOID,
        Source.OPERATOR,
        stop.entry,
        "complain",
    )
    assert second.evidence == {"reason": "a loop", "method": "void"}
    await whole(ledger)


async def test_what_came_along_to_a_new_address_is_voided_with_it(ledger: Ledger) -> None:
    await ledger.one(*YES, known_as(ADA, external_id="crm-1"))
    stop = await ledger.one(*COMPLAINT, known_as(ADA), now=at(1))
    await ledger.one(*YES, known_as("ada@new.example", external_id="crm-1"), now=at(2))
    assert await reason(ledger, "ada@new.example", now=at(3)) == "complained"
    await void(ledger, stop, now=at(4))
    assert await ledger.rows("SELECT 1 FROM stop") == []
    await whole(ledger)


async def test_a_yes_that_runs_out_after_it_was_voided_leaves_no_trace(ledger: Ledger) -> None:
    yes = await imported(ledger)
    ends = item(Action.EXPIRE, Source.SYSTEM, known_as(ADA), undoes=yes.entry)
    await ledger.record(ends, now=at(1))
    assert await reason(ledger, now=at(2)) == "expired"
    await void(ledger, yes, now=at(3))
    assert await reason(ledger, now=at(4)) == "never_asked"
    await whole(ledger)


async def test_facts_that_an_import_told_are_taken_back_and_earlier_ones_hold(ledger: Ledger) -> None:
    for minutes, facts in enumerate([{"country": "DE"}, {"country": "US", "subscriber": "corporate"}]):
        told = FactsItem(ref=known_as(ADA), facts=facts)
        await ledger.journal.record(Unit(now=at(minutes), facts=(told,)))
    wrong = (await ledger.reader.changes(1, 1))[0]
    await ledger.journal.record(unit_of_void(wrong, now=at(2)))
    [person] = await ledger.reader.people_at([fingerprints(ADA)])
    assert (person.facts.country, person.facts.subscriber) == ("DE", None)
    for minutes, country in ((0, "DE"), (1, "US"), (2, "DE")):
        past = await read_past(ledger.database, VAULT, wides=[fingerprints(ADA).wide])
        then = past.person_at(fingerprints(ADA), at(minutes), CATALOG.find)
        assert then.facts.country == country


async def test_a_past_day_is_still_decided_by_what_was_committed_then(ledger: Ledger) -> None:
    await ledger.one(*YES, known_as(ADA))
    stop = await ledger.one(*COMPLAINT, known_as(ADA), now=at(10))
    await void(ledger, stop, now=at(20))
    wide = fingerprints(ADA).wide
    past = await read_past(ledger.database, VAULT, wides=[wide])
    stopped = {
        minutes: len(past.person_at(fingerprints(ADA), at(minutes), CATALOG.find).stops)
        for minutes in (9, 10, 19, 20, 30)
    }
    assert stopped == {9: 0, 10: 1, 19: 1, 20: 0, 30: 0}


async def test_tools_hear_of_it_with_what_it_turned(ledger: Ledger) -> None:
    await ledger.one(*YES, known_as(ADA))
    stop = await ledger.one(*COMPLAINT, known_as(ADA), now=at(1))
    wrong = await imported(ledger, "bo@example.com", now=at(1))
    await add_webhook(ledger, "choice.recorded", "standing.changed")

    await void(ledger, stop, wrong, now=at(2))

    born = await bodies(ledger)
    choices = [body["data"] for _, event, body in born if event == "choice.recorded"]
    assert [(one["action"], one["reason"]) for one in choices] == [  # type: ignore[index]
        ("void", "complain"),
        ("void", "give"),
    ]
    told = told_of([one for one in born if one[1] == "standing.changed"])
    assert ("standing.changed", "newsletter", "email", True, "consent") in told
    assert ("standing.changed", "newsletter", "email", False, "never_asked") in told
    [(suppressing,)] = await ledger.rows(
        "SELECT suppressing FROM delivery WHERE seq = 5 AND event = 'choice.recorded'"
    )
    assert suppressing


async def test_stops_beside_a_void_are_recorded_and_it_is_alone(ledger: Ledger) -> None:
    machine = await ledger.one(*UNSUBSCRIBE, known_as(ADA))
    entry = await entry_of(ledger, machine)
    units = [stop_of(f"p{n}@example.com") for n in range(4)]
    units.insert(2, unit_of_void(entry, now=at(1)))
    units.append(stop_of(ADA))
    outcomes = await asyncio.gather(*(ledger.journal.record(unit) for unit in units))
    assert [outcome.results[0].seq for outcome in outcomes] == [2, 3, 4, 5, 6, 7]
    assert await reason(ledger) == "withdrawn"
    await whole(ledger)


async def test_many_entries_of_a_crowd_are_voided_in_one_go(ledger: Ledger) -> None:
    people: Sequence[str] = [f"p{n}@example.com" for n in range(60)]
    await ledger.record(*(item(*YES, known_as(one)) for one in people))
    outcome = await ledger.record(*(item(*COMPLAINT, known_as(one)) for one in people), now=at(1))
    await void(ledger, *outcome.results, now=at(2))
    assert [await reason(ledger, one, now=at(3)) for one in people] == ["consent"] * 60
    evidence = await ledger.rows("SELECT sealed FROM payload WHERE seq > 120 ORDER BY seq")
    assert {json.loads(VAULT.unseal(sealed))["reason"] for (sealed,) in evidence} == {"a loop"}
    await whole(ledger)
