"""What holds for every provider: the contract of an adapter, held against its stand-in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_hooks import (
    PROVIDERS,
    EventKind,
    HookError,
    HookRequest,
    Malformed,
    NotAuthentic,
    NotConfigured,
    receive,
)
from email_hooks.http import Ask, NotAllowed, Refused, Reply, TryAgain
from email_hooks.provider import Provider
from email_hooks.stand_ins.api import InMemory, Said, StandIn
from email_hooks.stand_ins.registry import STAND_INS
from tests.email_hooks import tampering

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NAMES = sorted(PROVIDERS)
SIGNED = [name for name in NAMES if PROVIDERS[name].capabilities.signed]
UNSIGNED = [name for name in NAMES if not PROVIDERS[name].capabilities.signed]
STOPS = {EventKind.UNSUBSCRIBED, EventKind.GROUP_UNSUBSCRIBED}

Made = Callable[..., StandIn]
name_of = attrgetter("__name__")


@pytest.fixture
def made() -> Made:
    def make(name: str, **settings: Any) -> StandIn:
        return STAND_INS[name](now=lambda: NOW, **settings)

    return make


def one_stop(stand_in: StandIn, **settings: Any) -> HookRequest:
    (request,) = stand_in.tell([said()._as(stand_in)], **settings)
    return request


class said:
    """An opt-out of Ana's, on the first scope of a stand-in."""

    def __init__(self, address: str = "ana@example.com", event_id: str = "ev-1") -> None:
        self.address, self.event_id = address, event_id

    def _as(self, stand_in: StandIn) -> Said:
        return Said(
            kind=EventKind.GROUP_UNSUBSCRIBED,
            address=self.address,
            scope=stand_in.scopes[0],
            at=NOW - timedelta(seconds=30),
            event_id=self.event_id,
        )


def test_every_provider_has_a_stand_in():
    assert set(STAND_INS) == set(PROVIDERS)


@pytest.mark.parametrize("name", NAMES)
def test_an_authentic_opt_out_is_heard_with_its_address_time_scope_and_id(name, made):
    stand_in = made(name)
    (event,) = receive(name, one_stop(stand_in), stand_in.config("https://api.example.com"), NOW)
    assert event.provider == name
    assert event.kind in STOPS
    assert event.address == "ana@example.com" or event.lookup
    assert event.occurred_at == NOW - timedelta(seconds=30)
    assert event.scope == stand_in.scopes[0]
    assert event.event_id
    assert event.problem is None


@pytest.mark.parametrize("name", NAMES)
def test_the_same_event_has_the_same_id_at_every_repetition_and_another_event_another(name, made):
    stand_in = made(name)
    config = stand_in.config("https://api.example.com")

    def id_of(event_id: str, address: str, sent_at: datetime) -> str:
        (request,) = stand_in.tell([said(address, event_id)._as(stand_in)], sent_at=sent_at)
        return receive(name, request, config, NOW)[0].event_id

    first = id_of("ev-1", "ana@example.com", NOW)
    assert id_of("ev-1", "ana@example.com", NOW) == first
    assert id_of("ev-2", "ben@example.com", NOW) != first


@pytest.mark.parametrize("name", NAMES)
def test_a_request_without_credentials_is_not_authentic(name, made):
    stand_in = made(name)
    request = tampering.without_credentials(one_stop(stand_in))
    with pytest.raises(HookError):
        receive(name, request, stand_in.config("https://api.example.com"), NOW)


@pytest.mark.parametrize("name", NAMES)
def test_a_request_of_somebody_with_other_secrets_is_not_authentic(name, made):
    forged = one_stop(made(name, key="2"))
    with pytest.raises(NotAuthentic):
        receive(name, forged, made(name).config("https://api.example.com"), NOW)


@pytest.mark.parametrize("other", NAMES)
@pytest.mark.parametrize("name", NAMES)
def test_the_credentials_of_another_provider_open_nothing(name, other, made):
    if name == other:
        return
    foreign = one_stop(made(other))
    with pytest.raises(HookError):
        receive(name, foreign, made(name).config("https://api.example.com"), NOW)


@pytest.mark.parametrize("spoil", [tampering.doubled, tampering.odd_headers], ids=name_of)
@pytest.mark.parametrize("name", NAMES)
def test_headers_that_came_twice_or_are_no_ascii_are_refused_or_play_no_part(name, spoil, made):
    stand_in = made(name)
    request = one_stop(stand_in)
    config = stand_in.config("https://api.example.com")
    try:
        events = receive(name, spoil(request), config, NOW)
    except HookError:
        return
    # The credentials are not in the headers: they are in the body, or in the query.
    bare = replace(request, headers={})
    assert [event.address for event in events] == [e.address for e in receive(name, bare, config, NOW)]


