"""What mailing providers say, and how to tell them. No database, no web framework, no settings."""

from email_hooks.errors import HookError, Malformed, NotAuthentic, NotConfigured
from email_hooks.events import EventKind, HookEvent
from email_hooks.registry import PROVIDERS, receive
from email_hooks.request import HookRequest

__all__ = [
    "PROVIDERS",
    "EventKind",
    "HookError",
    "HookEvent",
    "HookRequest",
    "Malformed",
    "NotAuthentic",
    "NotConfigured",
    "receive",
]
