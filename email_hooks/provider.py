"""What every provider can be asked: is this from you, what does it say, do this, what do you hold back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from email_hooks.config import Config
from email_hooks.events import EventKind, HookEvent
from email_hooks.http import Http
from email_hooks.request import HookRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What a provider can do: read by whoever maps purposes, pushes and compares; never told by its name.

    A scope is "all" or "kind:id"; here stand "all" and the kinds.
    """

    #: Kinds of scope that a stop can be pushed to.
    stops: frozenset[str]
    #: Those on which the provider lets us take a stop back.
    resumes: frozenset[str]
    #: Those whose stops `suppressed` can list.
    lists: frozenset[str]
    #: Whether its requests carry a signature; False: a shared secret is required.
    signed: bool
    #: Whether it tells of opt-outs at all; False: they are only found by comparing.
    tells: bool = True
    #: Addresses in one call of `push`.
    batch: int = 1
    #: The same for `stop=False`, where the provider takes stops back one by one; None: as `batch`.
    batch_resumes: int | None = None
    #: Calls of `push` at the same time, and in a second (all calls, over time).
    parallel: int = 4
    per_second: float = 10.0
    #: Methods that must be answered 200 without a signature when the webhook is made.
    probes: frozenset[str] = frozenset()
    #: Seconds until what was pushed shows in its list.
    settles: int = 0
    #: Whether `verify` may fetch something (a certificate): run it beside the event loop.
    fetches: bool = False


class Pushed(NamedTuple):
    """What became of one address of a call. `refused`: why it never will be done; None: it is done."""

    address: str
    refused: str | None = None


class Suppressed(NamedTuple):
    """An address that the provider holds back on a scope. `kind`: unsubscribed, complained, bounced_hard.

    `at`: since when, aware; None where it does not say.
    """

    address: str
    kind: EventKind
    at: datetime | None = None
    reason: str | None = None


class Provider(Protocol):
    """An adapter: it keeps nothing between calls. `config` is described in `email_hooks.config`."""

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    def verify(self, request: HookRequest, config: Config, now: datetime) -> None:
        """Returns where the request is from this provider. Raises NotAuthentic or NotConfigured, Malformed
        where the signature is part of a body that cannot be read."""

    def parse(self, request: HookRequest, config: Config) -> list[HookEvent]:
        """What a verified request says. Raises Malformed where nothing of it can be read; what can be read
        is never lost for a neighbour that cannot (`HookEvent.problem`)."""

    async def push(
        self, http: Http, config: Config, scope: str, addresses: Sequence[str], *, stop: bool
    ) -> list[Pushed]:
        """Stop these addresses on one scope, or take the stop back: at most `capabilities.batch` of them.

        May be repeated: what is so already is done. Raises TryAgain, NotAllowed or Refused where the whole
        call came to nothing, NotConfigured where something is missing, Malformed for an answer of no sense.
        """

    def suppressed(self, http: Http, config: Config, scope: str) -> AsyncIterator[list[Suppressed]]:
        """Everybody whom the provider holds back on one scope, page by page. Raises as `push`."""

    async def look_up(self, http: Http, config: Config, event: HookEvent) -> HookEvent:
        """The event with what `event.lookup` leads to: address, scope or preferences. Raises as `push`."""

    async def problems(self, http: Http, config: Config) -> list[str]:
        """What is wrong with the set-up, in words for the operator: the key, and every scope of
        `config["scopes"]` that the provider does not have. Raises as `push`."""


class NoLookUp:
    """For a provider whose events always name their address."""

    async def look_up(self, http: Http, config: Config, event: HookEvent) -> HookEvent:
        return event


def capabilities_of(provider: Provider, config: Config) -> Capabilities:
    """What a provider can do as this connection is configured: a generic tool lists nobody without its
    `list_url`. Raises nothing."""
    narrowed = getattr(provider, "capabilities_with", None)
    return provider.capabilities if narrowed is None else narrowed(config)
