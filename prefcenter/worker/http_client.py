"""The one way out by HTTP: connects to vetted addresses only, follows nothing, and always answers."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import httpcore2
import httpx2

from prefcenter.domain.address_guard import Reach, Resolve, Target, TargetRefused, read_target, vet_host
from prefcenter.domain.delivery import Answer, retry_after_seconds

BODY_CAP = 64 * 1024
#: The status is the answer; the body is read (so many seconds) only to use the connection again.
DRAIN_SECONDS = 1.0
CONNECT_SECONDS = 5.0
#: Below the keep-alive of common servers (5 s), so that a request seldom meets a connection being closed.
KEEP_ALIVE_SECONDS = 4.0
#: Of many addresses only the first are tried, each with its share of the time.
ADDRESSES_TRIED = 3

HEADERS = {
    "content-type": "application/json",
    "user-agent": "prefcenter",
    "accept": "*/*",
    # Nothing is ever unpacked, so a compressed bomb is only a small body.
    "accept-encoding": "identity",
}

#: What went wrong, in the words of the delivery's record; the first match counts.
ERRORS: tuple[tuple[type[Exception], str], ...] = (
    (httpcore2.ConnectTimeout, "timeout: no connection"),
    (httpcore2.TimeoutException, "timeout: no answer"),
    (TimeoutError, "timeout: no answer"),
    (httpcore2.ConnectError, "no connection"),
    (httpcore2.NetworkError, "connection lost"),
    (httpcore2.RemoteProtocolError, "the answer is not HTTP"),
    (httpcore2.ProtocolError, "the request is not HTTP"),
    (OSError, "connection lost"),
)
FAILURES = tuple(kind for kind, _ in ERRORS)


async def resolve_host(host: str, port: int) -> Sequence[str]:
    """Every address that the system knows for the host. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def _now() -> datetime:
    return datetime.now(UTC)


class HookClient:
    """Posts webhooks over kept-alive HTTP/1.1 connections. Close it, or use it with `async with`.

    `deadline` is the time in seconds for one post from connecting to the answer; waiting for one of
    `connections` to be free is not held against the receiver. `allow_private` is for endpoints that the
    operator wrote down.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        deadline: float = 20.0,
        connections: int = 100,
        resolve: Resolve = resolve_host,
        ssl_context: ssl.SSLContext | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._allow_private = allow_private
        self._deadline = deadline
        self._clock = clock
        self._free = asyncio.Semaphore(connections)
        self._pools = pools(
            allow_private=allow_private, connections=connections, resolve=resolve, ssl_context=ssl_context
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """One attempt. A redirect is an answer like others; no failure of network or receiver raises."""
        try:
            target = read_target(url, allow_private=self._allow_private)
        except TargetRefused as refused:
            return Answer(error=f"refused: {refused.reason}")
        async with self._free:
            return await self._attempt(target, body, headers)

    async def _attempt(self, target: Target, body: bytes, headers: Mapping[str, str]) -> Answer:
        answer: Answer | None = None
        try:
            async with (
                asyncio.timeout(self._deadline),
                self._pools[target.reach].stream(
                    "POST",
                    httpcore2.URL(
                        scheme=target.scheme, host=target.host, port=target.port, target=target.path
                    ),
                    headers=headers_to(target, headers),
                    content=body,
                    extensions={"timeout": {"connect": min(CONNECT_SECONDS, self._deadline)}},
                ) as response,
            ):
                answer = self._read(response)
                await _discard(response)
        except TargetRefused as refused:
            return Answer(error=f"refused: {refused.reason}")
        except FAILURES as failure:
            # With the status in hand, what happens to the body is of no interest.
            return answer or Answer(error=in_words(failure))
        return answer

    def _read(self, response: httpcore2.Response) -> Answer:
        asked = next((value for name, value in response.headers if name.lower() == b"retry-after"), b"")
        seconds = retry_after_seconds(asked.decode("latin-1"), self._clock()) if asked else None
        return Answer(status=response.status, retry_after=seconds)

    async def aclose(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def pools(
    *, allow_private: bool, connections: int, resolve: Resolve, ssl_context: ssl.SSLContext | None = None
) -> Mapping[Reach, httpcore2.AsyncConnectionPool]:
    """Kept-alive connections, `connections` of each reach that is admitted, to vetted addresses only."""
    # Not from the environment: SSL_CERT_FILE and proxies are settings of other programs.
    context = ssl_context or httpx2.create_ssl_context(trust_env=False)
    return {
        reach: httpcore2.AsyncConnectionPool(
            ssl_context=context,
            max_connections=connections,
            keepalive_expiry=KEEP_ALIVE_SECONDS,
            network_backend=VettingBackend(reach, resolve),
        )
        for reach in ((Reach.PRIVATE, Reach.LOOPBACK) if allow_private else (Reach.PUBLIC,))
    }


class VettingBackend(httpcore2.AsyncNetworkBackend):
    """Resolves, judges and connects in one step, so that no second look-up can lead elsewhere.

    TLS and the Host header are made from the name by the layer above; only the socket goes to the address.
    """

    def __init__(
        self, reach: Reach, resolve: Resolve, sockets: httpcore2.AsyncNetworkBackend | None = None
    ) -> None:
        self._reach = reach
        self._resolve = resolve
        self._sockets = sockets or httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore2
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = await vet_host(host, port, self._reach, self._resolve)
        except TimeoutError as late:
            raise httpcore2.ConnectTimeout("resolving") from late
        tried = addresses[:ADDRESSES_TRIED]
        share = timeout / len(tried) if timeout else None
        failure: Exception = httpcore2.ConnectError("no address")
        for address in tried:
            try:
                return await self._sockets.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def headers_to(target: Target, given: Mapping[str, str]) -> list[tuple[bytes | str, bytes | str]]:
    lowered = {name.lower(): value for name, value in given.items()}
    return [*(HEADERS | lowered | {"host": target.authority}).items()]


async def _discard(response: httpcore2.Response) -> None:
    size = 0
    async with asyncio.timeout(DRAIN_SECONDS), aclosing(response.aiter_stream()) as chunks:
        async for chunk in chunks:
            size += len(chunk)
            if size > BODY_CAP:
                return


def in_words(failure: Exception) -> str:
    cause = failure.args[0] if failure.args else None
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"tls: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError) or isinstance(failure, ssl.SSLError):
        return "tls: no agreement"
    return next(words for kind, words in ERRORS if isinstance(failure, kind))
