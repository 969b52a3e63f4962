"""What an event lacks before it can be applied: an address to be looked up, a set-up to be completed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from email_hooks.events import EventKind, HookEvent
from email_hooks.http import Ask, Http, raise_for
from prefcenter.accounts import Account
from prefcenter.worker.provider_http import ProviderHttp

#: To one provider at once; it may be made less by what the provider allows.
PER_CONNECTION = 4


class AskingProviders:
    """Close it, or use it with `async with`. `http_of`: another way to the API of an account, for tests."""

    def __init__(self, http_of: Callable[[Account], Http] | None = None) -> None:
        self._http_of = http_of or self._own
        self._clients: dict[str, ProviderHttp] = {}
        self._free: dict[str, asyncio.Semaphore] = {}

    async def complete(self, account: Account, event: HookEvent) -> HookEvent:
        """The event with its address; what it asked to be visited was visited.

        Raises PushError, Malformed or NotConfigured, as the provider's `look_up`.
        """
        most = min(PER_CONNECTION, account.provider.capabilities.parallel)
        async with self._free.setdefault(account.key, asyncio.Semaphore(most)):
            http = self._http_of(account)
            if event.visit is not None:
                raise_for(await http.send(Ask(method="GET", url=event.visit)))
                event = event._replace(visit=None)
            if needs_look_up(event):
                event = await account.provider.look_up(http, account.config, event)
        return event._replace(lookup=None)

    def _own(self, account: Account) -> Http:
        if account.key not in self._clients:
            self._clients[account.key] = ProviderHttp(private=account.private, connections=PER_CONNECTION)
        return self._clients[account.key]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients.values():
            await client.aclose()


def needs_look_up(event: HookEvent) -> bool:
    return event.lookup is not None and event.address is None and event.kind is not EventKind.IGNORED
