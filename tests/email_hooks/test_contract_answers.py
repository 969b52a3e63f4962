"""What holds for every provider on the way out: no answer breaks an adapter, or passes for an empty list."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_hooks import PROVIDERS, EventKind, HookEvent, Malformed, NotConfigured
from email_hooks.http import PushError, Reply, raise_for
from email_hooks.stand_ins.api import InMemory
from email_hooks.stand_ins.registry import STAND_INS

NAMES = sorted(PROVIDERS)
EVENT = HookEvent("any", EventKind.UNSUBSCRIBED, None, None, "ev-1", lookup="17", raw={})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


class Always:
    def __init__(self, reply):
        self.reply = reply

    async def send(self, ask):
        return self.reply

    async def stream(self, ask):
        raise_for(self.reply)
        yield self.reply.body


def connected(name):
    stand_in = STAND_INS[name](now=lambda: datetime(2026, 11, 24, 12, tzinfo=UTC))
    return stand_in, stand_in.config("https://api.example.com")


def listed_scopes(name, stand_in):
    kinds = PROVIDERS[name].capabilities.lists
    return [scope for scope in stand_in.scopes if scope.partition(":")[0] in kinds]


async def everything_asked(name, reply):
    """Every call of an adapter, with one answer for all; whatever is raised, it is one of the promised."""
    provider, (stand_in, config) = PROVIDERS[name], connected(name)

    async def listing(scope):
        return [one async for page in provider.suppressed(Always(reply), config, scope) for one in page]

    http = Always(reply)
    calls: list[Any] = [partial(listing, scope) for scope in listed_scopes(name, stand_in)[:2]]
    calls += [partial(provider.problems, http, config), partial(provider.look_up, http, config, EVENT)]
    for scope in stand_in.scopes[:2]:
        if scope.partition(":")[0] in provider.capabilities.stops:
            push = partial(provider.push, http, config, scope, ["ana@example.com"])
            calls += [partial(push, stop=True), partial(push, stop=False)]
    for call in calls:
        try:
            await call()
        except (PushError, Malformed, NotConfigured):
            continue


@pytest.mark.parametrize("name", NAMES)
@given(status=st.sampled_from([200, 202, 404, 409, 422, 503]), body=st.binary(max_size=40))
async def test_any_bytes_for_an_answer_come_to_an_error_of_ours_or_to_a_value(name, status, body):
    await everything_asked(name, Reply(status=status, body=body))


@pytest.mark.parametrize("name", NAMES)
@given(value=JSON)
async def test_any_json_for_an_answer_comes_to_an_error_of_ours_or_to_a_value(name, value):
    await everything_asked(name, Reply(status=200, body=msgspec.json.encode(value)))


@pytest.mark.parametrize("body", [b"", b"{}", b'{"error": "x"}', b"null", b"7", b"<html>"])
@pytest.mark.parametrize("name", NAMES)
async def test_an_error_that_came_with_a_200_is_no_empty_list(name, body):
    provider, (stand_in, config) = PROVIDERS[name], connected(name)
    for scope in listed_scopes(name, stand_in):
        with pytest.raises((PushError, Malformed)):
            async for _ in provider.suppressed(Always(Reply(status=200, body=body)), config, scope):
                raise AssertionError("a page came out of nothing")


@pytest.mark.parametrize("name", NAMES)
async def test_a_full_batch_of_returns_goes_in_one_call_of_push(name):
    provider, (stand_in, config) = PROVIDERS[name], connected(name)
    capabilities = provider.capabilities
    for scope in stand_in.scopes:
        if scope.partition(":")[0] not in capabilities.resumes:
            continue
        count = capabilities.batch if capabilities.batch_resumes is None else capabilities.batch_resumes
        addresses = [f"p{i}@example.com" for i in range(count)]
        http = InMemory(stand_in)
        for start in range(0, count, capabilities.batch):
            await provider.push(http, config, scope, addresses[start : start + capabilities.batch], stop=True)
        done = await provider.push(http, config, scope, addresses, stop=False)
        assert [one.address for one in done] == addresses
        assert not stand_in.held[scope]
