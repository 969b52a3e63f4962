"""What every stand-in has: an API in memory (ASGI), people who act there, and its webhooks."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote

import msgspec

from email_hooks.config import Config
from email_hooks.events import EventKind
from email_hooks.http import Ask, Reply, raise_for
from email_hooks.provider import Suppressed
from email_hooks.request import HookRequest

#: The address at which `HookRequest`s of a stand-in were meant to arrive, where nothing else is said.
HOOK_URL = "https://example.com/hooks/main"


@dataclass(frozen=True, kw_only=True, slots=True)
class Called:
    """One request to the API, as a handler gets it: `path` without its query, `names` from the route."""

    method: str
    path: str
    query: Mapping[str, str]
    #: Every field of the query in order, for names that come several times.
    fields: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes
    names: Mapping[str, str]

    def json(self) -> Any:
        return msgspec.json.decode(self.body) if self.body else None

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


def answer(status: int, value: Any = None, **headers: str) -> Reply:
    """A reply with a JSON body; None: without one."""
    body = b"" if value is None else msgspec.json.encode(value)
    return Reply(status=status, headers={"content-type": "application/json", **headers}, body=body)


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """An event that a stand-in shall tell, in the shared vocabulary; `origin_api`: by a call of its API."""

    kind: EventKind
    address: str
    scope: str
    at: datetime
    event_id: str
    by_api: bool = False


Handler = Callable[[Called], Reply]


class StandIn(ABC):
    """`held`: who is held back, by scope and by the address in small letters. `hooks`: the webhook requests
    that the provider would have made, oldest first; whoever runs the stand-in sends them. `echo`: whether
    what is done by API is told as well. `calls`: every request, for tests.
    """

    name: ClassVar[str]
    #: Scopes that exist there.
    scopes: ClassVar[tuple[str, ...]]
    #: Kinds of scope on which only somebody who is a contact can be held back.
    of_contacts: ClassVar[frozenset[str]] = frozenset()
    #: Whether its signature covers the raw body, and a time.
    signs_body: ClassVar[bool] = False
    signs_time: ClassVar[bool] = False

    def __init__(
        self,
        *,
        hook_url: str = HOOK_URL,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        echo: bool = True,
        key: str = "",
    ) -> None:
        self.hook_url = hook_url
        self.now = now
        self.echo = echo
        #: Makes the secrets of one stand-in differ from another's.
        self.key = key
        self.held: dict[str, dict[str, Suppressed]] = defaultdict(dict)
        #: Contacts, by the address in small letters: for providers that know people who are not held back.
        self.known: dict[str, str] = {}
        self.hooks: deque[HookRequest] = deque()
        self.calls: list[Ask] = []
        self._number = 0

    # -- of each provider ---------------------------------------------------------------------------------

    @abstractmethod
    def config(self, base_url: str) -> dict[str, Any]:
        """The connection's configuration that fits it, secrets included."""

    @abstractmethod
    def routes(self) -> Iterator[tuple[str, str, Handler]]:
        """Method, pattern of the path (a regular expression with named groups), handler."""

    @abstractmethod
    def allowed(self, called: Called) -> bool:
        """Whether the request carries the right key."""

    @abstractmethod
    def tell(self, events: Sequence[Said], *, sent_at: datetime | None = None) -> list[HookRequest]:
        """The webhook requests that report these events, as few as the provider would make, authentic.

        `sent_at`: when they are signed; now, where it is not said.
        """

    @abstractmethod
    def unknown(self) -> HookRequest:
        """An authentic request with an event of a name that nobody knows."""

    # -- what people and operators do there ---------------------------------------------------------------

    def know(self, address: str) -> None:
        """Somebody becomes a contact there, held back on nothing."""
        self.known[address.lower()] = address

    def unsubscribe(self, address: str, scope: str, at: datetime | None = None) -> None:
        """A recipient uses the provider's own link."""
        self.hold(address, scope, EventKind.UNSUBSCRIBED, at)
        self.report(EventKind.GROUP_UNSUBSCRIBED, address, scope, at)

    def complain(self, address: str, scope: str, at: datetime | None = None) -> None:
        self.hold(address, scope, EventKind.COMPLAINED, at)
        self.report(EventKind.COMPLAINED, address, scope, at)

    def hold(self, address: str, scope: str, kind: EventKind, at: datetime | None = None) -> None:
        """Onto the list, without a word."""
        self.held[scope][address.lower()] = Suppressed(address, kind, at or self.now())

    def release(self, address: str, scope: str) -> bool:
        """Off the list, without a word; whether it was there."""
        return self.held[scope].pop(address.lower(), None) is not None

    def report(
        self, kind: EventKind, address: str, scope: str, at: datetime | None = None, *, by_api: bool = False
    ) -> None:
        self._number += 1
        said = Said(
            kind=kind,
            address=address,
            scope=scope,
            at=at or self.now(),
            event_id=f"{self.name}-{self._number}",
            by_api=by_api,
        )
        self.hooks.extend(self.tell([said]))

    def pushed(self, address: str, scope: str, *, stop: bool) -> None:
        """What the API does for a call of ours, and tells of where it echoes."""
        if stop:
            self.hold(address, scope, EventKind.UNSUBSCRIBED)
        else:
            self.release(address, scope)
        if self.echo:
            kind = EventKind.GROUP_UNSUBSCRIBED if stop else EventKind.GROUP_RESUBSCRIBED
            self.report(kind, address, scope, by_api=True)

    # -- the API ------------------------------------------------------------------------------------------

    def handle(self, ask: Ask) -> Reply:
        """One request to the API."""
        self.calls.append(ask)
        path, _, query = ask.url.partition("?")
        path = re.sub(r"^https?://[^/]+", "", path)
        fields = parse_qsl(query, keep_blank_values=True)
        for method, pattern, handler in self.routes():
            match = re.fullmatch(pattern, path) if method == ask.method else None
            if match is None:
                continue
            called = Called(
                method=ask.method,
                path=path,
                query=dict(fields),
                fields=fields,
                headers={name.lower(): value for name, value in ask.headers.items()},
                body=ask.body,
                names={name: unquote(value) for name, value in match.groupdict().items() if value},
            )
            return handler(called) if self.allowed(called) else self.locked_out()
        return answer(404, {"message": "no such route"})

    def locked_out(self) -> Reply:
        """How the provider refuses a wrong key."""
        return answer(401, {"message": "unauthorized"})

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        """The API as an ASGI application: no framework is needed for it."""
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        query = scope["query_string"].decode("latin-1")
        ask = Ask(
            method=scope["method"],
            url=scope.get("raw_path", scope["path"].encode()).decode("latin-1").partition("?")[0]
            + (f"?{query}" if query else ""),
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            body=body,
        )
        await send_reply(self.handle(ask), send)


async def send_reply(reply: Reply, send: Any) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers.items()]
    headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


class InMemory:
    """`email_hooks.http.Http` straight into a stand-in: no socket."""

    def __init__(self, stand_in: StandIn) -> None:
        self._stand_in = stand_in

    async def send(self, ask: Ask) -> Reply:
        return self._stand_in.handle(ask)

    async def stream(self, ask: Ask) -> AsyncIterator[bytes]:
        reply = self._stand_in.handle(ask)
        raise_for(reply)
        for start in range(0, len(reply.body), 64 * 1024):
            yield reply.body[start : start + 64 * 1024]


def url_with(base: str, config: Config) -> str:
    """The webhook's address with the shared secret in its query, where the connection has one."""
    secret = config.get("secret")
    first = secret if isinstance(secret, str) or secret is None else secret[0]
    return base if first is None or config.get("header") else f"{base}?secret={first}"
