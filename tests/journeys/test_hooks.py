"""A provider tells a real server in batches; the worker applies them, and a crash loses none."""

from collections.abc import Sequence
from datetime import UTC, datetime

from email_hooks.events import EventKind
from email_hooks.request import HookRequest
from email_hooks.stand_ins.api import Said
from email_hooks.stand_ins.sendgrid import SendGridStandIn
from tests.journeys.http import Client
from tests.journeys.installation import Installation
from tests.journeys.processes import until

CONNECTION = """
[connections.main]
provider = "sendgrid"
purposes = {{ newsletter = "group:10", "*" = "all" }}
api_key = "env:SENDGRID_KEY"
signing_key = "{key}"
"""
EVENTS = 1_000
BATCH = 100


def connected(installation: Installation) -> SendGridStandIn:
    stand_in = SendGridStandIn()
    config = stand_in.config("https://api.example.com")
    installation.more_environ["SENDGRID_KEY"] = config["api_key"]
    with (installation.folder / "prefcenter.toml").open("a") as file:
        file.write(CONNECTION.format(key=config["signing_key"]))
    return stand_in


def batches(stand_in: SendGridStandIn) -> list[HookRequest]:
    now = datetime.now(UTC)
    said = [
        Said(
            kind=EventKind.GROUP_UNSUBSCRIBED,
            address=f"someone{number}@example.com",
            scope="group:10",
            at=now,
            event_id=f"event-{number}",
        )
        for number in range(EVENTS)
    ]
    return [one for start in range(0, EVENTS, BATCH) for one in stand_in.tell(said[start : start + BATCH])]


async def post(installation: Installation, requests: Sequence[HookRequest]) -> list[int]:
    async with Client(installation.port) as client:
        return [
            (await client.send("POST", "/hooks/main", one.body, **dict(one.headers))).status
            for one in requests
        ]


async def test_batches_are_applied_once_although_the_server_is_killed_and_they_come_again(
    installation: Installation,
) -> None:
    stand_in = connected(installation)
    requests = batches(stand_in)
    web = await installation.serve("--no-worker")
    assert await post(installation, requests[:5]) == [200] * 5
    await web.kill()
    # Accepted, and not yet applied; now a worker is there, and is killed as it begins.
    web = await installation.serve()
    assert await post(installation, requests[3:]) == [200] * 7
    await web.kill()
    await installation.rows("UPDATE hook_event SET next_at = 0 WHERE state = 'received'")
    web = await installation.serve()
    assert await post(installation, requests) == [200] * 10

    async def applied() -> bool:
        return await installation.rows("SELECT state, count(*) FROM hook_event GROUP BY state") == [
            ("applied", EVENTS)
        ]

    await until(applied, "every event applied")
    assert await installation.rows("SELECT count(*) FROM ledger") == [(EVENTS,)]
    assert await installation.rows("SELECT count(DISTINCT wide) FROM stop") == [(EVENTS,)]
    forged = HookRequest(
        method="POST", url=requests[0].url, headers=requests[0].headers, body=requests[0].body + b" "
    )
    assert await post(installation, [forged]) == [401]
    assert "someone1" not in installation.output
    await web.stop()
