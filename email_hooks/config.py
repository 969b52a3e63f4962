"""Reading a connection's configuration: one set of names for all providers.

`signing_key` (HMAC secret, `whsec_…` or public key, text or a list while rotating), `basic`
(`user:password`, text or a list), `secret` (text or a list, in the query as `secret=` or in the header that
`header` names), `public_url` (where the scheme signs the URL), `topics` (allowed SNS topics), `tolerance`
(seconds), `versions` (signature schemes of HubSpot and SNS), `sns_domains` (of regions of their own). For
pushing: `api_key`, `api_secret`, `region`, `base_url`, `account`, `legal_basis` and
`legal_basis_explanation` (HubSpot). Of a generic tool: `events`, the names in `providers.standard.PATHS`,
`push_url`, `list_url`. `scopes`: what the connection's purposes are mapped to, given by the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from email_hooks.errors import NotConfigured

Config = Mapping[str, Any]


def listed(config: Config, name: str) -> list[str]:
    """The texts under a name, none of them empty. Raises NotConfigured for anything but texts."""
    value = config.get(name)
    if value is None:
        return []
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list | tuple) or not all(isinstance(one, str) for one in values):
        raise NotConfigured(f"{name}: must be a text or a list of texts")
    if not all(one.strip() for one in values):
        raise NotConfigured(f"{name}: is empty; an empty secret would let anybody in")
    return list(values)


def required(config: Config, name: str, hint: str) -> str:
    """The one text under a name. `hint`: where it is found at the provider. Raises NotConfigured."""
    values = listed(config, name)
    if len(values) != 1:
        raise NotConfigured(f"{name}: {'missing' if not values else 'only one can be used'}; {hint}")
    return values[0]


def keys_of(config: Config, hint: str) -> list[str]:
    """Every `signing_key`. Raises NotConfigured where there is none."""
    keys = listed(config, "signing_key")
    if not keys:
        raise NotConfigured(f"signing_key: missing; {hint}")
    return keys


def tolerance_of(config: Config, default: float | None) -> float | None:
    """Seconds that a signed time may be away from now; None: any. Raises NotConfigured for no number."""
    value = config.get("tolerance", default)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise NotConfigured("tolerance: must be a number of seconds above 0")
    return float(value)


def base_url(config: Config, default: str) -> str:
    """Where the provider's API is, without a slash at the end."""
    return (listed(config, "base_url") or [default])[0].rstrip("/")


def regional_url(config: Config, urls: Mapping[str, str]) -> str:
    """`base_url`, or the one of `region` among `urls` ("": without a region). Raises NotConfigured."""
    region = (listed(config, "region") or [""])[0]
    if region not in urls:
        raise NotConfigured(f"region: must be {' or '.join(filter(None, urls))}, or left out")
    return base_url(config, urls[region])


def mapped(config: Config, kind: str) -> list[str]:
    """The ids of one kind of scope ("stream:broadcast" -> "broadcast") that the connection is mapped to."""
    prefix = f"{kind}:"
    scopes = config.get("scopes", ())
    return sorted({scope.removeprefix(prefix) for scope in scopes if scope.startswith(prefix)})
