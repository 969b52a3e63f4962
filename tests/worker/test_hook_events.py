"""Applying what providers told: look-ups, visits, poison, leases, and any order."""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from email_hooks.events import EventKind, HookEvent
from email_hooks.http import Ask, Reply, TryAgain
from prefcenter.domain.choices import Action
from prefcenter.domain.heard import Find
from prefcenter.storage.database import StorageUnavailable
from prefcenter.storage.hook_events import LEASE, Finished, HookEvents
from prefcenter.storage.units import Unit
from prefcenter.use_cases.hear_events import hear
from prefcenter.use_cases.hear_one import About, Known, Told, work_out
from prefcenter.use_cases.keep_hooks import keep_hooks, read_event
from prefcenter.worker.hook_events import MOST_ASKING
from tests.hooked import Hooked, hooked
from tests.web.site import ADA, Clock

UNSUBSCRIBED = EventKind.GROUP_UNSUBSCRIBED


def an_event(number: int, address: str | None = ADA, **more: Any) -> HookEvent:
    event = HookEvent("postmark", UNSUBSCRIBED, address, None, f"id-{number}", scope="stream:broadcast")
    return event._replace(**more)


@dataclass
class Api:
    """A provider that answers as it is told to, in order; then always the last."""

    answers: list[Reply | Exception] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def send(self, ask: Ask) -> Reply:
        self.asked.append(ask.url)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def stream(self, ask: Ask) -> AsyncIterator[bytes]:
        yield (await self.send(ask)).body


@pytest.fixture
def api() -> Api:
    return Api([Reply(status=200, body=b'{"Email": "ada@example.com"}')])


@pytest.fixture
async def asked(database_url: str, tmp_path: Path, api: Api) -> AsyncIterator[Hooked]:
    async with hooked(database_url, tmp_path, Clock(), api) as opened:
        yield opened


async def keep(hooks: Hooked, *events: HookEvent, connection: str = "main") -> None:
    await keep_hooks(hooks.site.services, connection, events, hooks.site.clock())


async def test_an_address_that_the_event_lacks_is_looked_up(asked: Hooked, api: Api) -> None:
    await asked.site.said(Action.GIVE)
    await keep(asked, an_event(1, None, lookup="4711"))
    await asked.heard()
    assert api.asked == ["https://api.example.com/bounces/4711"]
    assert await asked.why_not() == "withdrawn"
    assert await asked.states() == ["applied"]
    ((wide,),) = await asked.rows("SELECT wide FROM hook_event")
    assert bytes(wide) == asked.site.prints(ADA).wide


async def test_a_look_up_that_fails_is_tried_again_and_in_the_end_set_aside(asked: Hooked, api: Api) -> None:
    api.answers.insert(0, TryAgain("no answer", retry_after=600.0))
    await keep(asked, an_event(1, None, lookup="4711"))
    await asked.heard()
    assert await asked.became() == [("received", "asked of it, no answer")]
    asked.site.clock.pass_by(seconds=599)
    await asked.heard()
    assert await asked.states() == ["received"]
    asked.site.clock.pass_by(seconds=2)
    await asked.heard()
    assert await asked.states() == ["applied"]


