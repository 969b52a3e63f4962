"""The database fails under load: no 200 without a commit, 503 meanwhile, and recovery without help."""

import asyncio
import random
import resource
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from email_hooks.signatures import new_secret
from tests.databases import postgres_copy, sqlite_copy
from tests.journeys.crowd import FORM, ONE_CLICK, Crowd, check_nothing_is_lost_or_doubled
from tests.journeys.http import Client
from tests.journeys.installation import Installation, installed
from tests.journeys.receiver import Receiver
from tests.postgres import PostgresServer

NO_LIMIT = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@pytest.fixture
async def on_postgres(
    postgres_server: PostgresServer, postgres_template: str, tmp_path: Path
) -> AsyncIterator[Installation]:
    copies = postgres_copy(postgres_server, postgres_template)
    async with installed(tmp_path, next(copies)) as made:
        yield made
    next(copies, None)


@pytest.fixture
async def on_sqlite(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path, sqlite_copy(sqlite_template, tmp_path)) as made:
        yield made


@pytest.mark.parametrize(
    "faults", [pytest.param(3, id="3-faults"), pytest.param(60, id="60-faults", marks=pytest.mark.torture)]
)
async def test_postgres_may_stop_and_crash_under_load(
    on_postgres: Installation,
    postgres_server: PostgresServer,
    receiver: Receiver,
    faults: int,
    record_property: Callable[[str, object], None],
) -> None:
    await on_postgres.add_webhook(receiver.url, new_secret(), events=["choice.recorded"])
    web, worker = await on_postgres.serve("--no-worker"), await on_postgres.work()
    crowd = Crowd(on_postgres)
    chance = random.Random(faults)

    async with crowd.clicking():
        for number in range(faults):
            await crowd.one_more_is_acknowledged()
            await asyncio.sleep(chance.uniform(0, 0.5))
            await asyncio.to_thread(postgres_server.stop if number % 2 else postgres_server.crash)
            await crowd.one_more_is_answered(503)
            acknowledged = crowd.replies[200]
            await crowd.one_more_is_answered(503)
            assert crowd.replies[200] == acknowledged, "a 200 without a database"
            # In this thread: PostgreSQL ends with the thread that started it.
            postgres_server.start()
            await crowd.one_more_is_acknowledged()

    assert set(crowd.replies) == {200, 503}
    assert crowd.retry_after == {"5"}
    assert not web.ended and not worker.ended
    # What could not be written down is sent again once its lease is over.
    await on_postgres.let_leases_run_out()
    # A long round of faults leaves tens of thousands of them.
    await on_postgres.deliveries_end(seconds=30 + len(crowd.clicks) / 100)
    unheard = await check_nothing_is_lost_or_doubled(on_postgres, crowd)
    deliveries = await on_postgres.rows("SELECT id, state FROM delivery")
    assert {state for _, state in deliveries} == {"confirmed"}
    assert len(deliveries) == len(crowd.clicks)
    assert receiver.bodies_by_id.keys() == {id_ for id_, _ in deliveries}
    assert all(len(bodies) == 1 for bodies in receiver.bodies_by_id.values())
    figures = {"faults": faults, "stops": len(crowd.clicks), "unavailable": crowd.replies[503]}
    for name, value in {**figures, "committed, not heard": unheard}.items():
        record_property(name, value)
        print(f"{name}: {value}")


@pytest.mark.parametrize("remembered", [True, False])
async def test_tools_are_told_to_come_back_while_postgres_is_away(
    on_postgres: Installation, postgres_server: PostgresServer, remembered: bool
) -> None:
    await on_postgres.serve("--no-worker")
    key = (await on_postgres.run("keys", "create", "shop", "--scope", "decisions:read")).strip()
    body = b'{"purpose": "newsletter", "recipients": [{"email": "ada@example.com"}]}'
    statuses = []
    async with Client(on_postgres.port) as client:

        async def ask(method: str, path: str, secret: str = key) -> None:
            reply = await client.send(method, path, body, authorization=f"Bearer {secret}")
            statuses.append((reply.status, reply.headers.get("retry-after")))

        await ask("POST", "/v1/decisions")
        await asyncio.to_thread(postgres_server.stop)
        # Keys seen within the last second are not looked up.
        await ask("POST", "/v1/decisions", key if remembered else "pc_seen_for_the_first_time")
        await ask("GET", on_postgres.stop_path("ada@example.com"))
        await ask("GET", "/readyz")
        postgres_server.start()
        await ask("POST", "/v1/decisions")

    assert statuses == [(200, None), (503, "5"), (503, "5"), (503, "5"), (200, None)]


async def test_a_full_disk_is_not_answered_with_200(on_sqlite: Installation) -> None:
    web = await on_sqlite.serve()
    crowd = Crowd(on_sqlite)
    await crowd.click(iter([f"before{n}@example.com" for n in range(10)]))

    async with Client(on_sqlite.port) as client:
        # The system refuses to let any file of this process grow, as a full disk does.
        resource.prlimit(web.pid, resource.RLIMIT_FSIZE, (1, NO_LIMIT[1]))
        refused = [
            await client.send(
                "POST", on_sqlite.stop_path(f"full{n}@example.com"), ONE_CLICK, content_type=FORM
            )
            for n in range(5)
        ]
        ready = await client.send("GET", "/readyz")
        shown = await client.send("GET", on_sqlite.stop_path("before1@example.com"))
        resource.prlimit(web.pid, resource.RLIMIT_FSIZE, NO_LIMIT)

    assert {(reply.status, reply.headers.get("retry-after")) for reply in refused} == {(503, "5")}
    assert ready.status in (200, 503) and shown.status == 200
    await crowd.click(iter([f"after{n}@example.com" for n in range(10)]))
    assert crowd.replies == {200: 22}
    await check_nothing_is_lost_or_doubled(on_sqlite, crowd)
