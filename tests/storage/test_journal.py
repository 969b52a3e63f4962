"""The one door: many at a time, each acknowledged only once committed, nobody's trouble is another's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import NoReturn

import pytest

from prefcenter.domain.choices import Action, Effect, Source
from prefcenter.storage.database import StorageUnavailable, Tx
from prefcenter.storage.journal import MOST_UNITS, Journal
from prefcenter.storage.units import Claim, KeyReused, Outcome, StoredAnswer, Unit, UnitRefused
from prefcenter.storage.verify import verify
from tests.storage.ledgers import (
    CATALOG,
    NOW,
    STOP,
    VAULT,
    YES,
    Ledger,
    by_link,
    close_ledger,
    item,
    known_as,
    open_ledger,
    stop_of,
    unit,
)

SURROGATE = "\ud800"


async def together(journal: Journal, *units: Unit) -> list[Outcome | BaseException]:
    return await asyncio.gather(*(journal.record(one) for one in units), return_exceptions=True)


def seqs(outcomes: list[Outcome | BaseException]) -> list[int]:
    return [outcome.results[0].seq for outcome in outcomes if isinstance(outcome, Outcome)]


async def entries(ledger: Ledger) -> int:
    return int((await ledger.rows("SELECT count(*) FROM ledger"))[0][0])


# --- group commit --------------------------------------------------------------------------------------


async def test_units_that_arrive_together_share_a_transaction(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    transactions = 0
    real = ledger.database.ledger

    @asynccontextmanager
    async def counted() -> AsyncIterator[Tx]:
        nonlocal transactions
        transactions += 1
        async with real() as tx:
            yield tx

    monkeypatch.setattr(ledger.database, "ledger", counted)
    many = [stop_of(f"u{n}@example.com") for n in range(MOST_UNITS + 1)]
    assert seqs(await together(ledger.journal, *many)) == list(range(1, MOST_UNITS + 2))
    assert transactions == 2


async def test_units_are_recorded_in_the_order_they_arrived(ledger: Ledger) -> None:
    address = known_as("ada@example.com")
    yes, stop = unit(item(*YES, address)), unit(item(*STOP, address))
    first, second = await together(ledger.journal, yes, stop)
    assert seqs([first, second]) == [1, 2]
    assert (await ledger.decision("ada@example.com")).reason == "withdrawn"


async def test_close_waits_for_what_was_handed_in(ledger: Ledger) -> None:
    task = asyncio.create_task(ledger.journal.record(stop_of("ada@example.com")))
    await asyncio.sleep(0)
    await ledger.journal.close()
    assert (await task).results[0].seq == 1


async def test_whoever_stops_waiting_costs_nobody_else(ledger: Ledger) -> None:
    gone = asyncio.create_task(ledger.journal.record(stop_of("gone@example.com")))
    stays = asyncio.create_task(ledger.journal.record(stop_of("stays@example.com")))
    await asyncio.sleep(0)
    gone.cancel()
    assert (await stays).results[0].effect is Effect.APPLIED
    assert await entries(ledger) == 2


# --- poison --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("poison", ["\0", SURROGATE])
async def test_a_poisoned_unit_fails_alone(ledger: Ledger, poison: str) -> None:
    poisoned = unit(item(*YES, known_as("bo@example.com", external_id=f"crm{poison}")))
    neighbours = [stop_of(f"u{n}@example.com") for n in range(3)]
    outcomes = await together(ledger.journal, neighbours[0], poisoned, *neighbours[1:])
    good = [outcome for n, outcome in enumerate(outcomes) if n != 1]
    assert all(isinstance(outcome, Outcome) for outcome in good)
    if isinstance(outcomes[1], BaseException):  # SQLite takes a NUL
        assert await entries(ledger) == 3
        assert await ledger.rows("SELECT * FROM contact_point") == []
    assert await verify(ledger.database, CATALOG, VAULT) == []


async def test_a_unit_refused_midway_leaves_nothing_and_costs_nobody(ledger: Ledger) -> None:
    await ledger.one(*YES, known_as("bo@example.com"))
    # The first item makes "crm-1" Ada's, so the second asks for one person with two names.
    midway = unit(
        item(*YES, known_as("ada@example.com", external_id="crm-1")),
        item(*YES, known_as("bo@example.com", external_id="crm-1")),
    )
    before, refused, after = await together(
        ledger.journal, stop_of("c@example.com"), midway, stop_of("d@example.com")
    )
    assert isinstance(refused, UnitRefused)
    assert refused.conflict
    assert seqs([before, after]) == [2, 3]
    assert await ledger.rows("SELECT * FROM external_id") == []
    assert (await ledger.decision("ada@example.com")).reason == "never_asked"


async def test_a_failing_answer_undoes_its_unit_and_no_other(ledger: Ledger) -> None:
    def fails(_: Outcome) -> StoredAnswer:
        raise ZeroDivisionError

    bad = replace(stop_of("ada@example.com"), respond=fails)
    good, failed = await together(ledger.journal, stop_of("bo@example.com"), bad)
    assert isinstance(good, Outcome)
    assert isinstance(failed, ZeroDivisionError)
    assert await entries(ledger) == 1


# --- idempotency keys ----------------------------------------------------------------------------------


def claimed(address: str, key: str = "k1", body: bytes = b"body", api_key: str = "tool") -> Unit:
    def respond(outcome: Outcome) -> StoredAnswer:
        return StoredAnswer(200, outcome.results[0].entry.encode())

    claim = Claim(api_key=api_key, key=key, fingerprint=body)
    return replace(unit(item(*YES, known_as(address))), claim=claim, respond=respond)


async def test_the_same_key_gets_the_same_answer_and_has_one_effect(ledger: Ledger) -> None:
    first = await ledger.journal.record(claimed("ada@example.com"))
    again = await ledger.journal.record(claimed("ada@example.com"))
    assert (again.replayed, again.answer) == (True, first.answer)
    assert await entries(ledger) == 1


async def test_a_replay_after_a_stop_does_not_bring_the_yes_back(ledger: Ledger) -> None:
    await ledger.journal.record(claimed("ada@example.com"))
    await ledger.one(*STOP, by_link("ada@example.com"))
    await ledger.journal.record(claimed("ada@example.com"))
    assert (await ledger.decision("ada@example.com")).reason == "withdrawn"


async def test_the_same_key_twice_at_the_same_moment_has_one_effect(ledger: Ledger) -> None:
    first, second = await together(ledger.journal, *[claimed("ada@example.com")] * 2)
    assert isinstance(first, Outcome)
    assert isinstance(second, Outcome)
    assert (first.replayed, second.replayed) == (False, True)
    assert first.answer == second.answer
    assert await entries(ledger) == 1


async def test_a_key_with_another_body_is_refused(ledger: Ledger) -> None:
    await ledger.journal.record(claimed("ada@example.com"))
    with pytest.raises(KeyReused):
        await ledger.journal.record(claimed("bo@example.com", body=b"another"))
    assert await entries(ledger) == 1


async def test_two_tools_may_use_the_same_key(ledger: Ledger) -> None:
    await ledger.journal.record(claimed("ada@example.com"))
    other = await ledger.journal.record(claimed("bo@example.com", body=b"another", api_key="other tool"))
    assert not other.replayed


async def test_a_key_survives_a_restart(ledger: Ledger) -> None:
    first = await ledger.journal.record(claimed("ada@example.com"))
    restarted = Journal(ledger.database, CATALOG, VAULT)
    assert (await restarted.record(claimed("ada@example.com"))).answer == first.answer


async def test_a_refused_unit_does_not_use_its_key_up(ledger: Ledger) -> None:
    nobody = replace(claimed("x@example.com"), choices=(item(*YES, by_link("x@example.com")),))
    with pytest.raises(UnitRefused):
        await ledger.journal.record(nobody)
    assert not (await ledger.journal.record(claimed("x@example.com"))).replayed


# --- durability ----------------------------------------------------------------------------------------


async def test_nothing_is_acknowledged_without_a_database(ledger: Ledger) -> None:
    await ledger.database.close()
    outcomes = await together(ledger.journal, *[stop_of(f"u{n}@example.com") for n in range(3)])
    assert [type(outcome) for outcome in outcomes] == [StorageUnavailable] * 3
    await ledger.database.open()
    assert await entries(ledger) == 0
    assert (await ledger.one(*STOP, by_link("u1@example.com"))).seq == 1


async def test_who_waits_behind_a_database_that_is_gone_does_not_wait_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    def gone() -> NoReturn:
        nonlocal tries
        tries += 1
        raise StorageUnavailable("gone")

    with monkeypatch.context() as patched:
        patched.setattr(ledger.database, "ledger", gone)
        many = [stop_of(f"u{n}@example.com") for n in range(3 * MOST_UNITS)]
        outcomes = await together(ledger.journal, *many)
    assert {type(outcome) for outcome in outcomes} == {StorageUnavailable}
    assert tries == 1
    assert isinstance((await together(ledger.journal, many[0]))[0], Outcome)


async def test_two_processes_share_one_gapless_order(ledger: Ledger) -> None:
    other = await open_ledger(ledger.url)

    async def write(journal: Journal, name: str) -> list[int]:
        found = []
        for n in range(15):
            outcomes = await together(journal, *[stop_of(f"{name}{n}-{m}@example.com") for m in range(4)])
            found += seqs(outcomes)
        return found

    first, second = await asyncio.gather(write(ledger.journal, "a"), write(other.journal, "b"))
    assert sorted(first + second) == list(range(1, 121))
    assert first == sorted(first)
    assert second == sorted(second)
    assert await verify(ledger.database, CATALOG, VAULT) == []
    await close_ledger(other)


async def test_whoever_reads_changes_meanwhile_never_sees_a_gap(ledger: Ledger) -> None:
    """The order of seq is the order of commits: what a reader has passed stays passed."""
    other = await open_ledger(ledger.url)
    total = 80

    async def write(journal: Journal, name: str) -> None:
        for n in range(total // 2):
            await journal.record(stop_of(f"{name}{n}@example.com"))

    async def read() -> list[int]:
        seen: list[int] = []
        while len(seen) < total:
            seen += [entry.seq for entry in await ledger.reader.changes(seen[-1] if seen else 0, 1_000)]
        return seen

    async with asyncio.timeout(30):
        seen, _, _ = await asyncio.gather(read(), write(ledger.journal, "a"), write(other.journal, "b"))
    assert seen == list(range(1, total + 1))
    await close_ledger(other)


async def test_two_processes_meeting_one_new_person_make_one(ledger: Ledger) -> None:
    other = await open_ledger(ledger.url)
    yes = unit(item(*YES, known_as("ada@example.com", external_id="crm-1")))
    first, second = await asyncio.gather(ledger.journal.record(yes), other.journal.record(yes))
    assert first.results[0].subject == second.results[0].subject
    assert len(await ledger.rows("SELECT * FROM subject")) == 1
    await close_ledger(other)


async def test_a_stop_for_an_address_that_we_do_not_know_is_kept(ledger: Ledger) -> None:
    result = await ledger.one(*STOP, by_link("ada@example.com"))
    assert (result.effect, result.subject) == (Effect.APPLIED, None)
    imported = await ledger.one(
        Action.GIVE, Source.IMPORT, known_as("Ada@Example.com"), stated_at=NOW, wording="Yes!"
    )
    assert (imported.effect, imported.reason) == (Effect.NONE, "already_known")
    assert (await ledger.decision("ada@example.com")).reason == "withdrawn"
