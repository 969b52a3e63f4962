"""Calls side by side."""

import asyncio

import pytest

from email_hooks.http import TryAgain
from email_hooks.together import AT_ONCE, each


async def test_results_come_in_the_order_of_the_items_and_few_are_under_way_at_once():
    under_way, most = 0, 0

    async def double(item: int) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(1 + item % 3):
            await asyncio.sleep(0)
        under_way -= 1
        return item * 2

    assert await each(range(11), double) == [item * 2 for item in range(11)]
    assert most == AT_ONCE


async def test_the_first_error_is_raised_and_nothing_begins_after_it():
    begun = []

    async def fail(item: int) -> None:
        begun.append(item)
        if item == 1:
            raise TryAgain("later")

    with pytest.raises(TryAgain):
        await each(range(20), fail)
    assert begun == list(range(AT_ONCE))
