"""Fetching a signer's certificate: once for each address, a small answer, a short wait, no redirect."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache

import httpx2

from email_hooks.errors import NotAuthentic, NotConfigured

#: Gives the PEM text at a vetted address. Raises NotAuthentic where there is none, NotConfigured where it
#: cannot be reached.
Fetch = Callable[[str], bytes]

#: A certificate has about 2 KiB.
_MOST_BYTES = 64 * 1024
_SECONDS = 5.0
#: A signer uses one or two at a time; an answer does not change, since the address names its key.
_KEPT = 16


def fetch_certificate(url: str, *, seconds: float = _SECONDS) -> bytes:
    """What is at `url`, which the caller has vetted, within `seconds`; blocks. Raises as `Fetch` says."""
    until = time.monotonic() + seconds
    body = bytearray()
    try:
        with (
            # No proxy and no certificates from the environment: those are settings of other programs.
            httpx2.Client(trust_env=False, follow_redirects=False, timeout=seconds) as client,
            # As it is: a packed answer could unpack to anything.
            client.stream("GET", url, headers={"accept-encoding": "identity"}) as response,
        ):
            status = response.status_code
            if status == 200:
                for chunk in response.iter_raw():
                    body += chunk
                    if len(body) > _MOST_BYTES:
                        raise NotAuthentic("the certificate is too long to be one")
                    if time.monotonic() > until:
                        raise NotConfigured("the certificate did not come in time; try again")
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise NotConfigured(
            "the signer's certificate cannot be fetched; let this host reach it, or pin it as signing_key"
        ) from error
    if status in (408, 429) or status >= 500:
        raise NotConfigured(f"asking for the signer's certificate was answered {status}; try again")
    if status != 200:
        raise NotAuthentic(f"the signer has no certificate at the address it names (answered {status})")
    return bytes(body)


def remembering(fetch: Fetch) -> Fetch:
    """The same, asking once for each address; a failure is not remembered. Safe between threads."""
    return lru_cache(maxsize=_KEPT)(fetch)
