"""What mailing providers say, and how to tell them. No database, no web framework, no settings."""

from email_hooks.errors import HookError, Malformed, NotAuthentic, NotConfigured

__all__ = ["HookError", "Malformed", "NotAuthentic", "NotConfigured"]
