"""Every provider by its name, and the one call that receives from any of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from email_hooks.config import Config
from email_hooks.errors import NotConfigured
from email_hooks.events import HookEvent
from email_hooks.provider import Provider
from email_hooks.providers import (
    hubspot,
    listmonk,
    mailchimp,
    mailgun,
    postmark,
    resend,
    sendgrid,
    ses,
    standard,
)
from email_hooks.request import HookRequest

_ALL: tuple[Provider, ...] = (
    hubspot.PROVIDER,
    listmonk.PROVIDER,
    mailchimp.PROVIDER,
    mailgun.PROVIDER,
    postmark.PROVIDER,
    resend.PROVIDER,
    sendgrid.PROVIDER,
    ses.PROVIDER,
    standard.PROVIDER,
)

PROVIDERS: Mapping[str, Provider] = MappingProxyType({one.name: one for one in _ALL})


def receive(provider: str, request: HookRequest, config: Config, now: datetime) -> list[HookEvent]:
    """Verify a webhook request and say what is in it; `now` is aware.

    Raises NotAuthentic (missing, forged or stale), Malformed (cannot be read) or NotConfigured (a secret or
    the provider is missing); nothing else, whatever arrives.
    """
    adapter = PROVIDERS.get(provider)
    if adapter is None:
        raise NotConfigured(f"provider: unknown; known are {', '.join(sorted(PROVIDERS))}")
    adapter.verify(request, config, now)
    return adapter.parse(request, config)
