"""Whoever changes the ledger afterwards is found out; erased evidence is no change."""

import asyncio
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from prefcenter.domain.choices import Action, Proof, Source
from prefcenter.storage.statements import LEDGER_COLUMNS
from prefcenter.storage.vault import Vault
from prefcenter.storage.verify import verify
from tests.storage.ledgers import CATALOG, NOW, VAULT, Ledger, by_link, known_as

COLUMNS = [*LEDGER_COLUMNS.split(", "), "digest", "chain"]
BYTES = {"wide", "digest", "chain"}
NUMBERS = {"seq", "occurred_at", "recorded_at", "version", "until"}
LENGTH = 8


async def problems(ledger: Ledger, vault: Vault = VAULT) -> list[str]:
    return await verify(ledger.database, CATALOG, vault)


@pytest.fixture
async def written(ledger: Ledger) -> Ledger:
    """A ledger of LENGTH entries with something of everything, and no problems."""
    ada, minute = known_as("ada@example.com", external_id="crm-1"), timedelta(minutes=1)
    await ledger.one(Action.GIVE, Source.FORM, ada, evidence={"wording": "Yes, mail me."})
    stop = await ledger.one(Action.WITHDRAW, Source.ONE_CLICK, by_link("ada@example.com"), now=NOW + minute)
    undo = {"undoes": stop.entry, "now": NOW + 2 * minute}
    await ledger.one(Action.INVALIDATE, Source.PAGE, by_link("ada@example.com"), **undo)
    await ledger.one(Action.DEFER, Source.PAGE, ada, until=NOW + timedelta(days=30))
    await ledger.one(Action.REQUEST, Source.OPERATOR, known_as("bo@example.com"), "digest")
    moved = known_as("lovelace@example.com", external_id="crm-1")
    again = {"proof": Proof.CONFIRMED, "shown_seq": 6}
    await ledger.one(Action.GIVE, Source.CONFIRMATION, moved, **again)
    await ledger.one(Action.COMPLAIN, Source.PROVIDER, by_link("bo@example.com"), "*", "*")
    assert await problems(ledger) == []
    assert await ledger.reader.head() == LENGTH
    return ledger


async def test_an_empty_ledger_is_in_order(ledger: Ledger) -> None:
    assert await problems(ledger) == []


@pytest.mark.parametrize("column", COLUMNS)
async def test_an_edit_of_any_column_of_any_entry_is_found(written: Ledger, column: str) -> None:
    for seq in (1, 3, 6, LENGTH):
        (before,) = (await written.rows(f"SELECT {column} FROM ledger WHERE seq = $1", seq))[0]
        await written.change(f"UPDATE ledger SET {column} = $1 WHERE seq = $2", edited(column, before), seq)
        assert await problems(written), (column, seq)
        back = LENGTH + 5 if column == "seq" else seq
        await written.change(f"UPDATE ledger SET {column} = $1 WHERE seq = $2", before, back)
    assert await problems(written) == []


def edited(column: str, before: Any) -> Any:
    if column == "seq":
        return LENGTH + 5
    if column in BYTES:
        return bytes(before)[:-1] + bytes([before[-1] ^ 1])
    if column in NUMBERS:
        return 1 if before is None else before + 1
    return (
        None if before is not None and column in {"subject_id", "reason", "proof", "target", "cause"} else "x"
    )


@pytest.mark.parametrize("seq", [1, 4, LENGTH - 1])
async def test_a_missing_entry_is_found(written: Ledger, seq: int) -> None:
    await written.change("DELETE FROM ledger WHERE seq = $1", seq)
    assert any("missing" in problem for problem in await problems(written))


async def test_a_cut_out_middle_is_found_even_when_the_numbers_are_closed_up(written: Ledger) -> None:
    await written.change("DELETE FROM ledger WHERE seq BETWEEN 3 AND 5")
    await written.change("DELETE FROM payload WHERE seq BETWEEN 3 AND 5")
    for table in ("ledger", "payload"):
        for seq in range(6, LENGTH + 1):
            await written.change(f"UPDATE {table} SET seq = $1 WHERE seq = $2", seq - 3, seq)
    assert await problems(written)


async def test_a_cut_off_end_is_found_in_the_state(written: Ledger) -> None:
    """The chain cannot show it. What the entries had done is still there."""
    await written.change("DELETE FROM ledger WHERE seq > $1", LENGTH - 1)
    assert "is not what the ledger adds up to" in (await problems(written))[0]


async def test_an_inserted_entry_is_found(written: Ledger) -> None:
    names = ", ".join(f'"{name}"' for name in COLUMNS[2:])
    copy = f"INSERT INTO ledger (seq, entry, {names}) SELECT $1, 'forged', {names} FROM ledger WHERE seq = 2"
    await written.change(copy.replace("$1", str(LENGTH + 1)))
    assert await problems(written)


async def test_two_swapped_entries_are_found(written: Ledger) -> None:
    for seq in range(1, LENGTH):
        await swap(written, seq)
        assert await problems(written), seq
        await swap(written, seq)
    assert await problems(written) == []


async def swap(ledger: Ledger, seq: int) -> None:
    """An entry takes the place of the next, evidence and all."""
    for table in ("ledger", "payload"):
        for old, new in ((seq, 0), (seq + 1, seq), (0, seq + 1)):
            await ledger.change(f"UPDATE {table} SET seq = $1 WHERE seq = $2", new, old)


async def test_swapped_evidence_is_found(written: Ledger) -> None:
    for old, new in ((1, 0), (2, 1), (0, 2)):
        await written.change("UPDATE payload SET seq = $1 WHERE seq = $2", new, old)
    found = await problems(written)
    assert [problem for problem in found if "evidence of entry 1 " in problem]
    assert [problem for problem in found if "evidence of entry 2 " in problem]


