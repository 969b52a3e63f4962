"""Signing requests to AWS (Signature Version 4) with botocore, the optional extra `ses`.

Facts: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from email_hooks.errors import NotConfigured
from email_hooks.http import Ask


def signed(ask: Ask, *, key_id: str, secret: str, region: str, service: str, now: datetime) -> Ask:
    """The request with its signature of the moment `now` (UTC). Raises NotConfigured without botocore."""
    try:
        from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials
    except ImportError as error:
        raise NotConfigured(
            "asking Amazon SES needs botocore, which is not installed: pip install 'prefcenter[ses]'"
        ) from error
    at = now.strftime(SIGV4_TIMESTAMP)
    # The fewest headers: others may be changed on the way.
    headers = {name: value for name, value in ask.headers.items() if name.lower() == "content-type"}
    headers |= {"host": urlsplit(ask.url).netloc, "x-amz-date": at}
    request = AWSRequest(method=ask.method, url=ask.url, data=ask.body, headers=headers)
    request.context["timestamp"] = at
    auth = SigV4Auth(Credentials(key_id, secret), service, region)
    # Not by `add_auth`: it writes the path to its log, and addresses are in the path.
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    names = auth.signed_headers(auth.headers_to_sign(request))
    authorization = (
        f"AWS4-HMAC-SHA256 Credential={auth.scope(request)}, SignedHeaders={names}, Signature={signature}"
    )
    return replace(ask, headers={**ask.headers, "x-amz-date": at, "authorization": authorization})
