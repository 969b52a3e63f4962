"""What a provider must know is born with the choice, leaves in order, and ends as the newest word has it."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from prefcenter.domain.choices import Action, Cause, Source
from prefcenter.storage.levels import ECHOED, Claimed, Finished, echoes
from prefcenter.storage.units import ChoiceItem
from prefcenter.worker.pusher import LEASE
from tests.leveled import SCOPE, Leveled, leveled
from tests.storage.ledgers import STOP, fingerprints, item, known_as, unit

ADA, BO = "ada@example.com", "bo@example.com"
STOPPED, OPEN = True, False


@pytest.fixture
async def site(database_url: str) -> AsyncIterator[Leveled]:
    async with leveled(database_url, names=("main", "other")) as opened:
        await opened.ready()
        yield opened


async def claim(site: Leveled, resumes: int = 10) -> list[Claimed]:
    return await site.levels.claim("main", 10, site.clock(), LEASE, resumes=resumes)


async def finish(site: Leveled, claimed: list[Claimed], state: str = "confirmed", **more: timedelta) -> None:
    wait = more.get("wait")
    again = None if wait is None else site.clock() + wait
    await site.levels.finish(
        [Finished(claimed=one, state=state, retry_at=again) for one in claimed], site.clock()
    )


async def heard(site: Leveled, address: str, action: Action = Action.WITHDRAW) -> ChoiceItem:
    found = item(action, Source.PROVIDER, known_as(address))
    return ChoiceItem(ref=found.ref, choice=found.choice, heard=("main", SCOPE))


async def echo(site: Leveled, address: str, ago: timedelta = timedelta(0)) -> None:
    at = int(site.clock().timestamp() * 1_000_000)
    happened = at - int(ago.total_seconds() * 1_000_000)
    async with site.ledger.database.write() as tx:
        await tx.many(ECHOED, [("main", SCOPE, fingerprints(address).wide, True, happened, at)])


async def test_a_stop_is_born_in_its_own_transaction_for_each_connection(site: Leveled) -> None:
    await site.stops(ADA)
    for name in ("main", "other"):
        assert await site.level(ADA, name=name) == (STOPPED, "pending")
    assert await site.level(ADA, "group:11") is None


async def test_what_cannot_be_recorded_leaves_no_level(site: Leveled) -> None:
    broken = unit(item(*STOP, known_as(ADA)), now=site.clock(), companions=_refuses)
    with pytest.raises(ZeroDivisionError):
        await site.ledger.journal.record(broken)
    assert await site.states_of_levels() == {}


def _refuses(_: object) -> list[object]:
    raise ZeroDivisionError


async def test_a_stop_of_an_address_that_nobody_has_is_told_where_it_was_spoken(site: Leveled) -> None:
    spoken = known_as("nobody@example.com", create=False)
    await site.ledger.journal.record(unit(item(*STOP, spoken), now=site.clock()))
    [one] = await claim(site)
    assert (one.address, one.stopped, one.scope) == ("nobody@example.com", True, SCOPE)


async def test_a_stop_of_all_marketing_reaches_every_scope(site: Leveled) -> None:
    await site.stops(ADA, purpose="*", channel="*")
    for scope in (SCOPE, "group:11", "all"):
        assert await site.level(ADA, scope) == (STOPPED, "pending"), scope


async def test_a_yes_that_was_never_stopped_there_is_no_level(site: Leveled) -> None:
    await site.opens(ADA)
    assert await site.states_of_levels() == {}


async def test_what_was_heard_there_is_known_there_and_pushed_to_the_others(site: Leveled) -> None:
    await site.opens(ADA)
    await site.ledger.record(await heard(site, ADA), now=site.clock())
    assert await site.level(ADA) == (STOPPED, "confirmed")
    assert await site.level(ADA, name="other") == (STOPPED, "pending")
    assert await site.rows("sealed, confirmed_by", ADA) == [(None, "heard")]


async def test_a_bounce_heard_there_does_not_pass_for_a_stop_that_is_known_there(site: Leveled) -> None:
    await site.stops(ADA)
    bounced = item(Action.BOUNCE, Source.PROVIDER, known_as(ADA), "*")
    await site.ledger.record(
        ChoiceItem(ref=bounced.ref, choice=bounced.choice, heard=("main", SCOPE)), now=site.clock()
    )
    assert await site.level(ADA) == (STOPPED, "pending")
    assert Cause.BOUNCED in {one[0] for one in await site.ledger.rows("SELECT cause FROM stop")}


async def test_a_stop_heard_while_a_resume_is_on_its_way_is_pushed_after_it(site: Leveled) -> None:
    await site.stops(ADA)
    await finish(site, await claim(site))
    await site.opens(ADA)
    resume = await claim(site)
    assert [one.stopped for one in resume] == [False]
    await site.ledger.record(await heard(site, ADA), now=site.clock())
    await finish(site, resume)
    assert await site.level(ADA) == (STOPPED, "pending")
    [again] = await claim(site)
    assert (again.stopped, again.address) == (True, ADA)


async def test_a_newer_state_wins_while_one_is_in_flight(site: Leveled) -> None:
    await site.stops(ADA)
    stop = await claim(site)
    await site.opens(ADA)
    await finish(site, stop)
    assert await site.level(ADA) == (OPEN, "pending")
    resume = await claim(site)
    assert [one.stopped for one in resume] == [False]
    await finish(site, resume)
    assert await site.level(ADA) == (OPEN, "confirmed")
    assert await site.rows("sealed, confirmed = version", ADA) in ([(None, True)], [(None, 1)])


async def test_a_new_stop_does_not_wait_for_the_schedule_of_the_resume_before_it(site: Leveled) -> None:
    await site.stops(ADA)
    await finish(site, await claim(site))
    await site.opens(ADA)
    resume = await claim(site)
    await site.stops(ADA)
    await finish(site, resume, "pending", wait=timedelta(hours=20))
    [stop] = await claim(site)
    assert (stop.stopped, stop.attempts) == (True, 0)


async def test_stops_leave_before_resumes(site: Leveled) -> None:
    await site.stops(ADA)
    await finish(site, await claim(site))
    await site.opens(ADA)
    site.clock.pass_by(hours=1)
    await site.stops(BO)
    first, second = await claim(site), await claim(site)
    assert [(one.address, one.stopped) for one in (*first, *second)] == [(BO, True), (ADA, False)]


async def test_a_resume_waits_for_a_stop_of_the_same_address_that_is_on_its_way(site: Leveled) -> None:
    await site.stops(ADA)
    await finish(site, await claim(site))
    await site.opens(ADA)
    await site.stops(ADA, purpose="offers")
    [stop] = await claim(site)
    assert stop.scope == "group:11"
    assert await claim(site) == []
    await finish(site, [stop])
    assert [one.stopped for one in await claim(site)] == [False]


async def test_no_resume_is_claimed_where_none_may_leave(site: Leveled) -> None:
    await site.stops(ADA)
    await finish(site, await claim(site))
    await site.opens(ADA)
    assert await claim(site, resumes=0) == []


async def test_whoever_lost_the_lease_writes_nothing_down(site: Leveled) -> None:
    await site.stops(ADA)
    late = await claim(site)
    assert await claim(site) == []
    site.clock.now += LEASE
    mine = await claim(site)
    await finish(site, late)
    assert await site.level(ADA) == (STOPPED, "pending")
    await finish(site, mine)
    assert await site.level(ADA) == (STOPPED, "confirmed")


async def test_an_echo_confirms_what_was_sent(site: Leveled) -> None:
    await site.stops(ADA)
    await echo(site, ADA)
    assert await site.level(ADA) == (STOPPED, "pending"), "nothing was sent yet"
    await claim(site)
    await echo(site, ADA)
    assert await site.rows("state, confirmed_by, sealed", ADA) == [("confirmed", "echo", None)]


async def test_an_echo_of_an_earlier_stop_does_not_confirm_this_one(site: Leveled) -> None:
    await site.stops(ADA)
    site.clock.pass_by(days=2)
    [claimed] = await claim(site)
    await echo(site, ADA, ago=timedelta(days=1))
    await finish(site, [claimed], "pending", wait=timedelta(seconds=5))
    assert await site.level(ADA) == (STOPPED, "pending")


async def test_a_report_is_an_echo_until_a_later_resume_is_confirmed(site: Leveled) -> None:
    said = (SCOPE, fingerprints(ADA).wide, True)

    async def is_echo() -> bool:
        async with site.ledger.database.read() as tx:
            return said in await echoes(tx, "main", [said])

    await site.stops(ADA)
    assert not await is_echo()
    await finish(site, await claim(site))
    assert await is_echo()
    await site.opens(ADA)
    resume = await claim(site)
    assert await is_echo()
    await finish(site, resume)
    assert not await is_echo()


async def test_what_failed_is_replayed_and_a_new_stop_begins_it_again(site: Leveled) -> None:
    await site.stops(ADA, BO)
    await finish(site, await claim(site), "failed")
    assert await site.states_of_levels() == {"failed": 2, "pending": 2}
    assert await site.levels.replay("main", site.clock()) == 2
    assert len(await claim(site)) == 2


async def test_a_connection_is_worked_by_one_process(site: Leveled) -> None:
    now = site.clock()
    first = await site.states.lease("main", -1, now, now + LEASE)
    assert first is not None
    assert await site.states.lease("main", -1, now, now + LEASE) is None
    assert await site.states.lease("other", -1, now, now + LEASE) is not None
    # Kept by its token…
    kept = await site.states.lease("main", first.token, now, now + 2 * LEASE)
    assert kept is not None and kept.token == first.token
    # …taken over as it runs out, and then the first one finds it gone.
    taken = await site.states.lease("main", -1, now + 2 * LEASE, now + 3 * LEASE)
    assert taken is not None and taken.token > first.token
    assert await site.states.look(kept, "main") is None
    await site.states.let_go("main", first.token)
    assert await site.states.lease("main", -1, now + 2 * LEASE, now + 3 * LEASE) is None
    await site.states.let_go("main", taken.token)
    assert await site.states.lease("main", -1, now + 2 * LEASE, now + 3 * LEASE) is not None
