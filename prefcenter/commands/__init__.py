"""What each command of the command line does; `prefcenter.cli` says how they are called."""

from prefcenter.commands.checking import check, verify
from prefcenter.commands.errors import CommandError
from prefcenter.commands.keys import create_key, list_keys, revoke_key
from prefcenter.commands.linking import links
from prefcenter.commands.running import migrate, serve, work
from prefcenter.commands.support import stop, why
from prefcenter.commands.updating import apply

__all__ = [
    "CommandError",
    "apply",
    "check",
    "create_key",
    "links",
    "list_keys",
    "migrate",
    "revoke_key",
    "serve",
    "stop",
    "verify",
    "why",
    "work",
]