@pytest.mark.parametrize("spoil", [tampering.truncated, tampering.not_utf8], ids=name_of)
@pytest.mark.parametrize("name", NAMES)
def test_a_body_that_is_cut_off_or_no_text_is_refused(name, spoil, made):
    stand_in = made(name)
    try:
        events = receive(name, spoil(one_stop(stand_in)), stand_in.config("https://api.example.com"), NOW)
    except HookError:
        return
    # A form has no end: what is left of it says less, and never something about somebody else.
    assert name in UNSIGNED and all(event.address in (None, "ana@example.com") for event in events)


@pytest.mark.parametrize("name", SIGNED)
def test_a_signature_of_long_ago_or_of_the_future_is_stale_where_its_time_is_signed(name, made):
    stand_in = made(name)
    config = stand_in.config("https://api.example.com") | {"tolerance": 300}
    for away in (timedelta(hours=-1), timedelta(hours=1)):
        requests = stand_in.tell([said()._as(stand_in)], sent_at=NOW + away)
        if not stand_in.signs_time:
            assert receive(name, requests[0], config, NOW)
            continue
        with pytest.raises(NotAuthentic):
            receive(name, requests[0], config, NOW)


@pytest.mark.parametrize("name", SIGNED)
def test_a_body_that_was_decoded_and_encoded_again_no_longer_fits_its_signature(name, made):
    stand_in = made(name)
    if not stand_in.signs_body:
        return
    request = one_stop(stand_in)
    config = stand_in.config("https://api.example.com")
    for spoil in (tampering.reserialized, tampering.flipped):
        with pytest.raises(HookError):
            receive(name, spoil(request), config, NOW)


@pytest.mark.parametrize("empty", ["", " ", [], ["", "x"]], ids=repr)
@pytest.mark.parametrize("name", NAMES)
def test_an_empty_secret_lets_nobody_in(name, empty, made):
    stand_in = made(name)
    config = stand_in.config("https://api.example.com")
    for secret in ("signing_key", "basic", "secret", "topics"):
        if secret in config:
            with pytest.raises(NotConfigured):
                receive(name, one_stop(stand_in), config | {secret: empty}, NOW)


@pytest.mark.parametrize("name", NAMES)
def test_without_any_secret_nothing_is_let_through(name, made):
    stand_in = made(name)
    with pytest.raises(NotConfigured):
        receive(name, one_stop(stand_in), {}, NOW)


@pytest.mark.parametrize("name", NAMES)
def test_an_event_that_nobody_knows_is_ignored(name, made):
    stand_in = made(name)
    events = receive(name, stand_in.unknown(), stand_in.config("https://api.example.com"), NOW)
    assert {event.kind for event in events} <= {EventKind.IGNORED}


@pytest.mark.parametrize("name", NAMES)
def test_many_events_are_all_heard_however_many_requests_they_take(name, made):
    stand_in = made(name)
    events = [said(f"{i}@example.com", f"ev-{i}")._as(stand_in) for i in range(40)]
    config = stand_in.config("https://api.example.com")
    heard = [event for request in stand_in.tell(events) for event in receive(name, request, config, NOW)]
    assert len({event.event_id for event in heard}) == 40
    addressed = {event.address for event in heard if event.lookup is None}
    assert addressed <= {one.address for one in events} and len(heard) == 40


@pytest.mark.parametrize("name", NAMES)
@given(body=st.binary(max_size=300), query=st.text(max_size=40), value=st.text(max_size=60))
def test_any_bytes_come_to_a_hook_error_or_to_events(name, body, query, value):
    stand_in = STAND_INS[name](now=lambda: NOW)
    request = one_stop(stand_in)
    headers = [(key, value) for key, _ in request.pairs()]
    config = stand_in.config("https://api.example.com")
    for one in (
        replace(request, body=body),
        replace(request, headers=headers),
        HookRequest(method="POST", url=f"https://example.com/hooks/main?{query}", headers=headers, body=body),
    ):
        try:
            receive(name, one, config, NOW)
        except HookError:
            continue


# -- out ----------------------------------------------------------------------------------------------------


