"""What the API takes, as types: validation and the OpenAPI document both come from here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from prefcenter.domain.countries import wrong_country
from prefcenter.domain.facts import wrong_ending

# Python's `$` also matches before a last newline; everybody else's does not.
_END = r"$(?!\n)"

_FIRST_YEAR, _LAST_YEAR = 1900, 2999

Moment = Annotated[
    datetime, Meta(tz=True, description=f"RFC 3339, with a zone, in the years {_FIRST_YEAR} to {_LAST_YEAR}")
]
Address = Annotated[
    str, Meta(max_length=320, description="an email address", extra_json_schema={"format": "idn-email"})
]
_ONE_LINE = r"^[^\x00-\x1f]*" + _END
_NO_NUL = r"^[^\x00]*$"
_WORDS = r"^[^\x00]*[^\x00\s][^\x00]*$"
_KEY = r"^(\*|[a-z][a-z0-9-]{0,47})" + _END
_LANGUAGE = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*" + _END
ID_PATTERN = r"^[0-9a-f]{32}" + _END

#: What to say to a text that is not as its pattern has it. A test knows every pattern here.
REMEDIES: Mapping[str, str] = {
    _ONE_LINE: "must be of one line, without control characters",
    _NO_NUL: "must not have a NUL character; leave it out",
    _WORDS: "must have words, and no NUL character",
    _KEY: "must be the key of a purpose, such as newsletter (GET /v1/purposes has them)",
    _LANGUAGE: "must be a language tag of BCP 47, such as de or pt-BR",
    ID_PATTERN: "must be an id as this API gave it: 32 digits of 0-9 and a-f",
}

ExternalId = Annotated[str, Meta(min_length=1, max_length=255, pattern=_ONE_LINE)]
Id = Annotated[str, Meta(pattern=ID_PATTERN)]
PurposeKey = Annotated[str, Meta(max_length=48, pattern=_KEY)]
Country = Annotated[
    str,
    Meta(
        description="ISO 3166-1 alpha-2, with a region where it matters; XX: not known",
        examples=["DE", "US-CA"],
    ),
]
Language = Annotated[str, Meta(max_length=35, pattern=_LANGUAGE, description="BCP 47")]
Channel = Literal["email", "sms", "push", "post", "phone"]
Event = Literal["choice.recorded", "standing.changed", "subject.erased", "purpose.changed"]
Events = Annotated[list[Event], Meta(min_length=1, max_length=4)]
Text = Annotated[str, Meta(max_length=4000, pattern=_NO_NUL)]
Short = Annotated[str, Meta(max_length=500, pattern=_NO_NUL)]
Description = Annotated[str, Meta(max_length=200, pattern=_NO_NUL)]
Url = Annotated[
    str, Meta(max_length=2000, description="https, to a public address", extra_json_schema={"format": "uri"})
]


class Incoming(Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """An unknown field is an error: a typo must not become a silent default."""


class _Dated(Incoming):
    """Checks the moments among the fields: every later sum with one of them stays within the calendar."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, datetime) and not _within_the_years(value):
                raise ValueError(f"`{name}` must be in the years {_FIRST_YEAR} to {_LAST_YEAR}")


def _within_the_years(moment: datetime) -> bool:
    try:
        return _FIRST_YEAR <= moment.astimezone(UTC).year <= _LAST_YEAR
    except OverflowError:
        return False


class OptOutOffered(_Dated):
    """When and in which words the person could say no as the address was collected."""

    at: Moment
    wording: Annotated[str, Meta(max_length=4000, pattern=_WORDS)]


