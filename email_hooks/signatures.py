"""Signing and verifying by Standard Webhooks 1.0.0: `v1` (HMAC-SHA256) and `v1a` (ed25519)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets as randomness
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from email_hooks.errors import Malformed, NotAuthentic, NotConfigured

SHARED, PRIVATE, PUBLIC = "whsec_", "whsk_", "whpk_"
#: Header names by sender; a request uses one family, never a mix of both.
FAMILIES = (
    ("webhook-id", "webhook-timestamp", "webhook-signature"),
    ("svix-id", "svix-timestamp", "svix-signature"),
)
#: Public-key checks are dear, so a header stuffed with signatures is not worked through.
MAX_SIGNATURES = 32
SECRET_BYTES = 32
ED25519_BYTES = 32

# No dot in an id: it would let id, timestamp and body trade places under one signature.
_ID = re.compile(r"[!-\-/-~]{1,256}")
# Digits only: float() would take "nan", "1e9" and "1_0".
_TIMESTAMP = re.compile(r"[0-9]{1,12}")

Secrets = str | Sequence[str]
#: Takes the signed bytes and gives the header entry.
Signer = Callable[[bytes], str]
#: Takes the signed bytes, the version and the raw signature of one entry.
Checker = Callable[[bytes, str, bytes], bool]


def new_secret() -> str:
    """A fresh shared secret of 32 random bytes, as `whsec_` and base64. Show it once."""
    return SHARED + base64.b64encode(randomness.token_bytes(SECRET_BYTES)).decode("ascii")


def sign_standard(secrets: Secrets, webhook_id: str, timestamp: datetime, body: bytes) -> dict[str, str]:
    """The three headers for one attempt.

    `secrets` is `whsec_…` (or `whsk_…` for ed25519), or several while rotating: one signature each.
    `webhook_id` stays the same over retries; `timestamp` is the aware time of this attempt.
    Raises NotConfigured for an unusable secret, Malformed for an id or a time that the scheme cannot carry.
    """
    if not _ID.fullmatch(webhook_id):
        raise Malformed("webhook_id: 1 to 256 visible ASCII characters without a dot")
    if timestamp.tzinfo is None:
        raise Malformed("timestamp: needs a time zone")
    seconds = str(int(timestamp.timestamp()))
    if not _TIMESTAMP.fullmatch(seconds):
        raise Malformed("timestamp: before 1970")
    signed = _signed_bytes(webhook_id, seconds, body)
    signatures = " ".join(_signer(secret)(signed) for secret in _each(secrets))
    return dict(zip(FAMILIES[0], (webhook_id, seconds, signatures), strict=True))


def verify_standard(
    headers: Mapping[str, str], body: bytes, secrets: Secrets, now: datetime, tolerance: float = 300
) -> None:
    """Returns if any signature matches any secret and is at most `tolerance` seconds from `now`, either way.

    `secrets` are `whsec_…` (the prefix may be missing) or `whpk_…`; several while rotating. Header names
    are found in any case; `body` is the raw bytes as received. Raises NotAuthentic, or NotConfigured where
    a secret is empty or unusable; nothing else, whatever arrives.
    """
    checkers = [_checker(secret) for secret in _each(secrets)]
    webhook_id, seconds, signatures = _three_headers(headers)
    if not _ID.fullmatch(webhook_id):
        raise NotAuthentic("the webhook id is not one")
    if not _TIMESTAMP.fullmatch(seconds):
        raise NotAuthentic("the timestamp is not in whole seconds")
    if not abs(now.timestamp() - int(seconds)) <= tolerance:
        raise NotAuthentic("the timestamp is too far from now")
    signed = _signed_bytes(webhook_id, seconds, body)
    entries = signatures.split(" ")
    if len(entries) > MAX_SIGNATURES:
        raise NotAuthentic("too many signatures")
    for entry in entries:
        version, _, encoded = entry.partition(",")
        signature = _decode(encoded)
        if signature and any(check(signed, version, signature) for check in checkers):
            return
    raise NotAuthentic("no signature matches")


def _three_headers(headers: Mapping[str, str]) -> tuple[str, str, str]:
    found: dict[str, str] = {}
    for name, value in headers.items():
        lowered = name.lower()
        if lowered in found and lowered.startswith(("webhook-", "svix-")):
            raise NotAuthentic("a signature header is there twice")
        found[lowered] = value
    for family in FAMILIES:
        if all(found.get(name) for name in family):
            return found[family[0]], found[family[1]], found[family[2]]
    raise NotAuthentic("the signature headers are missing")


def _signed_bytes(webhook_id: str, seconds: str, body: bytes) -> bytes:
    return f"{webhook_id}.{seconds}.".encode("ascii") + body


def _each(secrets: Secrets) -> Sequence[str]:
    listed = [secrets] if isinstance(secrets, str) else secrets
    if not listed:
        raise NotConfigured("signing_key: missing; set the secret that both sides share")
    return listed


def _signer(secret: str) -> Signer:
    prefix, key = _read_secret(secret)
    if prefix == SHARED:
        return lambda signed: "v1," + _encode(hmac.digest(key, signed, hashlib.sha256))
    if prefix == PRIVATE:
        # Some tools write seed and public half together (64 bytes); the seed alone is the key.
        private = Ed25519PrivateKey.from_private_bytes(key[:ED25519_BYTES])
        return lambda signed: "v1a," + _encode(private.sign(signed))
    raise NotConfigured("signing_key: a public key (whpk_) cannot sign; use whsec_ or whsk_")


def _checker(secret: str) -> Checker:
    prefix, key = _read_secret(secret)
    if prefix == SHARED:

        def check_shared(signed: bytes, version: str, signature: bytes) -> bool:
            return version == "v1" and hmac.compare_digest(
                hmac.digest(key, signed, hashlib.sha256), signature
            )

        return check_shared
    if prefix == PRIVATE:
        raise NotConfigured("signing_key: a private key (whsk_) belongs to the sender; use its whpk_")
    try:
        public = Ed25519PublicKey.from_public_bytes(key)
    except ValueError:
        raise NotConfigured("signing_key: whpk_ is not an ed25519 key") from None

    def check_public(signed: bytes, version: str, signature: bytes) -> bool:
        if version != "v1a":
            return False
        try:
            public.verify(signature, signed)
        except InvalidSignature:
            return False
        return True

    return check_public


def _read_secret(secret: str) -> tuple[str, bytes]:
    prefix, encoded = SHARED, secret.strip()
    for known in (SHARED, PRIVATE, PUBLIC):
        if encoded.startswith(known):
            prefix, encoded = known, encoded.removeprefix(known)
            break
    # Secrets are passed around with and without their padding.
    bare = encoded.rstrip("=")
    key = _decode(bare + "=" * (-len(bare) % 4))
    if not key:
        raise NotConfigured("signing_key: empty or not base64; copy it whole, as the sender shows it")
    allowed = {SHARED: None, PRIVATE: (ED25519_BYTES, 2 * ED25519_BYTES), PUBLIC: (ED25519_BYTES,)}[prefix]
    if allowed and len(key) not in allowed:
        raise NotConfigured(f"signing_key: {prefix} is not an ed25519 key")
    return prefix, key


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _decode(text: str) -> bytes | None:
    """Standard base64, or None for anything else."""
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
