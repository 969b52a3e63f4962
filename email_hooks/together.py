"""Several calls at a time, where a provider takes one address per call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

#: Below the fewest connections that a provider allows (Mailchimp: 10), with two pushes under way.
AT_ONCE = 4

Item = TypeVar("Item")
Result = TypeVar("Result")


async def each(items: Sequence[Item], do: Callable[[Item], Awaitable[Result]]) -> list[Result]:
    """What `do` makes of each item, in their order, a few at a time. Raises the first error, and begins
    nothing after it."""
    done: list[Result] = []
    for start in range(0, len(items), AT_ONCE):
        group = await asyncio.gather(
            *(do(item) for item in items[start : start + AT_ONCE]), return_exceptions=True
        )
        for one in group:
            if isinstance(one, BaseException):
                raise one
            done.append(one)
    return done
