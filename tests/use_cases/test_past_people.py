"""Who was meant, and what was known of them, at a past moment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from prefcenter.domain.choices import Action, Proof, Source
from prefcenter.domain.decide import Decision
from prefcenter.storage.purging import purge_unconfirmed
from prefcenter.use_cases.decide_past import cursor_at, decide_past
from prefcenter.use_cases.decide_recipients import Answered, Question, Recipient
from prefcenter.use_cases.refusals import Refused
from tests.use_cases.histories import BEGIN, Put, Say, Tell, World, open_world

ADA, BO = "ada@example.com", "bo@example.com"
NEWSLETTER = ("newsletter", "email")
DAY = timedelta(days=1)


@pytest.fixture
async def world(tmp_path: Path, database_url: str) -> AsyncIterator[World]:
    """With the first catalog in force."""
    async with open_world(tmp_path, database_url) as world:
        await world.do(Put(catalog="first"))
        yield world


async def yes(world: World, address: str = ADA, where: tuple[str, str] = NEWSLETTER, **more: Any) -> None:
    given = {"source": Source.FORM, "proof": Proof.CONFIRMED, **more}
    await world.do(Say(address=address, action=Action.GIVE, where=where, **given))
    world.now += DAY


async def stop(world: World, address: str = ADA, where: tuple[str, str] = NEWSLETTER) -> None:
    said = Say(address=address, action=Action.WITHDRAW, source=Source.ONE_CLICK, where=where, link=True)
    await world.do(said)
    world.now += DAY


async def answers(
    world: World, at: datetime, *who: str, where: tuple[str, str] = NEWSLETTER
) -> list[Answered]:
    recipients = [Recipient(email=one) if "@" in one else Recipient(external_id=one) for one in who]
    question = Question(purpose=where[0], channel=where[1])
    found = decide_past(world.services, question, recipients, at, now=world.now)
    return [one async for one in found]


async def decision(
    world: World, at: datetime, who: str = ADA, where: tuple[str, str] = NEWSLETTER
) -> Decision:
    return (await answers(world, at, who, where=where))[0].decision


async def test_before_a_withdrawal_it_was_allowed_and_stays_so_for_ever(world: World) -> None:
    await yes(world)
    before = world.now - DAY / 2
    await stop(world)
    after = world.now
    await world.do(Put(catalog="one retired"))
    world.now += 400 * DAY
    await yes(world)
    await stop(world)
    for _ in range(2):
        given, withdrawn = await decision(world, before), await decision(world, after)
        assert (given.allowed, given.reason, given.since) == (True, "consent", BEGIN)
        assert (withdrawn.allowed, withdrawn.reason, withdrawn.since) == (False, "withdrawn", BEGIN + DAY)
        await world.do(Put(catalog="another channel"))
        world.now += DAY


async def test_a_moment_counts_from_the_microsecond_on(world: World) -> None:
    await yes(world)
    moment = world.now
    await stop(world)
    assert (await decision(world, moment - timedelta(microseconds=1))).allowed
    assert not (await decision(world, moment)).allowed


async def test_a_purpose_is_unknown_before_the_first_catalog_and_after_it_is_retired(world: World) -> None:
    digest = ("digest", "email")
    await yes(world, where=digest)
    world.now += DAY
    asked = world.now
    await world.do(Put(catalog="one retired"))
    retired = world.now
    world.now += DAY
    assert (await decision(world, BEGIN - DAY, where=digest)).reason == "unknown_purpose"
    assert (await decision(world, asked - timedelta(microseconds=1), where=digest)).allowed
    assert (await decision(world, retired, where=digest)).reason == "unknown_purpose"


async def test_the_future_is_refused_by_name(world: World) -> None:
    with pytest.raises(Refused) as refused:
        await decision(world, world.now + timedelta(seconds=1))
    assert [error.field for error in refused.value.errors] == ["at"]


async def test_a_rule_of_today_is_not_that_of_the_day(world: World) -> None:
    await world.do(Tell(address=ADA, external=None, facts="DE"))
    await yes(world)
    world.now += 90 * DAY
    before = world.now - DAY
    await world.do(Put(catalog="other rules"))
    world.now += DAY
    assert (await decision(world, before)).reason == "consent"
    assert (await decision(world, world.now)).reason == "expired"
    rules = [world.services.catalogs.as_of(at).rules for at in (BEGIN, before, world.now)]
    assert rules[0] == rules[1] != rules[2]


async def test_a_yes_to_a_version_is_a_yes_to_what_it_said_then(world: World) -> None:
    await yes(world)
    first = world.now
    await world.do(Put(catalog="another channel"))
    world.now += DAY
    then, now = await decision(world, first - DAY), await decision(world, world.now)
    assert (then.version, then.pending_version) == (1, None)
    assert (now.version, now.pending_version) == (1, 2)


async def test_facts_are_those_that_were_known_then(world: World) -> None:
    offers = ("offers", "email")
    for facts in ("DE", "customer", "new customer"):
        await world.do(Tell(address=ADA, external=None, facts=facts))
        world.now += DAY
    reasons = [(await decision(world, BEGIN + n * DAY, where=offers)).reason for n in range(3)]
    assert reasons == ["no_relationship", "no_relationship", "soft_opt_in"]
    missing = [(await decision(world, BEGIN + n * DAY, where=offers)).missing for n in range(2)]
    assert missing == [("relationship", "opt_out_offered"), ("opt_out_offered",)]


async def test_a_fact_that_was_erased_is_not_known_any_more(world: World) -> None:
    for facts in ("US", "adult"):
        await world.do(Tell(address=ADA, external=None, facts=facts))
        world.now += DAY
    news = ("news", "email")
    assert (await decision(world, BEGIN, where=news)).regime == "US"
    async with world.services.database.write() as tx:
        await tx.fetch("DELETE FROM payload WHERE seq = 1")
    assert (await decision(world, BEGIN, where=news)).regime == "STRICT"


async def test_whoever_was_not_known_yet_is_never_asked(world: World) -> None:
    await stop(world, BO)
    await world.do(Tell(address=BO, external="crm-1", facts="DE"))
    await yes(world, BO)
    for who in (BO, "crm-1", "crm-2", ADA):
        assert (await decision(world, BEGIN - DAY, who)).reason == "unknown_purpose"
    assert [(await decision(world, BEGIN, who)).reason for who in (BO, ADA)] == ["withdrawn", "never_asked"]
    assert [one.decision.reason for one in await answers(world, BEGIN, "crm-1", "crm-2")] == [
        "never_asked"
    ] * 2
    assert [one.decision.reason for one in await answers(world, world.now, BO, "crm-1")] == ["consent"] * 2


async def test_an_address_is_whose_it_was(world: World) -> None:
    """Bo takes the address that Ada left; her stop stays there, her yeses do not follow her."""
    await yes(world, ADA, external="crm-1")
    hers = world.now
    await world.do(Tell(address="new@example.com", external="crm-1", facts="DE"))
    world.now += DAY
    await yes(world, ADA, ("news", "email"), external="crm-2")
    assert (await decision(world, hers - DAY)).reason == "consent"
    assert (await decision(world, hers - DAY, "new@example.com")).reason == "never_asked"
    assert (await decision(world, world.now)).reason == "never_asked"
    assert (await decision(world, world.now, where=("news", "email"))).reason == "consent"
    assert (await decision(world, hers - DAY, "crm-1")).reason == "consent"
    assert (await decision(world, world.now, "crm-1")).reason == "never_asked"


async def test_a_stop_is_found_over_any_number_of_moves(world: World) -> None:
    addresses = [f"ada{n}@example.com" for n in range(6)]
    await world.do(Tell(address=addresses[0], external="crm-1", facts="DE"))
    world.now += DAY
    await stop(world, addresses[0])
    for address in addresses[1:]:
        await world.do(Tell(address=address, external="crm-1", facts="DE"))
        world.now += DAY
    for n, address in enumerate(addresses):
        moved = BEGIN + (n + 1) * DAY
        assert (await decision(world, moved, address)).reason == "withdrawn"
        assert (await decision(world, world.now, address)).reason == "withdrawn"


async def test_another_spelling_is_told_as_long_as_it_is_known(world: World) -> None:
    await yes(world, ADA, external="crm-1")
    await world.do(Tell(address="new@example.com", external="crm-1", facts="DE"))
    moved = world.now
    world.now += DAY
    now = (await answers(world, world.now, "New@example.com"))[0]
    then = await answers(world, moved - DAY / 2, ADA, "Ada@example.com")
    assert (now.decision.reason, now.matched) == ("never_asked", "spelling")
    assert [(one.decision.reason, one.matched) for one in then] == [("consent", None)] * 2


async def test_whoever_was_forgotten_is_in_the_way_of_nobody(world: World) -> None:
    """A request that nobody confirmed: once it has run out, the address is free for somebody else."""
    ask: dict[str, Any] = {"address": ADA, "source": Source.SYSTEM, "where": NEWSLETTER}
    await world.do(Say(action=Action.REQUEST, **ask))
    gone = (await world.person(ADA)).subject
    world.now += DAY
    await world.do(Say(action=Action.EXPIRE, **ask))
    assert await purge_unconfirmed(world.services.database, [gone]) == 1
    world.now += DAY
    free = world.now
    await yes(world, "Ada@example.com")
    for who in (ADA, "Ada@example.com", "ADA@example.com"):
        reasons = [(await decision(world, at, who)).reason for at in (BEGIN, free - DAY / 2, world.now)]
        assert reasons == ["requested", "never_asked", "consent"], who


async def test_what_is_unreadable_is_a_no_for_that_person_alone(world: World) -> None:
    await world.do(Tell(address=ADA, external=None, facts="DE"))
    await yes(world, ADA)
    await yes(world, BO)
    async with world.services.database.write() as tx:
        await tx.fetch("UPDATE payload SET sealed = $1 WHERE seq = 1", b"nonsense")
    with structlog.testing.capture_logs() as logs:
        found = await answers(world, world.now, BO, ADA, "no@address", BO)
    assert [one.decision.reason for one in found] == ["consent", "error", "invalid_address", "consent"]
    assert [entry["error"] for entry in logs] == ["CannotUnseal"]
    assert "ada" not in str(logs).lower()
    async with world.services.database.write() as tx:
        await tx.fetch("UPDATE ledger SET action = 'none' WHERE seq = 2")
    assert [one.decision.reason for one in await answers(world, world.now, ADA, BO)] == ["error", "consent"]


async def test_the_cursor_of_a_past_moment_is_the_head_of_then(world: World) -> None:
    assert await cursor_at(world.services, world.now) == 0
    for n in range(20):
        await yes(world, f"p{n}@example.com")
    assert [await cursor_at(world.services, BEGIN + n * DAY) for n in (-1, 0, 7, 19, 90)] == [0, 1, 8, 20, 20]


async def test_with_clocks_that_differ_the_cursor_leaves_nobody_out(world: World) -> None:
    """Another process, a minute behind, commits in between: what it recorded comes after the cursor again."""
    minute = timedelta(minutes=1)
    for n, moment in enumerate([BEGIN, BEGIN + 3 * minute, BEGIN + 2 * minute, BEGIN + 4 * minute]):
        world.now = moment
        await world.do(Tell(address=f"p{n}@example.com", external=None, facts="DE"))
    assert await cursor_at(world.services, BEGIN + 2 * minute) == 1
    assert await cursor_at(world.services, BEGIN + 3 * minute) == 3
    assert await cursor_at(world.services, BEGIN + 4 * minute) == 4
