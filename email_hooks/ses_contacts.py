"""The contact list of an account at Amazon SES, and its suppression list: what `providers/ses.py` asks for.

Facts: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_UpdateContact.html and its neighbours.
The suppression list is only read: it knows bounces and complaints, no unsubscriptions, and whoever is on it
gets no receipts either.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from email_hooks import reading, sigv4
from email_hooks.config import Config, base_url, mapped, required
from email_hooks.errors import Malformed, NotConfigured
from email_hooks.events import ALL, EventKind
from email_hooks.http import Http, Refused, Reply, TryAgain, in_path, json_ask, raise_for, retry_after, said
from email_hooks.provider import Suppressed

#: By the start of the region.
_DOMAINS: Final = {"cn-": "amazonaws.com.cn", "eusc-": "amazonaws.eu"}
_REGION = re.compile(r"[a-z0-9-]{1,40}")
#: The status of an answer lies: these come as 400 (and ConcurrentModificationException as 500).
_LATER: Final = frozenset(
    {
        "ConcurrentModificationException",
        "LimitExceededException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
#: Somebody else wrote the contact between our reading and our writing: read again.
_OVERTAKEN: Final = frozenset({"AlreadyExistsException", "ConcurrentModificationException"})
_ROUNDS: Final = 3
_PAGE: Final = 1000
#: The reasons of the suppression list; there is none for an unsubscription.
REASONS: Final = {"BOUNCE": EventKind.BOUNCED_HARD, "COMPLAINT": EventKind.COMPLAINED}
OUT, IN = "OPT_OUT", "OPT_IN"


class Contacts:
    """One account's, in one region. `clock` gives the time of signatures."""

    def __init__(self, http: Http, config: Config, clock: Callable[[], datetime]) -> None:
        self._http = http
        self._clock = clock
        self._key_id = required(config, "api_key", "the access key ID of an IAM user")
        self._secret = required(config, "api_secret", "the secret access key of that IAM user")
        self._region = required(config, "region", "the region of your SES account, such as eu-west-1")
        if not _REGION.fullmatch(self._region):
            raise NotConfigured("region: not the name of a region, such as eu-west-1")
        self._name = required(config, "account", "the name of your contact list (an account has one)")
        domain = next((d for start, d in _DOMAINS.items() if self._region.startswith(start)), "amazonaws.com")
        self._base = base_url(config, f"https://email.{self._region}.{domain}") + "/v2/email"
        self._list = f"/contact-lists/{in_path(self._name)}"
        self._topics = mapped(config, "topic")

    async def set(self, address: str, scope: str, *, stop: bool) -> None:
        """Raises as `Provider.push`."""
        topic = _topic(scope)
        for _ in range(_ROUNDS):
            found = await self._contact(address)
            if found is None and topic is None and not stop:
                return  # nobody whom `all` holds back
            wanted = _merged(found or {}, topic, stop=stop)
            if found is not None and wanted == _written(found):
                return
            # A contact that is not there yet is made, for a topic's yes as well: else its default counts.
            if found is None:
                reply = await self._ask("POST", f"{self._list}/contacts", {"EmailAddress": address} | wanted)
            else:
                reply = await self._ask("PUT", f"{self._list}/contacts/{in_path(address)}", wanted)
            if _type(reply) not in _OVERTAKEN:
                return _raise_for(reply)
        raise TryAgain("the contact is being changed by somebody else", status=reply.status)

    async def held_back(self, scope: str) -> AsyncIterator[list[Suppressed]]:
        """One request a page: whoever reads keeps to the quota. Raises as `Provider.suppressed`."""
        topic = _topic(scope)
        # For `all` the whole list is read: no filter is documented that finds exactly UnsubscribeAll.
        filters = {"TopicName": topic, "UseDefaultIfPreferenceUnavailable": False}
        asked = {"Filter": {"FilteredStatus": OUT, "TopicFilter": filters}} if topic is not None else {}
        token: str | None = None
        while True:
            more = {"NextToken": token} if token else {}
            reply = await self._ask(
                "POST", f"{self._list}/contacts/list", {**asked, "PageSize": _PAGE, **more}
            )
            rows, token = _page(reply, "Contacts", token)
            yield [
                Suppressed(
                    address, EventKind.UNSUBSCRIBED, reading.unix_time(row.get("LastUpdatedTimestamp"))
                )
                for row in rows
                if (address := reading.text(row.get("EmailAddress"))) and _is_out(row, topic)
            ]
            if token is None:
                break
        if topic is None:
            async for page in self._suppression_list():
                yield page

    async def _suppression_list(self) -> AsyncIterator[list[Suppressed]]:
        token: str | None = None
        while True:
            query = {"PageSize": str(_PAGE)} | ({"NextToken": token} if token else {})
            reply = await self._ask("GET", f"/suppression/addresses?{urlencode(query)}")
            rows, token = _page(reply, "SuppressedDestinationSummaries", token)
            yield [
                Suppressed(address, kind, reading.unix_time(row.get("LastUpdateTime")), str(row["Reason"]))
                for row in rows
                if (address := reading.text(row.get("EmailAddress")))
                and (kind := REASONS.get(str(row.get("Reason"))))
            ]
            if token is None:
                return

    async def problems(self) -> list[str]:
        reply = await self._ask("GET", self._list)
        if reply.status == 404:
            return [f"account: there is no contact list {self._name!r} in {self._region}"] + [
                f"topic:{topic}: without its contact list there is no topic" for topic in self._topics
            ]
        _raise_for(reply)
        rows = reading.objects(reading.object_of(reply.body).get("Topics"))
        known = {str(row.get("TopicName")) for row in rows}
        return [
            f"topic:{topic}: the contact list has no such topic; its topics are {', '.join(sorted(known))}"
            for topic in self._topics
            if topic not in known
        ]

    async def _contact(self, address: str) -> dict[str, Any] | None:
        """None: there is no such contact (or no such list, which shows when it shall be made)."""
        reply = await self._ask("GET", f"{self._list}/contacts/{in_path(address)}")
        if reply.status == 404:
            return None
        _raise_for(reply)
        contact = reading.object_of(reply.body)
        if not _is_contact(contact):
            raise Malformed("the contact cannot be read")
        return contact

    async def _ask(self, method: str, path: str, payload: Any = None) -> Reply:
        ask = json_ask(method, self._base + path, {}, payload)
        return await self._http.send(
            sigv4.signed(
                ask,
                key_id=self._key_id,
                secret=self._secret,
                region=self._region,
                service="ses",
                now=self._clock(),
            )
        )


