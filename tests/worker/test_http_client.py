"""The client against real servers: hostile ones cost little, and every attempt ends in an answer."""

import asyncio
import datetime as dt
import gzip
from collections.abc import Awaitable, Callable
from time import monotonic

import pytest

from prefcenter.domain.delivery import Answer
from prefcenter.worker.http_client import HookClient
from tests.worker.receivers import (
    Receiver,
    answer_to,
    hangs,
    post,
    private,
    receiver,
    resets,
    says,
    says_and_hangs_up,
)

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)

Reply = Callable[["Receiver", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def test_a_post_arrives_as_it_was_given():
    async with receiver(says(OK)) as here, private() as client:
        sent = {"Webhook-Id": "msg_1", "content-type": "application/json; charset=utf-8", "Host": "inside"}
        assert await client.post(here.url + "?a=b", b'{"a": 1}', sent) == Answer(status=200)
    line, headers, body = here.requests[0]
    assert line == b"POST /hook?a=b HTTP/1.1\r\n"
    assert body == b'{"a": 1}'
    assert headers == {
        "host": f"127.0.0.1:{here.port}",
        "content-type": "application/json; charset=utf-8",
        "content-length": "8",
        "webhook-id": "msg_1",
        "user-agent": "prefcenter",
        "accept": "*/*",
        "accept-encoding": "identity",
    }


async def test_connections_are_kept_for_the_next_delivery():
    async with receiver(says(OK)) as here, private() as client:
        for _ in range(20):
            assert (await client.post(here.url, b"{}", {})).confirms
    assert len(here.requests) == 20
    assert here.connections == 1


async def test_no_more_connections_are_open_than_allowed():
    async with receiver(says(OK)) as here, private(connections=3) as client:
        answers = await asyncio.gather(*(client.post(here.url, b"{}", {}) for _ in range(50)))
    assert all(answer.confirms for answer in answers)
    assert here.connections <= 3


async def test_waiting_for_a_free_connection_is_not_held_against_the_receiver():
    first = asyncio.Event()

    async def slow_then_quick(
        here: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if len(here.requests) == 1:
            first.set()
            await reader.read()
        writer.write(OK)

    async with receiver(slow_then_quick) as here, private(connections=1, deadline=0.2) as client:
        stuck = asyncio.create_task(client.post(here.url, b"{}", {}))
        await first.wait()
        assert (await client.post(here.url, b"{}", {})).confirms
        assert (await stuck).error == "timeout: no answer"


async def test_a_closed_idle_connection_is_replaced():
    closed = asyncio.Event()

    async def closes_after(
        here: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(OK)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        closed.set()
        raise ConnectionError

    async with receiver(closes_after) as here, private() as client:
        for _ in range(3):
            closed.clear()
            assert (await client.post(here.url, b"{}", {})).confirms
            await closed.wait()
    assert here.connections == 3


@pytest.mark.parametrize("status", [200, 201, 204, 302, 400, 404, 410, 429, 500, 503])
async def test_the_status_is_the_answer(status):
    answer = await answer_to(says(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n\r\n" % status))
    assert answer == Answer(status=status)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"120", 120),
        (b"99999999999", 86400),
        (b"Fri, 20 Nov 2026 12:10:00 GMT", 600),
        (b"soon", None),
        (b"\xff", None),
        (b"", None),
    ],
)
async def test_retry_after_is_read(value, seconds):
    reply = says(b"HTTP/1.1 503 X\r\nRetry-After: %s\r\ncontent-length: 0\r\n\r\n" % value)
    assert await answer_to(reply, clock=lambda: NOW) == Answer(status=503, retry_after=seconds)


async def test_a_redirect_to_the_inside_is_not_followed():
    async with receiver(says(OK)) as inside:
        for status in (301, 302, 303, 307, 308):
            reply = says(
                b"HTTP/1.1 %d X\r\nlocation: %s\r\ncontent-length: 0\r\n\r\n" % (status, inside.url.encode())
            )
            assert await answer_to(reply) == Answer(status=status)
        assert inside.connections == 0


async def test_cookies_are_not_kept():
    reply = says(b"HTTP/1.1 200 OK\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n")
    async with receiver(reply) as here, private() as client:
        for _ in range(2):
            await client.post(here.url, b"{}", {})
    assert "cookie" not in here.requests[1][1]


async def test_proxies_of_the_environment_are_not_asked(monkeypatch):
    async with receiver(says(OK)) as proxy, receiver(says(OK)) as here:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await post(here.url)).confirms
    assert proxy.connections == 0


async def test_a_body_of_a_gibibyte_is_not_read():
    block = b"x" * 65536

    async def endless(here: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n")
        while True:
            writer.write(block)
            here.sent += len(block)
            await writer.drain()

    async with receiver(endless) as here, private() as client:
        assert (await client.post(here.url, b"{}", {})).confirms
        assert (await client.post(here.url, b"{}", {})).confirms
    assert here.connections == 2
    assert here.sent < 64 * 1024 * 1024


async def test_a_compressed_bomb_is_not_unpacked():
    bomb = gzip.compress(bytes(50_000_000))
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb)
    started = monotonic()
    async with receiver(says(head, bomb)) as here, private() as client:
        for _ in range(2):
            assert (await client.post(here.url, b"{}", {})).confirms
    assert len(bomb) < 65536
    assert here.connections == 1
    assert monotonic() - started < 5


async def test_a_dripping_body_does_not_hold_the_answer_back():
    async def drips(here: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    started = monotonic()
    assert await answer_to(drips) == Answer(status=200)
    assert monotonic() - started < 5


async def test_dripping_headers_end_at_the_deadline():
    async def drips(here: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nx: ")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    assert await answer_to(drips, deadline=0.2) == Answer(error="timeout: no answer")


async def test_endless_interim_answers_end_at_the_deadline():
    async def interim(here: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.001)

    assert await answer_to(interim, deadline=0.2) == Answer(error="timeout: no answer")


async def test_endless_headers_are_cut_off():
    async def headers(here: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.is_closing():
            writer.write(b"x: " + b"y" * 8000 + b"\r\n")
            await writer.drain()

    assert await answer_to(headers) == Answer(error="the answer is not HTTP")


async def test_a_receiver_that_hangs_ends_at_the_deadline():
    assert await answer_to(hangs, deadline=0.2) == Answer(error="timeout: no answer")


async def test_a_reset_connection_is_an_answer():
    assert await answer_to(resets) == Answer(error="connection lost")


async def test_a_connection_lost_after_the_status_still_has_its_answer():
    reply = says_and_hangs_up(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort")
    assert await answer_to(reply) == Answer(status=200)


@pytest.mark.parametrize(
    "garbage", [b"", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x00\xff" * 50, b"HTTP/1.1 200"]
)
async def test_what_is_not_http_is_an_answer(garbage):
    answer = await answer_to(says_and_hangs_up(garbage))
    assert answer == Answer(error="the answer is not HTTP")


async def test_nobody_listening_is_an_answer():
    async with receiver(says(OK)) as here:
        pass
    assert await post(here.url) == Answer(error="no connection")


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("ftp://hooks.example.com/", "refused: the URL must begin with https://"),
        ("https://169.254.169.254/", "refused: the host has an address that is link-local"),
        (
            "http://10.0.0.1/",
            "refused: the host has an address that is private; plain http goes to loopback only",
        ),
        ("https://hooks.example.com/", "refused: the host does not resolve"),
    ],
)
async def test_a_refused_target_is_an_answer(url, error):
    async def nothing(host, port):
        return []

    assert await post(url, resolve=nothing) == Answer(error=error)


async def test_without_leave_this_machine_is_out_of_reach():
    async with receiver(says(OK)) as here, HookClient() as client:
        assert (await client.post(here.url, b"{}", {})).error == "refused: the URL must begin with https://"
        answer = await client.post("https://127.0.0.1:8443/", b"{}", {})
        assert answer.error == "refused: the host has an address that is loopback"
    assert here.connections == 0


async def test_a_resolver_that_hangs_ends_at_the_deadline():
    async def hanging(host, port):
        await asyncio.Event().wait()

    answer = await post("https://hooks.example.com/", resolve=hanging, deadline=0.1)
    assert answer.error in ("timeout: no connection", "timeout: no answer")


async def test_the_name_of_this_machine_is_resolved_by_the_system():
    async with receiver(says(OK)) as here:
        assert (await post(f"http://localhost:{here.port}/")).confirms
