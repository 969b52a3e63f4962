"""A crowd of mail programs that click at the same time, each until it is acknowledged."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count

from tests.journeys.http import Client, NoAnswer
from tests.journeys.installation import Installation
from tests.journeys.processes import until

ONE_CLICK = b"List-Unsubscribe=One-Click"
FORM = "application/x-www-form-urlencoded"
#: Mail programs come back after hours; these have no time.
AFTER_TROUBLE = 0.05  # seconds
FINISH_WITHIN = 45.0  # seconds


@dataclass
class Click:
    """One address's stop. `last_try` is when the try that was acknowledged began, or the newest one."""

    address: str
    path: str
    tries: int = 0
    acknowledged: int = 0
    last_try: datetime | None = None


class Crowd:
    """Every tenth address is clicked twice, as people do. `replies` counts the statuses; 0 is no answer."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._addresses = (f"p{n}@example.com" for n in count(1))
        self._stopping = False
        self.clicks: list[Click] = []
        self.replies: Counter[int] = Counter()
        self.retry_after: set[str | None] = set()

    @property
    def acknowledged(self) -> int:
        return sum(1 for click in self.clicks if click.acknowledged)

    async def click(self, addresses: Iterator[str], at_once: int = 16) -> None:
        """Click each address's link until it is acknowledged, so many at the same moment."""
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(self._clicks(addresses))

    @asynccontextmanager
    async def clicking(self, at_once: int = 24) -> AsyncIterator[None]:
        """Ever new addresses, until the block ends; then each finishes its own."""
        task = asyncio.create_task(self.click(self._until_stopped(), at_once))
        try:
            yield
        finally:
            self._stopping = True
            try:
                await asyncio.wait_for(task, FINISH_WITHIN)
            except TimeoutError:
                waiting = [click for click in self.clicks if not click.acknowledged]
                raise AssertionError(f"{self.replies}; not acknowledged: {waiting}") from None

    def _until_stopped(self) -> Iterator[str]:
        while not self._stopping:
            yield next(self._addresses)

    async def one_more_is_acknowledged(self) -> None:
        before = self.replies[200]

        async def more() -> bool:
            return self.replies[200] > before

        await until(more, "a click is acknowledged")

    async def one_more_is_answered(self, status: int) -> None:
        before = self.replies[status]

        async def more() -> bool:
            return self.replies[status] > before

        await until(more, f"an answer {status}")

    async def _clicks(self, addresses: Iterator[str]) -> None:
        async with Client(self._installation.port) as client:
            for address in addresses:
                click = Click(address, self._installation.stop_path(address))
                self.clicks.append(click)
                for _ in range(2 if len(self.clicks) % 10 == 0 else 1):
                    await self._until_acknowledged(client, click)

    async def _until_acknowledged(self, client: Client, click: Click) -> None:
        before = click.acknowledged
        while click.acknowledged == before:
            click.tries += 1
            click.last_try = datetime.now(UTC)
            try:
                reply = await client.send("POST", click.path, ONE_CLICK, content_type=FORM)
            except NoAnswer:
                self.replies[0] += 1
                await asyncio.sleep(AFTER_TROUBLE)
                continue
            self.replies[reply.status] += 1
            if reply.status == 200:
                click.acknowledged += 1
            else:
                assert reply.status == 503, f"{reply.status}: {reply.body[:200]!r}"
                self.retry_after.add(reply.headers.get("retry-after"))
                await asyncio.sleep(AFTER_TROUBLE)


async def check_nothing_is_lost_or_doubled(installation: Installation, crowd: Crowd) -> int:
    """Every acknowledged click is one entry and one stop, and there is no other; the ledger is whole.

    Returns how many clicks had been committed before a fault took the answer from them.
    """
    ledger = {
        bytes(wide): (number, newest)
        for wide, number, newest in await installation.rows(
            "SELECT wide, count(*), max(recorded_at) FROM ledger GROUP BY wide"
        )
    }
    stops = {
        bytes(wide) for (wide,) in await installation.rows("SELECT wide FROM stop WHERE cause = 'withdrawn'")
    }
    acknowledged = {installation.wide(click.address) for click in crowd.clicks if click.acknowledged}
    assert acknowledged <= ledger.keys(), f"{len(acknowledged - ledger.keys())} acknowledged stops are lost"
    assert acknowledged <= stops, f"{len(acknowledged - stops)} acknowledged stops do not stop"
    doubled = [wide for wide, (number, _) in ledger.items() if number > 1]
    assert not doubled, f"{len(doubled)} of {len(ledger)} stops are counted more than once"
    assert ledger.keys() <= {installation.wide(click.address) for click in crowd.clicks}
    [(entries, newest)] = await installation.rows("SELECT count(*), max(seq) FROM ledger")
    assert entries == newest == len(ledger), "the sequence has gaps"
    assert f"{entries} entries, 0 problems" in await installation.run("verify")
    unheard = 0
    for click in crowd.clicks:
        _, recorded_at = ledger.get(installation.wide(click.address), (0, 0))
        if click.tries > click.acknowledged > 0 and click.last_try is not None:
            unheard += recorded_at < click.last_try.timestamp() * 1_000_000
    return unheard