class Failing:
    """A provider that answers everything the same way."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply

    async def send(self, ask: Ask) -> Reply:
        return self.reply

    async def stream(self, ask: Ask) -> Any:
        yield self.reply.body


async def listed(provider: Provider, stand_in: StandIn, config: Any, scope: str) -> set[str]:
    pages = provider.suppressed(InMemory(stand_in), config, scope)
    return {one.address.lower() async for page in pages for one in page}


def scopes_of(stand_in: StandIn, kinds: frozenset[str]) -> list[str]:
    return [scope for scope in stand_in.scopes if scope.partition(":")[0] in kinds]


@pytest.mark.parametrize("name", NAMES)
async def test_a_pushed_stop_is_in_force_there_and_a_resume_ends_it(name, made):
    stand_in, provider = made(name), PROVIDERS[name]
    config, http = stand_in.config("https://api.example.com"), InMemory(stand_in)
    for scope in scopes_of(stand_in, provider.capabilities.stops):
        addresses = ["ana+news@example.com", "o'neil/#%?@example.com"][: provider.capabilities.batch]
        if scope.partition(":")[0] in stand_in.of_contacts:
            for address in addresses:
                stand_in.know(address)
        done = await provider.push(http, config, scope, addresses, stop=True)
        assert [(one.address, one.refused) for one in done] == [(address, None) for address in addresses]
        assert set(addresses) <= set(stand_in.held[scope])
        await provider.push(http, config, scope, addresses, stop=True)
        if scope.partition(":")[0] in provider.capabilities.resumes:
            for _ in range(2):
                done = await provider.push(http, config, scope, addresses, stop=False)
                assert all(one.refused is None for one in done)
            assert not set(addresses) & set(stand_in.held[scope])


@pytest.mark.parametrize("name", NAMES)
async def test_a_full_batch_goes_in_one_call_of_push(name, made):
    stand_in, provider = made(name), PROVIDERS[name]
    config = stand_in.config("https://api.example.com")
    scope = scopes_of(stand_in, provider.capabilities.stops)[0]
    addresses = [f"p{i}@example.com" for i in range(provider.capabilities.batch)]
    done = await provider.push(InMemory(stand_in), config, scope, addresses, stop=True)
    assert [one.address for one in done] == addresses
    assert set(stand_in.held[scope]) == set(addresses)


@pytest.mark.parametrize("name", NAMES)
async def test_everybody_who_is_held_back_is_listed_page_after_page(name, made):
    stand_in, provider = made(name), PROVIDERS[name]
    config = stand_in.config("https://api.example.com")
    for scope in scopes_of(stand_in, provider.capabilities.lists):
        expected = {f"p{i}@example.com" for i in range(2345)}
        for address in expected:
            stand_in.hold(address, scope, EventKind.UNSUBSCRIBED, NOW - timedelta(days=1))
        assert await listed(provider, stand_in, config, scope) == expected


@pytest.mark.parametrize("name", NAMES)
async def test_the_start_check_names_a_scope_that_the_provider_does_not_have(name, made):
    stand_in, provider = made(name), PROVIDERS[name]
    config, http = stand_in.config("https://api.example.com"), InMemory(stand_in)
    assert await provider.problems(http, config) == []
    kinds = provider.capabilities.stops - {"all"}
    strange = tuple(f"{kind}:999999" for kind in sorted(kinds))
    problems = await provider.problems(http, config | {"scopes": strange})
    assert all(any(scope in problem for problem in problems) for scope in strange)


@pytest.mark.parametrize("name", NAMES)
async def test_a_wrong_key_is_told_apart_from_trouble(name, made):
    stand_in, provider = made(name, key="2"), PROVIDERS[name]
    config = made(name).config("https://api.example.com")
    scope = scopes_of(stand_in, provider.capabilities.stops)[0]
    with pytest.raises(NotAllowed):
        await provider.push(InMemory(stand_in), config, scope, ["ana@example.com"], stop=True)


@pytest.mark.parametrize("status", [301, 400, 404, 408, 418, 429, 500, 503])
@pytest.mark.parametrize("name", NAMES)
async def test_no_stop_is_taken_for_done_on_an_answer_that_is_none(name, status, made):
    provider, stand_in = PROVIDERS[name], made(name)
    config = stand_in.config("https://api.example.com")
    scope = scopes_of(stand_in, provider.capabilities.stops)[0]
    reply = Reply(status=status, headers={"retry-after": "17"}, body=b"{}")
    try:
        done = await provider.push(Failing(reply), config, scope, ["ana@example.com"], stop=True)
    except TryAgain as error:
        assert error.retry_after == 17
    except (Refused, Malformed):
        assert status not in (408, 429, 503)
    else:
        assert all(one.refused for one in done)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'"x"', b"{", b'{"a": 1}', b"\xff", b"[[[[1]]]]"])
@pytest.mark.parametrize("name", NAMES)
async def test_an_answer_of_no_sense_is_a_clear_error_or_is_done(name, body, made):
    provider, stand_in = PROVIDERS[name], made(name)
    config = stand_in.config("https://api.example.com")
    for kind in sorted(provider.capabilities.stops):
        scope = scopes_of(stand_in, frozenset({kind}))[0]
        for stop in (True, False):
            try:
                await provider.push(
                    Failing(Reply(status=200, body=body)), config, scope, ["ana@example.com"], stop=stop
                )
            except (TryAgain, Refused, Malformed):
                continue
