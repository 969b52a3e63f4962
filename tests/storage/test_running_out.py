"""The walk over what may have run out: everybody once, a few at a time, gaps and all."""

from __future__ import annotations

from datetime import timedelta

import pytest

from prefcenter.domain.choices import Action, Source
from prefcenter.storage import running_out
from prefcenter.storage.running_out import old_yeses, related, standings_of
from prefcenter.storage.units import FactsItem, Unit
from tests.storage.ledgers import NOW, STOP, YES, Ledger, by_link, item, known_as, unit

LATER = NOW + timedelta(days=1)


async def walk(ledger: Ledger) -> list[tuple[str, int]]:
    """Subject, and the number of stops, of every old yes."""
    found = []
    after: int | None = 0
    while after is not None:
        yeses, after = await old_yeses(ledger.database, after, NOW)
        assert len(yeses) <= running_out.CHUNK
        found += [(one.standing.subject, len(one.known.stops)) for one in yeses]
    return found


@pytest.mark.parametrize("chunk", [1, 3, 200])
@pytest.mark.parametrize("span", [1, 4, 1_000])
async def test_every_old_yes_is_met_once_with_all_that_may_cover_it(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, chunk: int, span: int
) -> None:
    monkeypatch.setattr(running_out, "CHUNK", chunk)
    monkeypatch.setattr(running_out, "_SPAN", span)
    assert await walk(ledger) == []
    given = []
    for number in range(12):
        who = known_as(f"p{number}@example.com")
        given.append(await ledger.one(*YES, who, now=LATER if number % 5 == 4 else NOW))
        if number % 4 == 0:
            await ledger.one(*STOP, by_link(f"p{number}@example.com"))
            await ledger.one(Action.WITHDRAW, Source.ONE_CLICK, by_link(f"p{number}@example.com"), "offers")
            await ledger.one(Action.OBJECT, Source.PAGE, by_link(f"p{number}@example.com"), "*", "*")
    # Nobody was ever asked, or ran out; gone are two in the middle and the last.
    await ledger.record(item(Action.DEFER, Source.FORM, known_as("x@example.com"), until=LATER))
    gone = [given[number].subject for number in (2, 3, 11)]
    for subject in gone:
        await ledger.change("DELETE FROM standing WHERE subject_id = $1", subject)

    met = await walk(ledger)

    old = [number for number in range(12) if number % 5 != 4 and given[number].subject not in gone]
    assert met == [(given[number].subject, 2 if number % 4 == 0 else 0) for number in old]


async def test_a_stop_at_another_address_of_the_person_comes_along(ledger: Ledger) -> None:
    mail = known_as("ada@example.com", external_id="crm-1")
    phone = known_as("ada-phone@example.com", channel="sms", external_id="crm-1")
    await ledger.one(*YES, mail)
    await ledger.one(*YES, phone, channel="sms")
    await ledger.one(*STOP, by_link("ada-phone@example.com"))
    yeses, _ = await old_yeses(ledger.database, 0, NOW)
    assert [(one.standing.channel, len(one.known.stops)) for one in yeses] == [("email", 1), ("sms", 1)]


@pytest.mark.parametrize("chunk", [1, 4, 200])
async def test_everybody_with_a_relationship_is_met_once(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(running_out, "CHUNK", chunk)
    expected = set()
    for number in range(9):
        ref = known_as(f"p{number}@example.com")
        facts = {"country": "CA"}
        if number % 3 == 0:
            facts |= {"relationship": {"kind": "customer", "since": "2026-01-01T00:00:00Z"}}  # type: ignore[dict-item]
        outcome = await ledger.journal.record(Unit(now=NOW, facts=(FactsItem(ref=ref, facts=facts),)))
        if number % 3 == 0:
            expected.add(outcome.subjects[0])
    await ledger.change("UPDATE fact SET body = 'nonsense' WHERE subject_id = $1", max(expected))
    met = []
    after: str | None = ""
    while after is not None:
        people, after = await related(ledger.database, after)
        met += people
    assert [one.subject for one in met] == sorted(expected - {max(expected)})
    assert {(one.known_since, one.facts.country) for one in met} == {(NOW, "CA")}


async def test_standings_come_by_person(ledger: Ledger) -> None:
    outcome = await ledger.journal.record(
        unit(item(*YES, known_as("ada@example.com")), item(*YES, known_as("bo@example.com"), "offers"))
    )
    ada, bo = (result.subject or "" for result in outcome.results)
    found = await standings_of(ledger.database, [ada, bo, "nobody"])
    assert {who: set(held) for who, held in found.items()} == {
        ada: {("newsletter", "email")},
        bo: {("offers", "email")},
    }