def _topic(scope: str) -> str | None:
    """The topic's name; None for `all`. Raises Refused for anything else."""
    kind, _, name = scope.partition(":")
    if scope == ALL:
        return None
    if kind != "topic" or not name:
        raise Refused(f"{scope}: Amazon SES stops all, or a topic; write it as topic:NAME")
    return name


def _is_contact(found: Mapping[str, Any]) -> bool:
    """What is not understood must not be written back: it would be lost."""
    rows, everything = found.get("TopicPreferences"), found.get("UnsubscribeAll")
    return (
        reading.text(found.get("EmailAddress")) is not None
        and (everything is None or isinstance(everything, bool))
        and (rows is None or (isinstance(rows, list) and all(_is_preference(row) for row in rows)))
    )


def _is_preference(row: Any) -> bool:
    known = isinstance(row, dict) and isinstance(row.get("TopicName"), str)
    return known and row.get("SubscriptionStatus") in (OUT, IN)


def _written(contact: Mapping[str, Any]) -> dict[str, Any]:
    """What a PUT has to say to leave a contact as it is: whatever is not said is lost."""
    kept = {"AttributesData": contact["AttributesData"]} if contact.get("AttributesData") else {}
    return {
        "TopicPreferences": contact.get("TopicPreferences") or [],
        "UnsubscribeAll": contact.get("UnsubscribeAll") is True,
        **kept,
    }


def _merged(contact: Mapping[str, Any], topic: str | None, *, stop: bool) -> dict[str, Any]:
    written = _written(contact)
    if topic is None:
        return written | {"UnsubscribeAll": stop}
    status = OUT if stop else IN
    if _status(contact, topic) == status:
        return written
    others = [row for row in written["TopicPreferences"] if row.get("TopicName") != topic]
    wanted = {"TopicName": topic, "SubscriptionStatus": status}
    return written | {"TopicPreferences": [*others, wanted]}


def _status(contact: Mapping[str, Any], topic: str) -> Any:
    """What the contact itself says of a topic; the default of the topic is none of its words."""
    rows = reading.objects(contact.get("TopicPreferences"))
    return next((row.get("SubscriptionStatus") for row in rows if row.get("TopicName") == topic), None)


def _is_out(contact: Mapping[str, Any], topic: str | None) -> bool:
    return contact.get("UnsubscribeAll") is True if topic is None else _status(contact, topic) == OUT


def _page(reply: Reply, name: str, before: str | None) -> tuple[list[dict[str, Any]], str | None]:
    """The rows of one page, and where the next one begins."""
    _raise_for(reply)
    body = reading.object_of(reply.body)
    if not isinstance(body.get(name), list):
        raise Malformed(f"{name}: missing in the answer")
    token = reading.text(body.get("NextToken"))
    if token is not None and token == before:
        raise Malformed("NextToken: the same page again")
    return reading.objects(body[name]), token


def _type(reply: Reply) -> str | None:
    """The name of an error, as the header or the body has it ("NotFoundException:http://…")."""
    named = reply.headers.get("x-amzn-errortype")
    if named is None and not reply.ok:
        try:
            body = reading.object_of(reply.body)
        except Malformed:
            return None
        named = reading.text(body.get("__type")) or reading.text(body.get("code"))
    return named.partition(":")[0].rpartition("#")[2] if named else None


def _raise_for(reply: Reply) -> None:
    if not reply.ok and _type(reply) in _LATER:
        raise TryAgain(said(reply), status=reply.status, retry_after=retry_after(reply))
    raise_for(reply)
