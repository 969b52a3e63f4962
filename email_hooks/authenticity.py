"""Who sent it: shared secrets, keyed hashes and freshness. All comparisons take the same time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime

from email_hooks.config import Config, keys_of, listed, tolerance_of
from email_hooks.errors import NotAuthentic, NotConfigured
from email_hooks.request import HookRequest
from email_hooks.signatures import FAMILIES, verify_standard


def same(given: str, expected: str) -> bool:
    """Compares bytes: `compare_digest` refuses text that is not ASCII."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())


def any_same(given: str, expected: Iterable[str]) -> bool:
    """Whether it is one of them, looking at all in any case."""
    matches = [same(given, one) for one in expected]
    return any(matches)


def verify_shared(request: HookRequest, config: Config) -> None:
    """For providers that sign nothing: HTTP basic (`basic`), or a secret in the query or a header (`secret`).

    Where both are configured, both must be right. Raises NotAuthentic, or NotConfigured without either.
    """
    logins, secrets = listed(config, "basic"), listed(config, "secret")
    if not logins and not secrets:
        raise NotConfigured("basic or secret: missing; without one of them anybody could report an opt-out")
    if logins and not any_same(_login_of(request), logins):
        raise NotAuthentic("the login is missing or wrong")
    if secrets:
        header = config.get("header")
        given = request.header(header) if isinstance(header, str) else request.query("secret")
        if not any_same(given or "", secrets):
            raise NotAuthentic("the shared secret is missing or wrong")


def verify_second(request: HookRequest, config: Config) -> None:
    """A shared secret beside a signature, where one is configured. Raises as `verify_shared`."""
    if config.get("basic") is not None or config.get("secret") is not None:
        verify_shared(request, config)


def verify_standard_request(request: HookRequest, config: Config, now: datetime, hint: str) -> None:
    """Standard Webhooks by `signing_key`, and the second secret where there is one.

    `hint`: where the key is found. Raises NotAuthentic or NotConfigured.
    """
    keys, tolerance = keys_of(config, hint), tolerance_of(config, 300)
    verify_second(request, config)
    found = {name: request.header(name) for family in FAMILIES for name in family}
    headers = {name: value for name, value in found.items() if value is not None}
    window = float("inf") if tolerance is None else tolerance
    verify_standard(headers, request.body, keys, now, window)


def standard_id(request: HookRequest) -> str | None:
    """The id that a verified request was signed with: `verify_standard` reads the first whole family, and an
    id of the other one is anybody's word."""
    for names in FAMILIES:
        values = [request.header(name) for name in names]
        if all(values):
            return values[0]
    return None


def _login_of(request: HookRequest) -> str:
    scheme, _, encoded = (request.header("authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(encoded.strip().encode("ascii"), validate=True).decode()
    except (ValueError, binascii.Error):
        return ""


def hmac_hex(key: str, message: bytes, algorithm: str = "sha256") -> str:
    return hmac.new(key.encode(), message, getattr(hashlib, algorithm)).hexdigest()


def hmac_base64(key: str, message: bytes, algorithm: str = "sha256") -> str:
    return base64.b64encode(hmac.digest(key.encode(), message, algorithm)).decode()


def require_fresh(moment: datetime | None, now: datetime, tolerance: float | None) -> None:
    """Raises NotAuthentic where a signed time is further than `tolerance` seconds from `now`, either way."""
    if tolerance is None:
        return
    if moment is None or abs((now - moment).total_seconds()) > tolerance:
        raise NotAuthentic("the signed time is too far from now")
