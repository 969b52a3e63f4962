"""Lists in one piece: read item by item, and never short without a word."""

import json

import pytest

from email_hooks import Malformed
from email_hooks.streaming import LONGEST_ITEM, PAGE, items_of


async def pieces(body, size=64):
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def pages(body, path="rows.item", size=64):
    return [page async for page in items_of(pieces(body, size), path)]


@pytest.mark.parametrize("size", [1, 7, 64, 1 << 20])
async def test_every_item_comes_however_the_body_is_cut(size):
    rows = [{"n": n, "s": "é"} for n in range(PAGE + 17)]
    read = await pages(json.dumps({"other": [1], "rows": rows}).encode(), size=size)
    assert [one for page in read for one in page] == rows


async def test_no_page_grows_beyond_its_size_and_what_one_piece_held():
    body = json.dumps(list(range(5 * PAGE))).encode()
    assert max(map(len, await pages(body, "item"))) <= PAGE + 64


async def test_a_list_that_ends_too_early_is_an_error_after_what_came():
    seen = []
    with pytest.raises(Malformed):
        async for page in items_of(pieces(json.dumps(list(range(3 * PAGE))).encode()[:-3]), "item"):
            seen += page
    assert seen == list(range(len(seen))) and len(seen) >= PAGE


async def test_an_empty_list_is_one():
    assert await pages(b'{"rows": [], "total": 0}') == []
    assert await pages(b" [ ] ", "item") == []


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"rows": {}}', b'{"rows": null}', b"x", b'{"rows": [], ']
)
async def test_what_has_no_such_list_is_an_error(body):
    with pytest.raises(Malformed):
        await pages(body)


async def test_a_long_answer_without_an_item_is_no_list_of_ours():
    with pytest.raises(Malformed):
        await pages(json.dumps({"junk": "x" * 100_000, "rows": []}).encode(), size=1 << 20)


async def test_an_item_without_an_end_is_no_list_long_before_the_memory_is_full():
    came = 0

    async def endless():
        nonlocal came
        yield b'{"rows": ["'
        while True:
            came += 1 << 20
            yield b"x" * (1 << 20)

    with pytest.raises(Malformed):
        [page async for page in items_of(endless(), "rows.item")]
    assert came <= LONGEST_ITEM + (2 << 20)
