"""AWS in memory: whether a request carries the right signature (Signature Version 4), written from its
description and without botocore: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit

from email_hooks.http import Ask

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,]+)/(?P<scope>[^,]+),"
    r" *SignedHeaders=(?P<names>[^,]+), *Signature=(?P<signature>[0-9a-f]{64})"
)
#: How far the time of a request may be from now.
_SKEW = timedelta(minutes=5)


def is_signed(ask: Ask, *, key_id: str, secret: str, region: str, service: str, now: datetime) -> bool:
    headers = {name.lower(): value for name, value in ask.headers.items()}
    parts = urlsplit(ask.url)
    headers.setdefault("host", parts.netloc)
    found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    stamp = headers.get("x-amz-date", "")
    if found is None or not re.fullmatch(r"\d{8}T\d{6}Z", stamp):
        return False
    at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    names = found["names"].split(";")
    if found["key"] != key_id or found["scope"] != scope or not {"host", "x-amz-date"} <= {*names}:
        return False
    lines = [f"{name}:{' '.join(headers.get(name, '').split())}" for name in names]
    canonical = "\n".join(
        [
            ask.method,
            # Every segment of the path is encoded a second time, unlike at S3.
            quote(parts.path or "/", safe="/-_.~"),
            "&".join(sorted(parts.query.split("&"))) if parts.query else "",
            *lines,
            "",
            found["names"],
            hashlib.sha256(ask.body).hexdigest(),
        ]
    )
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for one in scope.split("/"):
        key = hmac.digest(key, one.encode(), "sha256")
    expected = hmac.digest(key, text.encode(), "sha256").hex()
    return abs(now - at) <= _SKEW and hmac.compare_digest(expected, found["signature"])
