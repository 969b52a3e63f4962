"""What the worker does every so often, besides what is due."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from prefcenter.use_cases import expire, watch_floods
from prefcenter.use_cases.expire_confirmations import EVERY, expire_confirmations
from prefcenter.use_cases.services import Services

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Duty:
    """Done by one process `every` so often (table `duty`): `run` is given the time.

    It must be safe to break off at any moment, and to do again. What takes long is done in turns of a few
    seconds: `run` returns True where it is to be called again at once.
    """

    name: str
    every: timedelta
    run: Callable[[datetime], Awaitable[bool | None]]


def duties_of(services: Services) -> Sequence[Duty]:
    """All but the cleaning up, which needs no more than the database."""

    async def confirmations(now: datetime) -> None:
        unanswered, forgotten = await expire_confirmations(services, now)
        if unanswered or forgotten:
            log.info("requests ran out", unconfirmed=unanswered, people_forgotten=forgotten)

    async def clocks(now: datetime) -> bool:
        if more := await expire.expire(services, now):
            return more
        done = await expire.last_clocks(services)
        if done is not None and done.expired:
            log.info("yeses and relationships ran out", number=done.expired)
        return False

    async def floods(now: datetime) -> None:
        begun, over = await watch_floods.watch_floods(services, now)
        for one in begun:
            log.error(
                "a flood of stops; they count",
                connection=one.connection,
                stops_in_an_hour=one.stops,
                usual=round(one.usual),
            )
        for connection in over:
            log.info("the flood of stops is over", connection=connection)

    return (
        Duty("confirmations", EVERY, confirmations),
        Duty(expire.NAME, expire.EVERY, clocks),
        Duty("floods", watch_floods.EVERY, floods),
    )
