"""The way to a provider against a real server: hostile answers cost little, and nothing wrong is asked."""

import asyncio
import tracemalloc

import pytest

from email_hooks.http import Ask, PushError, Refused, TryAgain
from prefcenter.worker.provider_http import BODY_CAP, ProviderHttp
from tests.worker.receivers import Receiver, Reply, hangs, receiver, resets, says, says_and_hangs_up

CHUNK = b"x" * 65_536
GIB = 1024**3


def private(**options) -> ProviderHttp:
    return ProviderHttp(private=True, **options)


def endless(length: int) -> Reply:
    """A body of so many bytes, for as long as somebody reads."""

    async def reply(here: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n".encode())
        for _ in range(length // len(CHUNK)):
            writer.write(CHUNK)
            await writer.drain()
            here.sent += len(CHUNK)

    return reply


async def drips(here: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


async def refusal(reply: Reply, **options) -> PushError:
    async with receiver(reply) as here, private(**options) as http:
        with pytest.raises(PushError) as caught:
            await http.send(Ask(method="GET", url=here.url))
    return caught.value


async def test_an_answer_of_a_gibibyte_is_cut_off() -> None:
    async with receiver(endless(GIB)) as here, private() as http:
        with pytest.raises(TryAgain, match="longer than"):
            await http.send(Ask(method="GET", url=here.url))
        assert here.sent < 4 * BODY_CAP


async def test_one_byte_at_a_time_is_cut_off_by_the_deadline() -> None:
    error = await refusal(drips, deadline=0.2)
    assert isinstance(error, TryAgain) and "timeout" in error.reason


@pytest.mark.parametrize(
    "reply", [hangs, resets, says(b"SMTP ready\r\n\r\n"), says_and_hangs_up(b"HTTP/1.1 ")]
)
async def test_no_whole_answer_is_tried_again(reply: Reply) -> None:
    assert isinstance(await refusal(reply, deadline=0.2), TryAgain)


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    moved = says(b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n")
    async with receiver(moved) as here, private() as http:
        assert (await http.send(Ask(method="GET", url=here.url))).status == 302
        with pytest.raises(Refused, match="redirects are not followed"):
            await anext(http.stream(Ask(method="GET", url=here.url)))
        assert [line for line, _, _ in here.requests] == [b"GET /hook HTTP/1.1\r\n"] * 2


async def test_a_private_address_is_refused_unless_the_operator_says_so() -> None:
    async with receiver(says(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")) as here:
        async with ProviderHttp() as http:
            with pytest.raises(TryAgain, match="refused"):
                await http.send(Ask(method="GET", url=here.url))
            with pytest.raises(TryAgain, match="refused"):
                await anext(http.stream(Ask(method="GET", url=here.url)))
        assert here.connections == 0
        async with private() as http:
            assert (await http.send(Ask(method="GET", url=here.url))).body == b"ok"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("body", [b"", b'{"a": 1}'])
async def test_a_request_says_its_length_and_its_host(method: str, body: bytes) -> None:
    async with receiver(says(b"HTTP/1.1 204 No Content\r\n\r\n")) as here, private() as http:
        headers = {"content-type": "application/json", "host": "example.org"}
        await http.send(Ask(method=method, url=here.url, headers=headers, body=body))
        [(line, sent, received)] = here.requests
    assert (line.split()[0].decode(), received) == (method, body)
    assert (sent["content-length"], sent["host"]) == (str(len(body)), f"127.0.0.1:{here.port}")


async def test_names_of_headers_are_small_and_retry_after_is_kept() -> None:
    wait = says(b"HTTP/1.1 429 No\r\nRetry-After: 7\r\ncontent-length: 0\r\n\r\n")
    async with receiver(wait) as here, private() as http:
        assert (await http.send(Ask(method="GET", url=here.url))).headers["retry-after"] == "7"
        with pytest.raises(TryAgain) as caught:
            await anext(http.stream(Ask(method="GET", url=here.url)))
    assert caught.value.retry_after == 7


async def test_a_list_of_any_length_streams_in_flat_memory() -> None:
    length = 64 * 1024 * 1024
    async with receiver(endless(length)) as here, private() as http:
        tracemalloc.start()
        seen = 0
        async for chunk in http.stream(Ask(method="GET", url=here.url)):
            seen += len(chunk)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert seen == length
    assert peak < 8 * 1024 * 1024


async def test_a_list_that_breaks_off_is_no_end_of_it() -> None:
    broken = says_and_hangs_up(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")
    async with receiver(broken) as here, private() as http:
        with pytest.raises(TryAgain):
            async for _ in http.stream(Ask(method="GET", url=here.url)):
                pass
