"""Lists that a provider sends in one piece, read item by item: memory stays flat however long they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import ijson

from email_hooks.errors import Malformed
from email_hooks.reading import json_of

#: Items handed on at a time.
PAGE = 1000
#: Bytes in which there must be an item: a list whose items do not end is none.
LONGEST_ITEM = 4 * 1024 * 1024
#: Bytes in which a document without any item has to end.
_EMPTY = 64 * 1024


async def items_of(chunks: AsyncIterator[bytes], path: str) -> AsyncIterator[list[Any]]:
    """The items of the array at `path` of a JSON document (`ijson`'s words: "Suppressions.item"), page by
    page. Raises Malformed for what is no JSON, ends too early, or has no such array: an error that came with
    a 200 is no empty list."""
    found = ijson.sendable_list()
    parser = ijson.items_coro(found, path, use_float=True)
    seen, start = False, b""
    known, since = 0, 0
    try:
        async for chunk in chunks:
            parser.send(chunk)
            seen = seen or bool(found)
            since = since + len(chunk) if len(found) == known else 0
            known = len(found)
            if since > LONGEST_ITEM:
                raise Malformed(f"the list goes on for {LONGEST_ITEM} bytes without an item")
            if not seen and len(start) <= _EMPTY:
                start += chunk
            if len(found) >= PAGE:
                yield list(found)
                del found[:]
                known = 0
        parser.close()
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise Malformed("the list is not JSON, or ends too early") from error
    if not seen and not found:
        _require_array(start, path)
    if found:
        yield list(found)


def _require_array(body: bytes, path: str) -> None:
    value = json_of(body) if len(body) <= _EMPTY else None
    for name in path.split(".")[:-1]:
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, list):
        raise Malformed("the list is missing in the answer")
