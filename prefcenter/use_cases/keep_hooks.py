"""Keep what a provider tells before it is answered, each event once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

import msgspec

from email_hooks.events import EventKind, HookEvent
from prefcenter.domain.addresses import Fingerprints, InvalidAddress, parse_email
from prefcenter.storage.hook_inbox import Arrived
from prefcenter.use_cases.services import Services

_LONGEST_KEY = 255
_NOT_TEXT = "it holds text that is none (half of a surrogate pair)"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(HookEvent).decode


async def keep_hooks(services: Services, connection: str, events: Sequence[HookEvent], now: datetime) -> None:
    """Durable when it returns; what means nothing is dropped. Raises StorageUnavailable: nothing was kept."""
    arrived = [_arrived(services, connection, event) for event in events if _matters(event)]
    await services.hook_inbox.keep(arrived, now)


def read_event(body: bytes) -> HookEvent:
    """A kept event. Raises msgspec.MsgspecError for what another version wrote otherwise."""
    return _decode(body)


def prints_of(services: Services, address: str | None) -> Fingerprints | None:
    """What an address is found by; None: there is none, or it is no address."""
    if address is None:
        return None
    try:
        return services.fingerprinter.of_email(parse_email(address))
    except InvalidAddress:
        return None


def _matters(event: HookEvent) -> bool:
    return event.kind is not EventKind.IGNORED or event.visit is not None or event.problem is not None


def _arrived(services: Services, connection: str, event: HookEvent) -> Arrived:
    body = _written(event)
    prints = prints_of(services, event.address)
    return Arrived(
        connection=connection,
        key=_key(event.event_id),
        digest=hashlib.sha256(body).digest(),
        body=services.vault.seal(body),
        kind=event.kind.value,
        wide=prints.wide if prints is not None else None,
    )


def _written(event: HookEvent) -> bytes:
    """What the adapter made of it. `raw` is left out: it may differ from one report of an event to the next,
    and holds more of a person than is needed."""
    plain = event._replace(raw=None, metadata=dict(event.metadata))
    try:
        return _encode(plain)
    except UnicodeEncodeError:
        bare = HookEvent(event.provider, event.kind, None, event.occurred_at, _key(event.event_id))
        return _encode(bare._replace(metadata={}, problem=_NOT_TEXT))


def _key(event_id: str) -> str:
    """As it is where a column can hold it; else its hash."""
    if 0 < len(event_id) <= _LONGEST_KEY and event_id.isprintable():
        return event_id
    return hashlib.sha256(event_id.encode("utf-8", "surrogatepass")).hexdigest()
