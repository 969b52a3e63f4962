"""HubSpot's signatures: v3 (HMAC with a time), and the plain hashes v2 and v1 for those who ask for them.

Facts: https://developers.hubspot.com/docs/api/webhooks/validating-requests
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from email_hooks import reading
from email_hooks.authenticity import any_same, hmac_base64, require_fresh
from email_hooks.config import Config, listed, required
from email_hooks.errors import NotAuthentic, NotConfigured
from email_hooks.request import HookRequest

#: Decoded in the address before v3 signs it; every other escape stays.
DECODED: Final = {
    "%3A": ":",
    "%2F": "/",
    "%3F": "?",
    "%40": "@",
    "%21": "!",
    "%24": "$",
    "%27": "'",
    "%28": "(",
    "%29": ")",
    "%2A": "*",
    "%2C": ",",
    "%3B": ";",
}
VERSIONS: Final = (3, 2, 1)
_ESCAPES = re.compile("|".join(DECODED), re.IGNORECASE)


def decoded(url: str) -> str:
    """The address as v3 signs it."""
    return _ESCAPES.sub(lambda match: DECODED[match[0].upper()], url)


def signature(version: int, key: str, method: str, url: str, body: bytes, milliseconds: str = "") -> str:
    """The header's value. `url`: as HubSpot calls it, whole; `milliseconds`: of v3 only."""
    if version == 3:
        # The time comes last, and nothing stands between the parts.
        signed = _bytes(method + decoded(url)) + body + _bytes(milliseconds)
        return hmac_base64(key, signed)
    before = key if version == 1 else key + method + url
    return hashlib.sha256(_bytes(before) + body).hexdigest()


def verify(
    request: HookRequest, config: Config, keys: Sequence[str], now: datetime, tolerance: float | None
) -> None:
    """Raises NotAuthentic, or NotConfigured. Where v3 is there, it alone decides."""
    allowed, url = _versions(config), _signed_url(request, config)
    given, milliseconds = request.header("x-hubspot-signature-v3"), ""
    if given is not None and 3 in allowed:
        version = 3
        milliseconds = request.header("x-hubspot-request-timestamp") or ""
        require_fresh(reading.unix_time(milliseconds, per_second=1000), now, tolerance)
    else:
        given = request.header("x-hubspot-signature")
        version = {"v2": 2, "v1": 1, None: 1}.get(request.header("x-hubspot-signature-version"), 0)
        if given is None or version not in allowed:
            raise NotAuthentic("no signature of a version that `versions` allows")
    expected = [signature(version, key, request.method, url, request.body, milliseconds) for key in keys]
    if not any_same(given, expected):
        raise NotAuthentic("no signature matches; is public_url the address that HubSpot was given?")


def _versions(config: Config) -> Sequence[int]:
    given = config.get("versions", [3])
    if not isinstance(given, list | tuple) or not given or not all(type(one) is int for one in given):
        raise NotConfigured("versions: a list of the signature versions to accept, such as [3]")
    if not set(given) <= set(VERSIONS):
        raise NotConfigured("versions: HubSpot has the versions 1, 2 and 3")
    return given


def _signed_url(request: HookRequest, config: Config) -> str:
    """`public_url`, with the query as it came: a proxy may have changed everything before it."""
    if not listed(config, "public_url"):
        return request.url
    public = required(config, "public_url", "the address that HubSpot was given")
    query = request.url.partition("?")[2]
    return public if "?" in public or not query else f"{public}?{query}"


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")