class Relationship(_Dated):
    """`opt_out_offered` false: no way to say no was offered; what was offered is said as an object."""

    kind: Literal["customer", "client_user", "inquiry", "negotiation", "member", "donor"]
    since: Moment
    last_at: Moment | UnsetType = UNSET
    ended_at: Moment | UnsetType = UNSET
    ongoing: bool | UnsetType = UNSET
    opt_out_offered: OptOutOffered | bool | UnsetType = UNSET

    def __post_init__(self) -> None:
        super().__post_init__()
        ended_at = None if self.ended_at is UNSET else self.ended_at
        if wrong := wrong_ending(self.since, ended_at, self.ongoing is True):
            raise ValueError(f"`ended_at` {wrong}")


class SubjectIn(_Dated):
    """Who is meant, by one or more of email, external_id and id; the rest are facts on them."""

    email: Address | UnsetType = UNSET
    external_id: ExternalId | UnsetType = UNSET
    id: Id | UnsetType = UNSET
    country: Country | UnsetType = UNSET
    language: Language | UnsetType = UNSET
    age_band: Literal["under_13", "13_15", "16_17", "adult", "unknown"] | UnsetType = UNSET
    subscriber: Literal["individual", "corporate"] | UnsetType = UNSET
    relationship: Relationship | UnsetType = UNSET
    last_contact_at: Moment | UnsetType = UNSET

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.country is not UNSET and (wrong := wrong_country(self.country)):
            raise ValueError(f"`country` {wrong}")


class SubjectsRequest(Incoming):
    subjects: Annotated[list[SubjectIn], Meta(min_length=1, max_length=1000)]


class Evidence(Incoming):
    wording: Text | UnsetType = UNSET
    url: Short | UnsetType = UNSET
    ip: Annotated[str, Meta(max_length=45, pattern=_NO_NUL)] | UnsetType = UNSET
    user_agent: Short | UnsetType = UNSET
    method: Short | UnsetType = UNSET
    reason: Short | UnsetType = UNSET


class ChoiceIn(_Dated):
    """`channel` left out: email, and every channel for the purpose `*`."""

    subject: SubjectIn
    purpose: PurposeKey
    action: Literal["give", "refuse", "withdraw", "object", "request", "defer", "reaffirm", "invalidate"]
    source: Literal["form", "operator", "agent", "email_request", "import", "system"]
    channel: Channel | UnsetType = UNSET
    occurred_at: Moment | UnsetType = UNSET
    until: Moment | UnsetType = UNSET
    evidence: Evidence | UnsetType = UNSET


class ChoicesRequest(Incoming):
    choices: Annotated[list[ChoiceIn], Meta(min_length=1, max_length=1000)]


class RecipientIn(Incoming):
    """Exactly one of the three. A bad address is answered, not refused."""

    email: str | UnsetType = UNSET
    external_id: ExternalId | UnsetType = UNSET
    id: Id | UnsetType = UNSET


class DecisionsRequest(_Dated):
    """`at`: as known then, by the rules and the catalog of that day; left out: now."""

    purpose: PurposeKey
    recipients: Annotated[list[RecipientIn], Meta(max_length=100_000)]
    channel: Channel = "email"
    version: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    recipient: Short | UnsetType = UNSET
    at: Moment | UnsetType = UNSET


class LinkRecipient(Incoming):
    email: Address


class LinksRequest(Incoming):
    """`for`: "session" and `footer` are not offered yet."""

    purpose: PurposeKey
    recipients: Annotated[list[LinkRecipient], Meta(max_length=100_000)]
    campaign: Annotated[str, Meta(max_length=32, pattern=_ONE_LINE)] = ""
    for_: Literal["mail"] = msgspec.field(default="mail", name="for")


class LookupRequest(Incoming):
    """Exactly one of the two."""

    email: Address | UnsetType = UNSET
    external_id: ExternalId | UnsetType = UNSET


class WebhookIn(Incoming):
    """`events` left out: choice.recorded."""

    url: Url
    events: Events = msgspec.field(default_factory=lambda: ["choice.recorded"])
    description: Description = ""


class WebhookPatch(Incoming):
    url: Url | UnsetType = UNSET
    events: Events | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    state: Literal["enabled", "disabled"] | UnsetType = UNSET
