"""Amazon SNS: the envelope that its messages come in, and its signature (versions 1 and 2).

Facts: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
A valid signature only says that some AWS account sent it: anybody can point a topic of theirs at our
address. So the list of our own topics is no option, and comes first.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from email_hooks import reading
from email_hooks.authenticity import any_same, require_fresh, verify_second
from email_hooks.certificates import Fetch
from email_hooks.config import Config, keys_of, listed, tolerance_of
from email_hooks.errors import NotAuthentic, NotConfigured
from email_hooks.request import HookRequest

NOTIFICATION, CONFIRMATION, FAREWELL = "Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"
_CONFIRMED: Final = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
#: What is signed, in this order; a `Subject` only where there is one.
SIGNED: Mapping[str, tuple[str, ...]] = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: _CONFIRMED,
    FAREWELL: _CONFIRMED,
}
#: By `SignatureVersion`; a topic signs by 1 till its attribute of that name says 2.
HASHES: Mapping[str, str] = {"1": "SHA1", "2": "SHA256"}
#: The headers repeat what the body says.
_MIRRORS: Mapping[str, str] = {
    "x-amz-sns-message-type": "Type",
    "x-amz-sns-message-id": "MessageId",
    "x-amz-sns-topic-arn": "TopicArn",
}
#: The `Timestamp` is of the publication and stays at every repetition, which goes on for an hour at most.
TOLERANCE: Final = 86_400.0
_DOMAINS: Final = ["amazonaws.com", "amazonaws.com.cn"]
_HOST = re.compile(r"sns\.[a-z0-9-]{1,40}\.(?P<domain>[a-z0-9.-]{1,60})")
_CERTIFICATE = re.compile(
    r"https://(?P<host>[a-z0-9.-]{1,120})/SimpleNotificationService-[0-9a-f]{1,64}\.pem"
)


def envelope_of(body: bytes) -> dict[str, Any]:
    """The message as SNS wraps it. Raises Malformed where it is no JSON object."""
    return reading.object_of(body)


def string_to_sign(envelope: Mapping[str, Any]) -> bytes:
    """Raises NotAuthentic where a field that has to be signed is missing."""
    lines = []
    for name in SIGNED.get(str(envelope.get("Type")), ()):
        value = envelope.get(name)
        if name == "Subject" and value is None:
            continue
        if not isinstance(value, str):
            raise NotAuthentic(f"{name}: missing, and it has to be signed")
        lines.append(f"{name}\n{value}\n")
    if not lines:
        raise NotAuthentic("Type: not one of SNS")
    return "".join(lines).encode("utf-8", "surrogatepass")


def verify(request: HookRequest, config: Config, now: datetime, fetch: Fetch) -> None:
    """Returns where the request is a message of SNS, of one of `topics`.

    `signing_key` pins certificates (PEM); without it the message's own is fetched. Raises NotAuthentic,
    NotConfigured (no `topics`, or a certificate that cannot be had), Malformed (no JSON).
    """
    topics = listed(config, "topics")
    if not topics:
        raise NotConfigured(
            "topics: missing; list the ARN of each topic, since anybody can point a topic at this address"
        )
    pinned = keys_of(config, "leave it out, or give the certificate of SNS as PEM") if _pins(config) else []
    versions = listed(config, "versions") or list(HASHES)
    verify_second(request, config)
    envelope = envelope_of(request.body)
    if not any_same(str(envelope.get("TopicArn")), topics):
        raise NotAuthentic("TopicArn: not one of `topics`")
    _require_mirrored(request, envelope)
    version = envelope.get("SignatureVersion")
    if not isinstance(version, str) or version not in HASHES or version not in versions:
        raise NotAuthentic("SignatureVersion: not one that is let in")
    signed, signature = string_to_sign(envelope), _signature(envelope)
    require_fresh(reading.iso_time(envelope.get("Timestamp")), now, tolerance_of(config, TOLERANCE))
    url = _certificate_url(envelope, config)
    certificates = [one.encode() for one in pinned] or [fetch(url)]
    if not any(_fits(pem, signature, signed, HASHES[version], now) for pem in certificates):
        raise NotAuthentic("the signature does not match, or its certificate is out of date")


def subscribe_url(envelope: Mapping[str, Any], config: Config) -> str | None:
    """The address that confirms the subscription, where it is one of SNS and for this very topic."""
    value = envelope.get("SubscribeURL")
    if not isinstance(value, str) or not value.isascii():
        return None
    try:
        parts = urlsplit(value)
        asked = parse_qs(parts.query, max_num_fields=10)
    except ValueError:
        return None
    # The whole netloc: no port, no user before an @.
    fits = parts.scheme == "https" and _is_sns(parts.netloc, config) and parts.path in ("", "/")
    right = asked.get("Action") == ["ConfirmSubscription"] and asked.get("TopicArn") == [
        envelope.get("TopicArn")
    ]
    return value if fits and right else None


def _pins(config: Config) -> bool:
    return config.get("signing_key") is not None


def _require_mirrored(request: HookRequest, envelope: Mapping[str, Any]) -> None:
    for header, name in _MIRRORS.items():
        if request.header(header) != envelope.get(name):
            raise NotAuthentic(f"the header {header} does not say what {name} says")


def _signature(envelope: Mapping[str, Any]) -> bytes:
    try:
        return base64.b64decode(str(envelope.get("Signature", "")).encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        raise NotAuthentic("Signature: not base64") from None


def _certificate_url(envelope: Mapping[str, Any], config: Config) -> str:
    """The message itself says where its certificate is: so only at SNS."""
    url = envelope.get("SigningCertURL")
    match = _CERTIFICATE.fullmatch(url) if isinstance(url, str) else None
    if match is None or not _is_sns(match["host"], config):
        raise NotAuthentic("SigningCertURL: not an address of SNS")
    return match[0]


def _is_sns(host: str, config: Config) -> bool:
    match = _HOST.fullmatch(host)
    return match is not None and match["domain"] in (listed(config, "sns_domains") or _DOMAINS)


def _fits(pem: bytes, signature: bytes, signed: bytes, hash_name: str, now: datetime) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise NotConfigured("signing_key: what stands there, or was fetched, is no certificate") from None
    if not isinstance(key, RSAPublicKey):
        return False
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        return False
    try:
        key.verify(signature, signed, PKCS1v15(), getattr(hashes, hash_name)())
    except InvalidSignature:
        return False
    return True