async def test_rewritten_evidence_is_found_even_when_it_is_sealed_with_the_right_key(written: Ledger) -> None:
    await written.change("UPDATE payload SET sealed = $1 WHERE seq = 1", VAULT.seal(b'{"wording":"Never"}'))
    assert await problems(written) == ["the evidence of entry 1 is not what was recorded with it"]


@pytest.mark.parametrize("column", ["salt", "sealed"])
async def test_evidence_of_which_a_bit_has_flipped_is_found(written: Ledger, column: str) -> None:
    (before,) = (await written.rows(f"SELECT {column} FROM payload WHERE seq = 1"))[0]
    flipped = bytes([before[0] ^ 128]) + bytes(before)[1:]
    await written.change(f"UPDATE payload SET {column} = $1 WHERE seq = 1", flipped)
    assert await problems(written)


async def test_erased_evidence_is_in_order(written: Ledger) -> None:
    await written.change("DELETE FROM payload WHERE seq IN (1, 3)")
    assert await problems(written) == []


async def test_evidence_sealed_with_a_key_that_is_gone_is_named(written: Ledger) -> None:
    found = await problems(written, Vault([b"another key, also long enough to be one"]))
    assert found[0].startswith("the evidence of entry 1 cannot be opened")


EDITS: dict[str, Callable[[random.Random], str]] = {
    "a stop deleted": lambda _: "DELETE FROM stop",
    "a stop narrowed": lambda _: "UPDATE stop SET purpose = 'sharing'",
    "a stop moved back": lambda _: "UPDATE stop SET seq = 1",
    "a stop given to another address": lambda r: f"UPDATE stop SET wide = {hex_of(r)}",
    "a yes made up": lambda _: "UPDATE standing SET status = 'ConsentGiven', seq = 99",
    "a yes made newer": lambda _: "UPDATE standing SET seq = seq + 1 WHERE seq IS NOT NULL",
    "a better proof": lambda _: "UPDATE standing SET proof = 'signed_in'",
    "a yes forgotten": lambda _: "DELETE FROM standing WHERE status = 'ConsentGiven'",
    "a word that is none": lambda _: "UPDATE standing SET status = 'Agreed'",
    "a cause that is none": lambda _: "UPDATE stop SET cause = 'whim'",
}


def hex_of(source: random.Random) -> str:
    return f"decode('{source.randbytes(16).hex()}', 'hex')"


@pytest.mark.parametrize("edit", EDITS)
async def test_a_state_that_the_ledger_does_not_bear_out_is_found(written: Ledger, edit: str) -> None:
    sql = EDITS[edit](random.Random(edit))
    if written.database.dialect == "sqlite":
        sql = sql.replace("decode('", "x'").replace("', 'hex')", "'")
    await written.change(sql)
    assert await problems(written)


async def test_random_damage_is_always_found(written: Ledger) -> None:
    source = random.Random(4)
    for _ in range(60):
        column, seq = source.choice(COLUMNS[2:]), source.randint(1, LENGTH)
        (before,) = (await written.rows(f"SELECT {column} FROM ledger WHERE seq = $1", seq))[0]
        after = damaged(source, column, before)
        await written.change(f"UPDATE ledger SET {column} = $1 WHERE seq = $2", after, seq)
        assert bool(await problems(written)) is (after != before), (column, seq, before, after)
        await written.change(f"UPDATE ledger SET {column} = $1 WHERE seq = $2", before, seq)


def damaged(source: random.Random, column: str, before: Any) -> Any:
    if column in BYTES:
        changed = bytearray(before)
        changed[source.randrange(len(changed))] ^= 1 << source.randrange(8)
        return bytes(changed)
    if column in NUMBERS:
        return source.randint(0, 2**31 - 1 if column == "version" else 2**60)
    return source.choice(["", "*", "email", "newsletter", "give", "withdraw", "page", "applied", "none"])


async def test_a_long_ledger_is_read_to_its_end(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prefcenter.storage.verify._CHUNK", 7)
    for n in range(30):
        await ledger.one(Action.WITHDRAW, Source.ONE_CLICK, by_link(f"u{n}@example.com"))
    assert await problems(ledger) == []
    await ledger.change("UPDATE ledger SET channel = 'sms' WHERE seq = 30")
    assert await problems(ledger) == ["entry 30 was changed, replaced or moved, or the one before it was"]
    await ledger.change("UPDATE ledger SET channel = 'email' WHERE seq = 30")
    await ledger.change("UPDATE stop SET channel = 'sms' WHERE seq = 29")
    assert len(await problems(ledger)) == 2


async def test_many_problems_are_told_in_few_lines(ledger: Ledger) -> None:
    for n in range(120):
        await ledger.one(Action.WITHDRAW, Source.ONE_CLICK, by_link(f"u{n}@example.com"))
    await ledger.change("DELETE FROM stop")
    found = await problems(ledger)
    assert (len(found), found[-1]) == (101, "and 20 more")


async def test_it_checks_one_moment_while_others_go_on_writing(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prefcenter.storage.verify._CHUNK", 2)
    for n in range(10):
        await ledger.one(Action.WITHDRAW, Source.ONE_CLICK, by_link(f"u{n}@example.com"))

    async def write() -> None:
        for n in range(10, 40):
            await ledger.one(Action.WITHDRAW, Source.ONE_CLICK, by_link(f"u{n}@example.com"))

    writing = asyncio.create_task(write())
    while not writing.done():
        assert await problems(ledger) == []
    await writing
