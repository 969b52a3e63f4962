"""The way to a provider's API: the same guard as for webhooks, and its answers are read."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import httpcore2

from email_hooks.http import Ask, Reply, TryAgain, raise_for
from prefcenter.domain.address_guard import Resolve, Target, TargetRefused, read_target
from prefcenter.worker.http_client import CONNECT_SECONDS, FAILURES, headers_to, in_words, pools, resolve_host

#: For the answer to a push; a list may take as long as it goes on coming.
DEADLINE_SECONDS = 20.0
#: Without a byte for so long, a list has ended.
SILENCE_SECONDS = 30.0
#: A list that brings less than this in so many seconds comes to no end.
SLOWEST_BYTES, SLOWEST_SECONDS = 4096, 60.0
#: Answers are a few lines, pages of a list some hundred kilobytes.
BODY_CAP = 16 * 1024 * 1024


class ProviderHttp:
    """`email_hooks.http.Http`. Close it, or use it with `async with`.

    `private`: the operator said that this connection may be at a private address. `connections` are of this
    connection alone, so that one that hangs takes nobody else's. `deadline` is in seconds.
    """

    def __init__(
        self,
        *,
        private: bool = False,
        connections: int = 16,
        deadline: float = DEADLINE_SECONDS,
        resolve: Resolve = resolve_host,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._private = private
        self._deadline = deadline
        self._pools = pools(
            allow_private=private, connections=connections, resolve=resolve, ssl_context=ssl_context
        )

    async def send(self, ask: Ask) -> Reply:
        """Raises TryAgain where no whole answer came in time, or a longer one than an answer may be."""
        try:
            async with asyncio.timeout(self._deadline), self._asking(ask) as response:
                body = bytearray()
                async for chunk in response.aiter_stream():
                    body += chunk
                    if len(body) > BODY_CAP:
                        raise TryAgain(f"the answer is longer than {BODY_CAP} bytes", status=response.status)
                return Reply(status=response.status, headers=_headers(response), body=bytes(body))
        except TargetRefused as refused:
            raise TryAgain(f"refused: {refused.reason}") from refused
        except FAILURES as failure:
            raise TryAgain(in_words(failure)) from failure

    async def stream(self, ask: Ask) -> AsyncIterator[bytes]:
        """Raises TryAgain where the answer stops coming, or else as `raise_for`."""
        try:
            async with self._asking(ask) as response:
                raise_for(Reply(status=response.status, headers=_headers(response)))
                clock, size = asyncio.get_running_loop().time, 0
                begun = clock()
                async for chunk in response.aiter_stream():
                    yield chunk
                    size += len(chunk)
                    if clock() - begun > SLOWEST_SECONDS:
                        if size < SLOWEST_BYTES:
                            raise TryAgain("the list comes too slowly")
                        begun, size = clock(), 0
        except TargetRefused as refused:
            raise TryAgain(f"refused: {refused.reason}") from refused
        except FAILURES as failure:
            raise TryAgain(in_words(failure)) from failure

    @asynccontextmanager
    async def _asking(self, ask: Ask) -> AsyncIterator[httpcore2.Response]:
        target: Target = read_target(ask.url, allow_private=self._private)
        limits = {
            "connect": min(CONNECT_SECONDS, self._deadline),
            "read": SILENCE_SECONDS,
            "write": SILENCE_SECONDS,
            "pool": self._deadline,
        }
        async with self._pools[target.reach].stream(
            ask.method,
            httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path),
            headers=headers_to(target, {**ask.headers, **_length(ask)}),
            content=ask.body or None,
            extensions={"timeout": limits},
        ) as response:
            yield response

    async def aclose(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _length(ask: Ask) -> dict[str, str]:
    """Without a body it has to be said that there is none (RFC 9110, 8.6), or some servers answer 411."""
    return {"content-length": "0"} if not ask.body and ask.method in ("POST", "PUT", "PATCH") else {}


def _headers(response: httpcore2.Response) -> Mapping[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
