"""What holds for every provider: one odd value in any of its answers leads to no error but those promised."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from email_hooks import PROVIDERS, EventKind, Malformed, NotConfigured
from email_hooks.http import Ask, PushError, Reply, raise_for
from email_hooks.stand_ins.api import StandIn
from email_hooks.stand_ins.registry import STAND_INS

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NAMES = sorted(PROVIDERS)
ODD: list[Any] = [None, True, -1, 0, 1, 10**30, 1e308, "", "x", "é\n", [], [None], [[1]], {}, {"a": {}}]
PROMISED = (PushError, Malformed, NotConfigured)


class Odd:
    """The stand-in's answers, each with one value of its document replaced."""

    def __init__(self, stand_in: StandIn, place: int, value: Any) -> None:
        self._stand_in, self._place, self._value = stand_in, place, value
        self._asked = 0

    async def send(self, ask: Ask) -> Reply:
        self._asked += 1
        # A list must come to its end, however strange its pages are.
        assert self._asked < 200
        reply = self._stand_in.handle(ask)
        try:
            document = json.loads(reply.body)
        except ValueError:
            return reply
        places = list(_places(document))
        holder, key = places[self._place % len(places)] if places else (None, None)
        if holder is None:
            document = self._value
        else:
            holder[key] = self._value
        return Reply(status=reply.status, headers=reply.headers, body=json.dumps(document).encode())

    async def stream(self, ask: Ask) -> AsyncIterator[bytes]:
        reply = await self.send(ask)
        raise_for(reply)
        yield reply.body


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every holder and key or number in a document; the whole of it first."""
    yield None, None
    pairs = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in pairs if isinstance(document, dict | list) else ():
        yield document, key
        if isinstance(value, dict | list):
            yield from ((holder, one) for holder, one in _places(value) if holder is not None)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=150)
@given(place=st.integers(0, 60), value=st.sampled_from(ODD), stop=st.booleans())
async def test_an_odd_value_in_an_answer_is_an_error_that_was_promised_or_none(name, place, value, stop):
    provider = PROVIDERS[name]
    stand_in = STAND_INS[name](now=lambda: NOW)
    config = stand_in.config("https://api.example.com")
    for scope in stand_in.scopes:
        stand_in.know("ana@example.com")
        stand_in.hold("ben@example.com", scope, EventKind.UNSUBSCRIBED, NOW - timedelta(days=1))
        http = Odd(stand_in, place, value)
        with suppress(*PROMISED):
            await provider.push(http, config, scope, ["ana@example.com"], stop=stop)
        with suppress(*PROMISED):
            async for _ in provider.suppressed(http, config, scope):
                pass
    with suppress(*PROMISED):
        await provider.problems(Odd(stand_in, place, value), config)