async def test_a_look_up_that_never_works_ends_loudly(
    asked: Hooked, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    api.answers = [Reply(status=401)]
    await keep(asked, an_event(1, None, lookup="4711"))
    for _ in range(8):
        await asked.heard()
        asked.site.clock.pass_by(days=2)
    assert await asked.became() == [("aside", "asked of it, answered 401")]
    assert "a hook event is set aside" in "".join(capsys.readouterr())


async def test_a_look_up_that_finds_nothing_is_set_aside(asked: Hooked, api: Api) -> None:
    api.answers = [Reply(status=404)]
    await keep(asked, an_event(1, None, lookup="4711"))
    await asked.heard()
    assert await asked.became() == [("aside", "asked of it, answered 404")]


async def test_more_look_ups_than_there_is_room_for_wait_and_hold_up_no_other(
    asked: Hooked, api: Api
) -> None:
    lacking = [an_event(number, None, lookup=str(number)) for number in range(MOST_ASKING + 5)]
    await keep(asked, *lacking, an_event(999, "bo@example.com"))
    await asked.heard()
    states = await asked.states()
    assert (states.count("applied"), states.count("received")) == (MOST_ASKING + 1, 5)
    asked.site.clock.pass_by(seconds=6)
    await asked.heard()
    assert set(await asked.states()) == {"applied"}
    assert {row[0] for row in await asked.rows("SELECT attempts FROM hook_event")} == {1}


async def test_what_completes_a_set_up_is_visited_once(asked: Hooked, api: Api) -> None:
    visit = "https://sns.example.com/?Action=ConfirmSubscription"
    await keep(asked, an_event(1, None, kind=EventKind.IGNORED, visit=visit))
    await asked.heard()
    await asked.heard()
    assert api.asked == [visit]
    assert await asked.states() == ["noted"]


async def test_a_poison_event_is_set_aside_and_the_rest_of_its_batch_goes_on(
    hooks: Hooked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poisoned(about: About, known: Known, find: Find, now: datetime) -> Unit | Finished:
        if about.told.event.event_id == "id-13":
            raise KeyError("ada@example.com")
        return work_out(about, known, find, now)

    monkeypatch.setattr("prefcenter.use_cases.hear_events.work_out", poisoned)
    await keep(hooks, *(an_event(number, f"someone{number}@example.com") for number in range(30)))
    for _ in range(5):
        await hooks.heard()
        hooks.site.clock.pass_by(minutes=2)
    states = await hooks.became()
    assert states.count(("aside", "KeyError")) == 1
    assert [state for state, _ in states].count("applied") == 29


async def test_a_batch_may_be_larger_than_a_claim(hooks: Hooked) -> None:
    await keep(hooks, *(an_event(number, f"someone{number}@example.com") for number in range(700)))
    await hooks.heard()
    assert await hooks.states() == ["applied"] * 700
    assert await hooks.site.head() == 700


async def test_what_a_dead_worker_held_is_applied_once_its_lease_is_over(hooks: Hooked) -> None:
    await keep(hooks, an_event(1))
    queue = HookEvents(hooks.site.services.database, hooks.site.services.vault)
    assert len(await queue.claim(10, hooks.site.clock())) == 1
    await hooks.heard()
    assert await hooks.states() == ["received"]
    hooks.site.clock.pass_by(seconds=LEASE.total_seconds() + 1)
    await hooks.heard()
    assert await hooks.states() == ["applied"]


async def test_a_worker_whose_lease_ran_out_changes_nothing_any_more(hooks: Hooked) -> None:
    site = hooks.site
    await keep(hooks, an_event(1))
    services = site.services
    queue = HookEvents(services.database, services.vault)
    (slow,) = await queue.claim(10, site.clock())
    site.clock.pass_by(seconds=LEASE.total_seconds() + 1)
    await hooks.heard()
    site.clock.pass_by(minutes=30)
    await site.said(Action.GIVE)
    before = await hooks.rows("SELECT state, first_seq, last_seq, token FROM hook_event")
    assert slow.body is not None
    await hear(services, queue, [Told(slow, read_event(slow.body))], site.clock())
    assert await hooks.why_not() == "consent"
    assert await hooks.rows("SELECT state, first_seq, last_seq, token FROM hook_event") == before


async def test_a_worker_without_a_database_loses_nothing(hooks: Hooked) -> None:
    await keep(hooks, *(an_event(number, f"someone{number}@example.com") for number in range(20)))
    database = hooks.site.services.database
    queue = HookEvents(database, hooks.site.services.vault)
    claimed = await queue.claim(100, hooks.site.clock())
    told = [Told(one, read_event(one.body or b"")) for one in claimed]
    await database.close()
    with pytest.raises(StorageUnavailable):
        await hear(hooks.site.services, queue, told, hooks.site.clock())
    await database.open()
    hooks.site.clock.pass_by(minutes=2)
    await hooks.heard()
    assert await hooks.states() == ["applied"] * 20


async def test_what_cannot_be_opened_waits_for_the_key_then_is_set_aside(hooks: Hooked) -> None:
    await keep(hooks, an_event(1))
    async with hooks.site.services.database.write() as tx:
        await tx.fetch("UPDATE hook_event SET body = $1", b"sealed with something else")
    await hooks.heard()
    assert [state for state, _ in await hooks.became()] == ["received"]
    for _ in range(8):
        hooks.site.clock.pass_by(days=2)
        await hooks.heard()
    ((state, reason),) = await hooks.became()
    assert state == "aside"
    assert reason is not None
    assert "PREFCENTER_SECRET_KEYS" in reason


async def test_days_late_and_in_any_order_the_newest_word_counts(hooks: Hooked) -> None:
    """A yes counts unless something was said after it, or at most 5 minutes before it."""
    site, chance = hooks.site, random.Random(4)
    began = site.clock()
    reports, yeses = [], {}
    for number in range(40):
        address = f"someone{number}@example.com"
        times = sorted(began + timedelta(minutes=chance.randrange(0, 600)) for _ in range(3))
        reports += [an_event(10 * number + i, address, occurred_at=at) for i, at in enumerate(times)]
        yeses[address] = (times, began + timedelta(minutes=chance.randrange(0, 600)))
    for address, (_, at) in sorted(yeses.items(), key=lambda one: one[1][1]):
        site.clock.now = max(site.clock.now, at)
        await site.said(Action.GIVE, address=address)
    site.clock.pass_by(days=3)
    chance.shuffle(reports)
    for start in range(0, len(reports), 7):
        await keep(hooks, *reports[start : start + 7], *reports[max(0, start - 3) : start])
        await hooks.heard()
        site.clock.pass_by(hours=5)
    for address, (times, yes) in yeses.items():
        stopped = any(at + timedelta(minutes=5) >= yes for at in times)
        assert await hooks.why_not(address=address) == ("withdrawn" if stopped else "consent"), address
