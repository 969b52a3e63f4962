"""Requests that nobody confirms run out, and whoever came by them alone is forgotten."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from prefcenter.domain.choices import Action, Source
from prefcenter.domain.mail_retries import CONFIRM_LIFE
from prefcenter.domain.purposes import ANY
from prefcenter.use_cases import expire_confirmations as expiring
from prefcenter.use_cases.expire_confirmations import expire_confirmations
from prefcenter.worker.duties import duties_of
from tests.web.asking import BO, Postbox, confirm, history, problems, recorded, request, request_all
from tests.web.site import ADA, Clock, Site

MOMENT = timedelta(microseconds=1)
OVER = CONFIRM_LIFE + MOMENT

OF_PEOPLE = ("subject", "contact_point", "fact", "external_id", "confirmation", "standing")


async def rows(site: Site, sql: str, *args: Any) -> Sequence[Any]:
    async with site.services.database.read() as tx:
        return [tuple(row) for row in await tx.fetch(sql, *args)]


async def counted(site: Site) -> dict[str, int]:
    return {table: (await rows(site, f"SELECT count(*) FROM {table}"))[0][0] for table in OF_PEOPLE}


async def expire(site: Site) -> tuple[int, int]:
    return await expire_confirmations(site.services, site.clock())


async def is_known(site: Site, address: str = BO) -> bool:
    return (await site.services.reader.people_at([site.prints(address)]))[0].subject is not None


async def test_a_request_runs_out_to_the_moment(site: Site, clock: Clock) -> None:
    born = clock()
    asked = await request(site)
    clock.now = born + CONFIRM_LIFE
    assert await expire(site) == (0, 0)
    assert (await site.decision(address=BO)).reason == "requested"

    clock.now = born + OVER
    assert await expire(site) == (1, 1)

    assert (await site.decision(address=BO)).reason == "never_asked"
    entries = await site.services.reader.changes(0, 100)
    expired = entries[-1]
    assert (expired.action, expired.source, expired.target) == (Action.EXPIRE, Source.SYSTEM, asked.entry)
    # However late the worker looks.
    assert expired.occurred_at == born + CONFIRM_LIFE
    assert await expire(site) == (0, 0)


async def test_whoever_came_by_the_request_alone_leaves_nothing_but_the_ledgers_rows(
    site: Site, clock: Clock
) -> None:
    before = await counted(site)
    evidence = await rows(site, "SELECT count(*) FROM payload")
    head = await site.head()
    await request_all(site, ["newsletter", "events"], facts={"country": "DE", "language": "de"})
    clock.pass_by(days=8)

    assert await expire(site) == (1, 1)

    assert await counted(site) == before
    assert await rows(site, "SELECT count(*) FROM payload") == evidence
    kept = await rows(site, "SELECT action, effect FROM ledger WHERE seq > $1 ORDER BY seq", head)
    assert [action for action, _ in kept] == ["fact", "request", "request", "expire", "expire"]
    assert not await is_known(site)
    assert await problems(site) == []


async def test_who_was_forgotten_can_ask_again_and_old_links_stay_void(site: Site, clock: Clock) -> None:
    postbox = Postbox(site)
    await request(site)
    old = await postbox.link()
    clock.pass_by(days=8)
    await expire(site)
    assert (await request(site)).reason == "needs_confirmation"
    assert (await site.client.get(old)).status_code == 410
    await confirm(site, await postbox.link())
    assert (await site.decision(address=BO)).allowed
    assert await problems(site) == []


@pytest.mark.parametrize("more", ["yes", "stop", "external id", "relationship", "known before", "asked anew"])
async def test_whoever_is_known_otherwise_stays(site: Site, clock: Clock, more: str) -> None:
    if more == "known before":
        await site.said(Action.WITHDRAW, "events", BO)
        clock.pass_by(days=1)
    since = clock().isoformat()
    facts = {"relationship": {"kind": "customer", "since": since}} if more == "relationship" else None
    await request(site, facts=facts, external_id="crm-7" if more == "external id" else None)
    if more == "yes":
        await site.said(Action.GIVE, "events", BO)
    if more == "stop":
        await site.said(Action.REFUSE, "events", BO)
    clock.pass_by(days=2)
    if more == "asked anew":
        await request(site)
    clock.pass_by(days=5, microseconds=1)
    assert await expire(site) == (1, 0)
    assert await is_known(site)
    if more == "asked anew":
        assert (await site.decision(address=BO)).reason == "requested"
        clock.pass_by(days=2)
        assert await expire(site) == (1, 1)
    assert await problems(site) == []


async def test_a_yes_over_an_objection_that_nobody_confirms_runs_out_and_the_person_stays(
    site: Site, clock: Clock
) -> None:
    await site.said(Action.OBJECT, ANY)
    clock.pass_by(days=1)
    assert (await site.said(Action.GIVE)).reason == "needs_confirmation"
    clock.pass_by(days=8)
    assert await expire(site) == (1, 0)
    assert (await site.decision()).reason == "all_marketing_stopped"
    assert await is_known(site, ADA)
    assert await problems(site) == []


async def test_what_was_confirmed_stays_and_only_the_question_goes(site: Site, clock: Clock) -> None:
    postbox = Postbox(site)
    await request(site)
    await confirm(site, await postbox.link())
    entries = len(await history(site))
    clock.pass_by(days=8)
    assert await expire(site) == (0, 0)
    assert (await counted(site))["confirmation"] == 0
    given = (await history(site))[-1]
    assert len(await history(site)) == entries and given.evidence is not None
    assert {"request", "requested_at", "confirmed_at", "mail_sha256"} <= given.evidence.keys()
    assert (await site.decision(address=BO)).allowed


async def test_what_was_answered_otherwise_is_not_told_as_run_out(site: Site, clock: Clock) -> None:
    await request(site)
    await site.said(Action.REFUSE, address=BO)
    await site.said(Action.GIVE, "events", BO)
    await request(site, "partner-offers")
    clock.pass_by(days=1)
    await site.said(Action.GIVE, "partner-offers", BO)
    clock.pass_by(days=8)
    head = await site.head()
    assert await expire(site) == (2, 0)
    expired = [entry.purpose for entry in await site.services.reader.changes(head, 100)]
    # A stop leaves the question open; the stop speaks first all the same.
    assert expired == ["newsletter"]
    assert (await site.decision(address=BO)).reason == "refused"
    assert (await site.decision("partner-offers", BO)).allowed


async def test_whoever_came_by_a_refused_request_is_forgotten_too(site: Site, clock: Clock) -> None:
    before = await counted(site)
    assert (await recorded(site, Action.REQUEST, "no-such-purpose")).reason == "unknown_purpose"
    assert await Postbox(site).deliver() == []
    assert await is_known(site)
    clock.pass_by(days=8)
    assert await expire(site) == (0, 1)
    assert await counted(site) == before
    assert await problems(site) == []


async def test_a_mail_that_never_went_out_is_not_sent_after_all(site: Site, clock: Clock) -> None:
    await request(site, external_id="crm-7")
    clock.pass_by(days=8)
    await expire(site)
    postbox = Postbox(site)
    assert await postbox.states() == {"dropped": 1}
    assert await postbox.deliver() == []


async def test_many_run_out_in_chunks(site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiring, "_CHUNK", 7)
    before = await counted(site)
    await asyncio.gather(*(request(site, address=f"p{number}@example.com") for number in range(30)))
    clock.pass_by(days=8)
    assert await expire(site) == (30, 30)
    assert await counted(site) == before
    assert await problems(site) == []


async def test_two_workers_at_once_end_each_request_once(site: Site, clock: Clock) -> None:
    await asyncio.gather(*(request(site, address=f"p{number}@example.com") for number in range(20)))
    clock.pass_by(days=8)
    head = await site.head()
    await asyncio.gather(expire(site), expire(site))
    expired = await site.services.reader.changes(head, 100)
    applied = [entry for entry in expired if entry.effect == "applied"]
    assert len(applied) == 20
    assert await problems(site) == []


async def test_the_worker_does_it_every_few_minutes(site: Site, clock: Clock) -> None:
    [duty] = [duty for duty in duties_of(site.services) if duty.name == "confirmations"]
    assert duty.every <= timedelta(minutes=5)
    await request(site)
    await duty.run(clock() + OVER)
    assert not await is_known(site)
