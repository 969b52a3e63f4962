"""The clocks among everything else that goes on: who comes back, who is told, who breaks them off."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from prefcenter.domain.choices import Action, Source
from prefcenter.storage import running_out
from prefcenter.storage.database import StorageUnavailable
from prefcenter.storage.duties import claim_duty
from prefcenter.storage.endpoints import ADD_WEBHOOK, new_webhook, webhook_row
from prefcenter.use_cases import ended, expire
from prefcenter.worker.duties import duties_of
from tests.use_cases.clockwork import ADA, BO, CATALOG, Clockwork, override, utc, wound_up
from tests.use_cases.partners import catalog_of

NOW = utc(2026, 11, 23, 9)
LONG_AGO = utc(2020, 1, 1)
SECOND = timedelta(seconds=1)
Read = Callable[..., Awaitable[Any]]


@pytest.fixture
async def works(database_url: str, tmp_path: Path) -> AsyncIterator[Clockwork]:
    async with wound_up(database_url, tmp_path) as made:
        yield made


async def crowd(works: Clockwork, number: int) -> None:
    """People whose yes has run out by now."""
    for address in (f"p{n}@example.com" for n in range(number)):
        await works.facts(LONG_AGO, address, country="KR")
        await works.say(LONG_AGO, address=address)


async def expired(works: Clockwork) -> list[tuple[str, str]]:
    """Effect, and whose it is, of everything that the clocks ever recorded."""
    return [(e.effect, e.subject or "") for e in await works.changes() if e.action is Action.EXPIRE]


def after_reading(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, then: Callable[[], Awaitable[Any]]
) -> None:
    """Something else happens as soon as the clocks have read who ran out."""
    read: Read = getattr(module, name)

    async def reads(*args: Any, **more: Any) -> Any:
        found = await read(*args, **more)
        await then()
        return found

    monkeypatch.setattr(module, name, reads)


# --- who comes back at this very moment ---------------------------------------------------------------------


async def test_a_new_yes_between_reading_and_recording_goes_on(
    works: Clockwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    await crowd(works, 2)
    after_reading(monkeypatch, expire, "old_yeses", lambda: works.say(NOW, address="p0@example.com"))
    done = await works.look(NOW)
    assert done.expired == 1
    found = [(e.effect, e.reason) for e in await works.changes() if e.action is Action.EXPIRE]
    assert sorted(found, key=str) == [("applied", None), ("none", "not_the_newest")]
    assert (await works.decide(NOW, address="p0@example.com")).reason == "consent"
    assert (await works.decide(NOW, address="p1@example.com")).reason == "expired"


async def test_a_contact_between_reading_and_recording_keeps_the_yes(
    works: Clockwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    await works.facts(LONG_AGO, country="FR")
    await works.say(LONG_AGO)
    after_reading(monkeypatch, expire, "old_yeses", lambda: works.facts(NOW, last_contact_at=NOW.isoformat()))
    assert (await works.look(NOW)).expired == 0
    assert (await works.decide(NOW)).reason == "consent"


async def test_a_customer_who_buys_again_between_reading_and_recording_is_told_to_nobody_as_gone(
    works: Clockwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    await works.relationship(LONG_AGO, last_at=LONG_AGO)
    after_reading(monkeypatch, ended, "read_past", lambda: works.relationship(NOW, last_at=NOW))
    assert (await works.look(NOW)).expired == 0
    assert {effect for effect, _ in await expired(works)} == {"none"}
    assert (await works.decide(NOW, "offers")).reason == "implied_consent"


async def test_somebody_who_is_forgotten_between_reading_and_recording_is_left_alone(
    works: Clockwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    await crowd(works, 2)
    gone = (await works.person("p0@example.com")).subject

    async def forget() -> None:
        await works.rows("UPDATE contact_point SET subject_id = 'nobody' WHERE subject_id = $1", gone)

    after_reading(monkeypatch, expire, "old_yeses", forget)
    assert (await works.look(NOW)).expired == 1
    await works.rows("UPDATE contact_point SET subject_id = $1 WHERE subject_id = 'nobody'", gone)


# --- broken off, and done twice -----------------------------------------------------------------------------


@pytest.mark.parametrize("after", [1, 49, 50, 120])
async def test_clocks_that_are_broken_off_go_on_and_record_nothing_twice(
    works: Clockwork, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    await crowd(works, 130)
    await works.relationship(LONG_AGO, BO, last_at=LONG_AGO)
    record = works.services.journal.record
    left = after

    async def die(unit: Any) -> Any:
        nonlocal left
        if left == 0:
            raise StorageUnavailable("the lights went out")
        left -= 1
        return await record(unit)

    with monkeypatch.context() as dark:
        dark.setattr(works.services.journal, "record", die)
        with pytest.raises(StorageUnavailable):
            await works.look(NOW)
    await works.services.journal.close()
    before = await expired(works)
    assert len(before) == after

    await works.look(NOW + timedelta(minutes=2))
    found = await expired(works)
    assert {effect for effect, _ in found} == {"applied"}
    assert len(found) == 132 and len({who for _, who in found}) == 131


async def test_a_walk_goes_on_where_the_last_turn_ended(
    works: Clockwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_out, "CHUNK", 7)
    monkeypatch.setattr(running_out, "_SPAN", 11)
    monkeypatch.setattr(expire, "_READS", 2)
    await crowd(works, 40)
    for number in range(20):
        await works.relationship(LONG_AGO, f"c{number}@example.com", last_at=LONG_AGO)
    turns = 0
    told: list[int] = []
    while await expire.expire(works.services, NOW):
        turns += 1
        so_far = await expire.last_clocks(works.services)
        assert so_far is not None and so_far.is_under_way
        told.append(so_far.expired)
        # Whoever comes next within the lease finds it taken; after it they go on with it.
        assert not await claim_duty(works.services.database, expire.NAME, expire.EVERY, NOW + SECOND)
    assert turns > 5 and told == sorted(told) and told[0] < 40
    done = await expire.last_clocks(works.services)
    assert done is not None and done.expired == 80
    assert len(set(await expired(works))) == 60
    for later, mine in ((expire.EVERY - SECOND, False), (expire.EVERY, True)):
        assert await claim_duty(works.services.database, expire.NAME, expire.EVERY, NOW + later) is mine


async def test_two_walks_at_once_record_each_end_once(works: Clockwork) -> None:
    await crowd(works, 60)
    for number in range(20):
        await works.relationship(LONG_AGO, f"c{number}@example.com", last_at=LONG_AGO)

    async def walk() -> None:
        while await expire.expire(works.services, NOW):
            pass

    await asyncio.gather(walk(), walk())
    applied = [who for effect, who in await expired(works) if effect == "applied"]
    assert len(applied) == 60 + 2 * 20


# --- who is told --------------------------------------------------------------------------------------------


async def test_the_duty_keeps_what_it_came_to_as_json(works: Clockwork) -> None:
    await crowd(works, 3)
    await works.facts(NOW - timedelta(days=800), BO, country="DE")
    await works.say(NOW - timedelta(days=800), address=BO)
    [duty] = [one for one in duties_of(works.services) if one.name == "clocks"]
    assert duty.every == timedelta(hours=1)
    while await duty.run(NOW):
        pass
    [(kept,)] = await works.rows("SELECT result FROM duty WHERE name = 'clocks'")
    assert json.loads(kept) == {
        "expired": 3,
        "review_due": 1,
        "remind_due": 0,
        "at": "2026-11-23T09:00:00Z",
    }


async def test_a_tool_hears_of_what_ran_out_for_as_long_as_of_a_stop(works: Clockwork) -> None:
    events = ["choice.recorded", "standing.changed"]
    webhook = new_webhook(url="https://tool.example/hook", events=events, description="", now=LONG_AGO)
    vault = works.services.vault
    await works.facts(LONG_AGO, country="KR")
    yes = await works.say(LONG_AGO)
    await works.relationship(LONG_AGO, BO, last_at=LONG_AGO)
    async with works.services.database.write() as tx:
        await tx.many(ADD_WEBHOOK, [webhook_row(webhook, "whsec_c2VjcmV0", vault)])

    await works.look(NOW)

    told = [
        (event, bool(suppressing), json.loads(vault.unseal(body))["data"])
        for event, suppressing, body in await works.rows(
            "SELECT event, suppressing, body FROM delivery ORDER BY seq, event"
        )
    ]
    assert all(suppressing for _, suppressing, _ in told)
    choices = [(one["purpose"], one["action"], one["occurred_at"]) for e, _, one in told if e == events[0]]
    assert sorted(choices) == [
        ("news", "expire", "2022-01-01T00:00:00Z"),
        ("newsletter", "expire", "2022-01-01T00:00:00Z"),
        ("offers", "expire", "2022-01-01T00:00:00Z"),
    ]
    standings = [one for event, _, one in told if event == events[1]]
    assert {(one["purpose"], one["allowed"], one["reason"], one["status"]) for one in standings} == {
        (purpose, False, "expired", "ConsentExpired") for purpose in ("news", "newsletter", "offers")
    }
    assert yes.entry not in str(standings)


async def test_third_parties_hear_of_what_they_were_given_and_of_nothing_else(
    works: Clockwork,
) -> None:
    await works.apply(catalog_of(), utc(2018, 2, 1))
    await works.facts(LONG_AGO, country="KR")
    await works.say(LONG_AGO, purpose="partner-offers")
    await works.relationship(LONG_AGO, BO, last_at=LONG_AGO)
    # A former customer, imported when it was long over: the agency never had the address.
    await works.relationship(utc(2025, 1, 1), "cy@example.com", last_at=LONG_AGO)
    await works.look(NOW)
    tasks = await works.rows("SELECT subject_id, recipient, purpose FROM task ORDER BY purpose, recipient")
    ada, bo = (await works.person()).subject, (await works.person(BO)).subject
    assert tasks == [
        (bo, "agency", "joint-offers"),
        (ada, "other", "partner-offers"),
        (ada, "partner-inc", "partner-offers"),
    ]


# --- who is due ---------------------------------------------------------------------------------------------


async def test_what_is_due_is_counted_to_the_second_and_nothing_of_it_stops(works: Clockwork) -> None:
    await works.apply(override("KR", 'expires = "never"\nreview_due = 24\nremind_every = 12'), LONG_AGO)
    await works.facts(LONG_AGO, country="KR")
    await works.say(LONG_AGO)
    await works.say(LONG_AGO, channel="sms")
    for now, review, remind in (
        (utc(2021, 1, 1) - SECOND, 0, 0),
        (utc(2021, 1, 1), 0, 2),
        (utc(2022, 1, 1) - SECOND, 0, 2),
        (utc(2022, 1, 1), 2, 2),
        (utc(2022, 1, 1) + SECOND, 2, 2),
    ):
        done = await works.look(now)
        assert (done.expired, done.review_due, done.remind_due) == (0, review, remind), now
    assert (await works.decide(utc(2022, 1, 1))).review_due
    await works.say(utc(2022, 2, 1), Action.REAFFIRM)
    done = await works.look(utc(2022, 2, 1))
    assert (done.review_due, done.remind_due) == (1, 1)


@pytest.mark.parametrize("why", ["stopped", "bounced", "paused", "a child", "retired"])
async def test_nobody_is_due_who_may_not_be_sent_it_anyway(works: Clockwork, why: str) -> None:
    await works.facts(LONG_AGO, country="DE")
    await works.say(LONG_AGO, purpose="news")
    assert (await works.look(NOW)).review_due == 1
    if why == "stopped":
        await works.say(NOW, Action.WITHDRAW, "news", source=Source.PAGE)
    if why == "bounced":
        await works.say(NOW, Action.BOUNCE, "*", source=Source.PROVIDER)
    if why == "paused":
        await works.say(NOW, Action.DEFER, "news", until=NOW + timedelta(days=9))
    if why == "a child":
        await works.facts(NOW, age_band="under_13")
    if why == "retired":
        await works.apply(CATALOG.split("[purposes.news]")[0], NOW)
    assert (await works.look(NOW)).review_due == 0


# --- who cannot be made sense of ----------------------------------------------------------------------------


async def test_one_unreadable_person_does_not_stop_the_clocks_for_the_others(works: Clockwork) -> None:
    await crowd(works, 3)
    for address in (ADA, BO, "cy@example.com"):
        await works.relationship(LONG_AGO, address, last_at=LONG_AGO)
    ada, bo, p0 = [(await works.person(who)).subject for who in (ADA, BO, "p0@example.com")]
    facts = {
        who: (await works.rows("SELECT body FROM fact WHERE subject_id = $1", who))[0][0] for who in (ada, p0)
    }
    [(seq, sealed)] = await works.rows(
        "SELECT seq, sealed FROM payload WHERE seq = (SELECT seq FROM fact WHERE subject_id = $1)", bo
    )
    for who in facts:
        await works.rows("UPDATE fact SET body = 'nonsense' WHERE subject_id = $1", who)
    await works.rows("UPDATE payload SET sealed = $1 WHERE seq = $2", b"nonsense", seq)

    with capture_logs() as logs:
        assert (await works.look(NOW)).expired == 2 + 2

    told = [line["event"] for line in logs if line["log_level"] == "error"]
    # Once for each of the purposes.
    assert told == ["the clocks passed somebody over, whose data make no sense"] * 2
    assert "example.com" not in str(logs)
    for who, body in facts.items():
        await works.rows("UPDATE fact SET body = $1 WHERE subject_id = $2", body, who)
    await works.rows("UPDATE payload SET sealed = $1 WHERE seq = $2", sealed, seq)
    assert (await works.look(NOW)).expired == 1 + 2 * 2
