"""Any tool that speaks Standard Webhooks, by a mapping that the operator writes down.

Facts: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md; what is
posted to the tool, and how its list is asked for, is ours: docs/providers/standard.md.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlencode

from email_hooks import reading
from email_hooks.authenticity import standard_id, verify_standard_request
from email_hooks.config import Config, listed, mapped, required
from email_hooks.errors import Malformed, NotConfigured
from email_hooks.events import ALL, EventKind, HookEvent, Origin
from email_hooks.http import Ask, Http, Refused, json_ask, raise_for
from email_hooks.provider import Capabilities, NoLookUp, Pushed, Suppressed
from email_hooks.request import HookRequest
from email_hooks.signatures import sign_standard

#: Where each thing stands in the tool's document, unless the connection says otherwise.
PATHS: Final = {
    "type": "type",
    "time": "timestamp",
    "address": "data.email",
    "new_address": "data.new_email",
    "scope": "data.list",
    "reason": "data.reason",
    "origin": "data.origin",
    "campaign": "data.campaign",
    "message_id": "data.message_id",
    "metadata": "data.metadata",
}
_PLAIN: Final = PATHS.keys() - {"address"}
_ORIGINS: Final = {one.value: one for one in Origin}
#: Kinds that a tool's event may be; what somebody's preferences are now, no mapping of names can say.
KINDS: Final = {kind.value: kind for kind in EventKind if kind is not EventKind.PREFERENCES_CHANGED}
#: Without a word on the scope these are of everything, as their names say.
_OF_ALL: Final = frozenset({EventKind.UNSUBSCRIBED, EventKind.RESUBSCRIBED, EventKind.COMPLAINED})
#: What a row of the tool's list may be.
_HELD: Final = frozenset({EventKind.UNSUBSCRIBED, EventKind.COMPLAINED, EventKind.BOUNCED_HARD})
#: Seconds since 1970 have ten digits till the year 2286; milliseconds more.
_MILLISECONDS_FROM: Final = 10**11
STOPPED, RESUMED = "stopped", "resumed"


class Standard(NoLookUp):
    """`clock` is the time that what we post is signed with."""

    name = "standard"
    #: Of a connection that has both `push_url` and `list_url`; `capabilities_of` says what another one has.
    capabilities = Capabilities(
        stops=frozenset({ALL, "group"}),
        resumes=frozenset({ALL, "group"}),
        lists=frozenset({ALL, "group"}),
        signed=True,
        parallel=8,
        per_second=50.0,
    )

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock

    def capabilities_with(self, config: Config) -> Capabilities:
        """Without `list_url` there is nothing to compare with."""
        found = self.capabilities
        return found if config.get("list_url") else replace(found, lists=frozenset())

    def verify(self, request: HookRequest, config: Config, now: datetime) -> None:
        verify_standard_request(request, config, now, "the whsec_… (or whpk_…) that the tool signs with")
        _require_kinds(config)

    def parse(self, request: HookRequest, config: Config) -> list[HookEvent]:
        body = reading.object_of(request.body)
        found = {name: _first_at(body, _path(config, name)) for name in _PLAIN}
        kind = _kind(config, reading.text(found["type"]))
        number = standard_id(request) or reading.composed_id(request.body)
        addresses: list[str | None] = [reading.text(one) for one in _at(body, _path(config, "address"))] or [
            None
        ]
        event = HookEvent(
            provider=self.name,
            kind=kind,
            address=addresses[0],
            occurred_at=_time(found["time"]),
            event_id=number,
            scope=_scope(reading.text(found["scope"]), kind),
            reason=reading.text(found["reason"]),
            campaign=reading.text(found["campaign"]),
            message_id=reading.text(found["message_id"]),
            metadata=reading.texts(found["metadata"]),
            raw=body,
            origin=_ORIGINS.get(reading.text(found["origin"]) or "", Origin.UNKNOWN),
            new_address=reading.text(found["new_address"]),
            problem=_problem(kind, addresses[0], config),
        )
        if len(addresses) == 1:
            return [event]
        # Of several recipients each has an event of its own.
        return [
            event._replace(
                address=address, event_id=f"{number}:{place}", problem=_problem(kind, address, config)
            )
            for place, address in enumerate(addresses)
        ]

    async def push(
        self, http: Http, config: Config, scope: str, addresses: Sequence[str], *, stop: bool
    ) -> list[Pushed]:
        done = []
        for address in addresses:
            data = {"email": address, "scope": _known(scope), "state": STOPPED if stop else RESUMED}
            raise_for(await http.send(self._signed(config, data)))
            done.append(Pushed(address))
        return done

    def _signed(self, config: Config, data: Mapping[str, str]) -> Ask:
        url = required(config, "push_url", "where the tool takes our events")
        keys = listed(config, "api_secret")
        if not keys:
            raise NotConfigured("api_secret: missing; the whsec_… or whsk_… that we sign with for the tool")
        now = self._clock()
        payload = {"type": "preference.updated", "timestamp": now.isoformat(), "data": data}
        ask = json_ask("POST", url, _bearer(config), payload)
        # A fresh id each time: the state is the news. A second stop after a resume is no repetition, and a
        # tool that drops known ids must not drop it.
        signature = sign_standard(keys, f"msg_{secrets.token_hex(16)}", now, ask.body)
        return replace(ask, headers={**ask.headers, **signature})

    async def suppressed(self, http: Http, config: Config, scope: str) -> AsyncIterator[list[Suppressed]]:
        cursor: str | None = None
        while True:
            reply = await http.send(_list_ask(config, scope, cursor))
            raise_for(reply)
            body = reading.object_of(reply.body)
            following = reading.text(body.get("next"))
            if not isinstance(body.get("data"), list) or (following and following == cursor):
                raise Malformed("the page has no `data`, or leads to itself")
            yield [
                Suppressed(address, _held(row), _time(row.get("at")), reading.text(row.get("reason")))
                for row in reading.objects(body["data"])
                if (address := reading.text(row.get("email")))
            ]
            if following is None:
                return
            cursor = following

    async def problems(self, http: Http, config: Config) -> list[str]:
        # A tool can only be asked where it has a list; what it takes shows with the first stop.
        required(config, "push_url", "where the tool takes our events")
        found = []
        for group in mapped(config, "group") if config.get("list_url") else ():
            reply = await http.send(_list_ask(config, f"group:{group}", None))
            if reply.status == 404:
                found.append(f"group:{group}: list_url answers 404, so the tool has no such group")
            else:
                raise_for(reply)
        return found


PROVIDER = Standard()


def _require_kinds(config: Config) -> None:
    """Raises NotConfigured where the connection's table from the tool's event types is missing or wrong."""
    table = config.get("events")
    if not isinstance(table, Mapping) or not table:
        raise NotConfigured(
            'events: missing; say what each of the tool\'s types is, as in { "contact.out" = "unsubscribed" }'
        )
    for type_, kind in table.items():
        if not isinstance(kind, str) or kind not in KINDS:
            raise NotConfigured(f"events: {type_!r} is none of {', '.join(sorted(KINDS))}")


def _kind(config: Config, type_: str | None) -> EventKind:
    """Of one event; the table as a whole is checked as the request is verified."""
    table = config.get("events")
    kind = table.get(type_) if isinstance(table, Mapping) else None
    return KINDS.get(kind, EventKind.IGNORED) if isinstance(kind, str) else EventKind.IGNORED


def _path(config: Config, name: str) -> str:
    return (listed(config, name) or [PATHS[name]])[0] if name in config else PATHS[name]


def _at(value: Any, path: str) -> list[Any]:
    """Everything at a dotted path; a step into an array goes into each of its elements."""
    found = value
    for step in path.split("."):
        if isinstance(found, list):
            return _everywhere(value, path)
        found = found.get(step) if isinstance(found, dict) else None
        if found is None:
            return []
    return [one for one in _each([found]) if one is not None]


def _everywhere(value: Any, path: str) -> list[Any]:
    found = [value]
    for step in path.split("."):
        found = [one[step] for one in _each(found) if isinstance(one, dict) and step in one]
    return [one for one in _each(found) if one is not None]


def _each(values: Sequence[Any]) -> list[Any]:
    return [inner for one in values for inner in (one if isinstance(one, list) else [one])]


@lru_cache(maxsize=256)
def _steps(path: str) -> Sequence[str]:
    return path.split(".")


def _first_at(value: Any, path: str) -> Any:
    found = value
    for step in _steps(path):
        if not isinstance(found, dict):
            break
        found = found.get(step)
    else:
        if not isinstance(found, list):
            return found
    return next(iter(_at(value, path)), None)


def _time(value: Any) -> datetime | None:
    """ISO 8601, or seconds or milliseconds since 1970."""
    if isinstance(value, str) and not value.isdigit():
        return reading.iso_time(value)
    number = reading.unix_time(value, per_second=1000)
    if number is None or number.timestamp() * 1000 < _MILLISECONDS_FROM:
        return reading.unix_time(value)
    return number


def _scope(value: str | None, kind: EventKind) -> str | None:
    if value is None:
        return ALL if kind in _OF_ALL else None
    return value if value == ALL or value.startswith("group:") else f"group:{value}"


def _known(scope: str) -> str:
    if scope != ALL and (not scope.startswith("group:") or scope == "group:"):
        raise Refused(f"{scope}: a tool of this kind has all, and groups; write them as group:NAME")
    return scope


def _problem(kind: EventKind, address: str | None, config: Config) -> str | None:
    if address is not None or kind is EventKind.IGNORED:
        return None
    return f"no address at {_path(config, 'address')!r}; set `address` to where the tool has it"


def _held(row: Mapping[str, Any]) -> EventKind:
    kind = KINDS.get(str(row.get("kind")), EventKind.UNSUBSCRIBED)
    return kind if kind in _HELD else EventKind.UNSUBSCRIBED


def _bearer(config: Config) -> dict[str, str]:
    keys = listed(config, "api_key")
    return {"authorization": f"Bearer {keys[0]}"} if keys else {}


def _list_ask(config: Config, scope: str, cursor: str | None) -> Ask:
    url = required(config, "list_url", "without it the stops at this tool cannot be compared")
    required(config, "api_key", "the token that list_url asks for")
    query = {"scope": _known(scope)} | ({"cursor": cursor} if cursor else {})
    return json_ask("GET", f"{url}{'&' if '?' in url else '?'}{urlencode(query)}", _bearer(config))
