"""The only errors that leave this package; each says who has to act. None carries a secret or a body."""


class HookError(Exception):
    """Anything wrong with a webhook; catch this to catch all."""


class NotAuthentic(HookError):
    """Not from whom it claims to be: the signature is missing, forged or stale. Refuse it."""


class Malformed(HookError):
    """Cannot be read or written in this scheme. Whoever made it has to mend it."""


class NotConfigured(HookError):
    """A secret is missing or unusable. Nothing is let through till the operator mends it."""
