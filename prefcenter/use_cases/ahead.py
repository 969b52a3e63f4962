"""Work that goes on while what it brought is used: the database looks while we decide."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import TypeVar

#: More would only take the database from those who wait for one answer.
IN_FLIGHT = 2

T = TypeVar("T")
R = TypeVar("R")


async def ahead(parts: Iterable[T], work: Callable[[T], Awaitable[R]]) -> AsyncIterator[R]:
    """The results of `work` for each part, in order, with a few parts worked on at a time.

    `parts` is taken from as results are taken, so it may be a stream of any length.
    """
    running: deque[asyncio.Future[R]] = deque()
    try:
        for part in parts:
            running.append(asyncio.ensure_future(work(part)))
            if len(running) > IN_FLIGHT:
                yield await running.popleft()
        while running:
            yield await running.popleft()
    finally:
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)
