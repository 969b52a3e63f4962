"""`/metrics`: what Prometheus reads, without a person in it, and the rules that are shipped for it."""

import asyncio
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from prefcenter.domain.choices import Action
from tests.databases import postgres_copy
from tests.hooked import Hooked
from tests.postgres import PostgresServer
from tests.web.site import Clock, Site, open_site, settings_for

ALERTS = (Path(__file__).parents[2] / "docs/alerts.yml").read_text()
OPERATING = (Path(__file__).parents[2] / "docs/operating.md").read_text()


async def scraped(site: Site) -> dict[str, float]:
    """The value of each series; time goes on, so that nothing kept is read."""
    site.clock.pass_by(seconds=6)
    answer = await site.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "ada" not in answer.text and "@" not in answer.text
    families = text_string_to_metric_families(answer.text)
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in families
        for sample in family.samples
    }


async def test_stops_are_counted_on_their_way(hooks: Hooked) -> None:
    await hooks.pushed("main")
    before = await scraped(hooks.site)
    assert before["prefcenter_levels main stop queued"] == 0
    assert before["prefcenter_oldest_unconfirmed_stop_seconds main"] == 0
    await hooks.site.said(Action.GIVE)
    await hooks.site.said(Action.WITHDRAW)
    queued = await scraped(hooks.site)
    assert queued["prefcenter_levels main stop queued"] == 1
    assert queued["prefcenter_levels_overdue main"] == 0
    assert queued["prefcenter_oldest_unconfirmed_stop_seconds main"] == 6
    hooks.site.clock.pass_by(days=40)
    late = await scraped(hooks.site)
    assert late["prefcenter_levels_overdue main"] == late["prefcenter_levels main stop overdue"] == 1
    assert late["prefcenter_levels main stop queued"] == 0
    async with hooks.site.services.database.write() as tx:
        await tx.fetch("UPDATE level SET state = 'failed' WHERE connection = 'main'")
    given_up = await scraped(hooks.site)
    assert given_up["prefcenter_levels main stop failed"] == given_up["prefcenter_levels_overdue main"] == 1
    async with hooks.site.services.database.write() as tx:
        await tx.fetch("UPDATE level SET state = 'pending' WHERE connection = 'main'")
    await hooks.pushed("main")
    done = await scraped(hooks.site)
    assert done["prefcenter_levels_overdue main"] == 0
    assert done["prefcenter_oldest_unconfirmed_stop_seconds main"] == 0
    assert done["prefcenter_levels_overdue other"] == 1


async def test_a_connection_says_how_it_is(hooks: Hooked) -> None:
    fine = await scraped(hooks.site)
    assert fine["prefcenter_connection_paused main"] == fine["prefcenter_connection_alarm main"] == 0
    assert fine["prefcenter_connection_breaker_open main"] == 0
    assert fine["prefcenter_connection_reconciled_timestamp_seconds main"] == 0
    assert fine["prefcenter_connection_paused broken"] == 1
    assert "prefcenter_connection_reconciled_timestamp_seconds broken" not in fine
    async with hooks.site.services.database.write() as tx:
        await tx.fetch(
            "UPDATE connection_state SET state = 'paused', alarm = 'a flood', "
            "reconciled_at = 1000000000000000 WHERE name = 'main'"
        )
        await tx.fetch("UPDATE connection_state SET open_until = 4000000000000000 WHERE name = 'other'")
    sick = await scraped(hooks.site)
    assert sick["prefcenter_connection_paused main"] == sick["prefcenter_connection_alarm main"] == 1
    assert sick["prefcenter_connection_reconciled_timestamp_seconds main"] == 1_000_000_000
    assert sick["prefcenter_connection_breaker_open other"] == 1
    assert sick["prefcenter_connection_breaker_open main"] == sick["prefcenter_connection_paused other"] == 0


async def test_what_waits_or_failed_is_counted_and_what_is_done_is_not(hooks: Hooked) -> None:
    async with hooks.site.services.database.write() as tx:
        for number, state in enumerate(("received", "aside", "aside", "applied"), 1):
            await tx.fetch(
                "INSERT INTO hook_event (connection, event_key, body_digest, state, received_at) "
                f"VALUES ('main', 'k{number}', $1, '{state}', 1)",
                b"d",
            )
        for number, state in enumerate(("pending", "failed", "failed", "sent"), 1):
            await tx.fetch(
                "INSERT INTO mail (id, kind, about, priority, state, attempts, created_at, next_at, token) "
                f"VALUES ('{number}', 'ask', 'x', 9, '{state}', 0, 1, 1, 0)"
            )
    found = await scraped(hooks.site)
    assert found["prefcenter_hook_events main received"] == 1
    assert found["prefcenter_hook_events main aside"] == 2
    assert found["prefcenter_hook_events other aside"] == 0
    assert (found["prefcenter_mails pending"], found["prefcenter_mails failed"]) == (1, 2)
    assert (found["prefcenter_deliveries pending"], found["prefcenter_deliveries failed"]) == (0, 0)
    assert found["prefcenter_mail_in_open"] == 0


async def test_the_answer_is_kept_for_a_few_seconds(hooks: Hooked) -> None:
    await scraped(hooks.site)
    first = (await hooks.site.client.get("/metrics")).text
    await hooks.site.said(Action.WITHDRAW)
    hooks.site.clock.pass_by(seconds=4)
    assert (await hooks.site.client.get("/metrics")).text == first
    hooks.site.clock.pass_by(seconds=2)
    assert (await hooks.site.client.get("/metrics")).text != first


async def test_a_connection_that_is_gone_from_the_file_alerts_nobody(hooks: Hooked) -> None:
    async with hooks.site.services.database.write() as tx:
        await tx.fetch("UPDATE connection_state SET name = 'gone' WHERE name = 'main'")
        await tx.fetch("UPDATE level SET connection = 'gone' WHERE connection = 'main'")
    found = await scraped(hooks.site)
    assert not any("gone" in name for name in found)
    assert found["prefcenter_connection_paused main"] == 0


async def test_while_the_database_is_away_the_scrape_fails(
    postgres_server: PostgresServer, postgres_template: str, tmp_path: Path
) -> None:
    copies = postgres_copy(postgres_server, postgres_template)
    async with open_site(settings_for(next(copies), tmp_path), Clock()) as site:
        assert (await site.client.get("/metrics")).status_code == 200
        site.clock.pass_by(seconds=6)
        await asyncio.to_thread(postgres_server.stop)
        assert (await site.client.get("/metrics")).status_code == 503
        postgres_server.start()
    next(copies, None)


@pytest.mark.parametrize("page", [ALERTS, OPERATING])
async def test_the_docs_name_only_metrics_that_there_are(hooks: Hooked, page: str) -> None:
    there = {name.split()[0] for name in await scraped(hooks.site)}
    named = set(re.findall(r"\bprefcenter_[a-z_]+", page))
    assert named <= there
    assert page is ALERTS or named == there
