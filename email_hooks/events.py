"""What a mailing provider can tell us, in one vocabulary for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

#: The scope of everything that the connection sends.
ALL = "all"


class EventKind(StrEnum):
    """What happened, in the provider's view; what it means for a permission is for the receiver to say."""

    UNSUBSCRIBED = "unsubscribed"
    GROUP_UNSUBSCRIBED = "group_unsubscribed"
    RESUBSCRIBED = "resubscribed"
    GROUP_RESUBSCRIBED = "group_resubscribed"
    COMPLAINED = "complained"
    BOUNCED_HARD = "bounced_hard"
    BOUNCED_SOFT = "bounced_soft"
    #: It did not send, because the address was on its list already: a consequence, never an act of consent.
    SUPPRESSED = "suppressed"
    PREFERENCES_CHANGED = "preferences_changed"
    ADDRESS_CHANGED = "address_changed"
    CONTACT_DELETED = "contact_deleted"
    #: Delivered, opened, clicked, a test… and every event name that is not known.
    IGNORED = "ignored"


class Origin(StrEnum):
    """Who did it, where the provider says so."""

    PERSON = "person"
    OPERATOR = "operator"
    #: By a call of its API: most often our own, coming back.
    API = "api"
    UNKNOWN = "unknown"


NOTHING: Mapping[str, str] = MappingProxyType({})


class HookEvent(NamedTuple):
    """One thing that happened to one address.

    `event_id`: the provider's own, or composed: the same at every repetition, and never that of another
    event. `address`: as the provider spells it; None where it does not say (`lookup` may tell).
    `occurred_at`: aware, None where it is not said or cannot be read. `scope`: "all", or the provider's word
    for a part of what it sends, such as "stream:broadcast" or "group:12"; None where that has no meaning.
    `metadata`: of a `preferences_changed` "true" or "false" by scope. `new_address`: of an `address_changed`.
    `lookup`: what `Provider.look_up` can be asked for: address, scope or preferences. `visit`: an address
    that must be fetched once to complete the set-up (vetted: it belongs to the provider). `problem`: why it
    could not be read, when the others of the request could. `raw`: the event as it came, decoded.
    """

    provider: str
    kind: EventKind
    address: str | None
    occurred_at: datetime | None
    event_id: str
    scope: str | None = None
    reason: str | None = None
    campaign: str | None = None
    message_id: str | None = None
    metadata: Mapping[str, str] = NOTHING
    raw: Any = None
    origin: Origin = Origin.UNKNOWN
    new_address: str | None = None
    lookup: str | None = None
    visit: str | None = None
    problem: str | None = None
