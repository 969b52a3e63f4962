"""Amazon SNS in memory: a topic that signs what it publishes, with a certificate of its own.

There is no such certificate at SNS, so a connection has to pin it: `signing_key`.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from functools import lru_cache

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from email_hooks.request import HookRequest

TOPIC = "arn:aws:sns:eu-west-1:123456789012:ses-events"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ),
}
_SIGNED["UnsubscribeConfirmation"] = _SIGNED["SubscriptionConfirmation"]


@lru_cache(maxsize=32)
def key_of(name: str) -> rsa.RSAPrivateKey:
    """The private key of one who signs; the same for the same name in one process."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@lru_cache(maxsize=32)
def certificate_of(
    name: str,
    since: datetime = datetime(2020, 1, 1, tzinfo=UTC),
    until: datetime = datetime(2050, 1, 1, tzinfo=UTC),
) -> str:
    """Its certificate, as PEM."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key_of(name).public_key())
        .serial_number(1)
        .not_valid_before(since)
        .not_valid_after(until)
    )
    signed = built.sign(key_of(name), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode("ascii")


def signed(fields: dict[str, str], name: str, version: str = "2") -> dict[str, str]:
    """The fields with the signature of `name`."""
    lines = [f"{one}\n{fields[one]}\n" for one in _SIGNED[fields["Type"]] if one in fields]
    digest = getattr(hashes, {"1": "SHA1", "2": "SHA256"}[version])()
    signature = key_of(name).sign("".join(lines).encode(), padding.PKCS1v15(), digest)
    return fields | {
        "SignatureVersion": version,
        "Signature": base64.b64encode(signature).decode("ascii"),
        "SigningCertURL": CERTIFICATE_URL,
    }


def notification(message_id: str, message: str, at: datetime) -> dict[str, str]:
    return {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": TOPIC,
        "Message": message,
        "Timestamp": stamp(at),
        "UnsubscribeURL": f"https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={TOPIC}:1",
    }


def confirmation(message_id: str, at: datetime, type_: str = "SubscriptionConfirmation") -> dict[str, str]:
    return {
        "Type": type_,
        "MessageId": message_id,
        "Token": "2336412f37",
        "TopicArn": TOPIC,
        "Message": f"You have chosen to subscribe to the topic {TOPIC}.\nVisit the SubscribeURL.",
        "SubscribeURL": f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}"
        "&Token=2336412f37",
        "Timestamp": stamp(at),
    }


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def posted(url: str, fields: dict[str, str]) -> HookRequest:
    """As SNS posts it: JSON that says it is text."""
    return HookRequest(
        method="POST",
        url=url,
        headers={
            "content-type": "text/plain; charset=UTF-8",
            "x-amz-sns-message-type": fields["Type"],
            "x-amz-sns-message-id": fields["MessageId"],
            "x-amz-sns-topic-arn": fields["TopicArn"],
        },
        body=msgspec.json.encode(fields),
    )
