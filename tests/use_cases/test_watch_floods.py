"""The alarm of a flood: raised once, kept while it lasts, cleared once it is as usual."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from prefcenter.bootstrap import open_services
from prefcenter.storage.connections import ConnectionStates
from prefcenter.storage.fields import to_micros
from prefcenter.use_cases.services import Services
from prefcenter.worker.duties import duties_of
from tests.api.client import settings_of

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
_STATE = (
    "INSERT INTO connection_state (name, state, snapshot, created_at) VALUES ($1, 'running', 'needed', $2)"
)
_EVENT = """
INSERT INTO hook_event (connection, event_key, body_digest, state, received_at, kind, first_seq, last_seq)
VALUES ($1, $2, $3, 'applied', $4, $5, $6, $6)
"""


class Flooding:
    """Two connections of which stops come in."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.number = 0
        [self.run] = [duty.run for duty in duties_of(services) if duty.name == "floods"]

    async def begin(self) -> None:
        async with self.services.database.write() as tx:
            for name in ("news", "other"):
                await tx.fetch(_STATE, name, to_micros(NOW))

    async def told(
        self,
        stops: int,
        received_at: datetime,
        connection: str = "news",
        kind: str = "unsubscribed",
        *,
        recorded: bool = True,
    ) -> None:
        async with self.services.database.write() as tx:
            for _ in range(stops):
                self.number += 1
                seq = self.number if recorded else None
                at = to_micros(received_at)
                await tx.fetch(_EVENT, connection, str(self.number), b"x", at, kind, seq)

    async def watch(self, now: datetime) -> list[tuple[str, str]]:
        """What was logged, and by which level."""
        with capture_logs() as logs:
            await self.run(now)
        return [(line["log_level"], line["connection"]) for line in logs]

    async def alarms(self) -> dict[str, tuple[str, datetime | None]]:
        states = await ConnectionStates(self.services.database).all()
        return {name: (one.alarm, one.alarm_at) for name, one in states.items() if one.alarm is not None}


@pytest.fixture
async def flooding(database_url: str, tmp_path: Path) -> AsyncIterator[Flooding]:
    async with open_services(settings_of(tmp_path, database_url)) as services:
        made = Flooding(services)
        await made.begin()
        yield made


async def test_a_flood_raises_one_alarm_which_stays_until_it_is_as_usual(flooding: Flooding) -> None:
    for days in range(1, 7):
        await flooding.told(10, NOW - days * timedelta(days=1))
    assert await flooding.watch(NOW) == []

    await flooding.told(101, NOW)
    assert await flooding.watch(NOW + MINUTE) == [("error", "news")]
    said, at = (await flooding.alarms())["news"]
    assert said.startswith("101 stops in an hour, where 9 are usual for a busy one")
    assert at == NOW + MINUTE

    # It goes on for hours, and never becomes what is usual.
    for hours in (1, 2, 3):
        await flooding.told(150, NOW + hours * HOUR)
        assert await flooding.watch(NOW + hours * HOUR + MINUTE) == []
    assert (await flooding.alarms())["news"] == (said, at)

    assert await flooding.watch(NOW + 4 * HOUR + MINUTE) == [("info", "news")]
    assert await flooding.alarms() == {}


async def test_one_connection_is_not_another(flooding: Flooding) -> None:
    await flooding.told(120, NOW, "other")
    assert await flooding.watch(NOW) == [("error", "other")]
    assert set(await flooding.alarms()) == {"other"}


async def test_what_stops_nobody_is_no_flood(flooding: Flooding) -> None:
    await flooding.told(120, NOW, kind="bounced_soft")
    await flooding.told(120, NOW, kind="ignored")
    await flooding.told(120, NOW, recorded=False)
    assert await flooding.watch(NOW) == []


async def test_the_hour_and_the_week_end_where_they_end(flooding: Flooding) -> None:
    await flooding.told(100, NOW - HOUR)
    assert await flooding.watch(NOW) == []
    assert await flooding.watch(NOW - timedelta(microseconds=1)) == [("error", "news")]


async def test_a_busy_week_makes_a_busy_hour_usual(flooding: Flooding) -> None:
    for days in range(1, 7):
        await flooding.told(20, NOW - days * timedelta(days=1))
    await flooding.told(150, NOW)
    assert await flooding.watch(NOW) == []
