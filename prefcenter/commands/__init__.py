"""What each command of the command line does; `prefcenter.cli` says how they are called."""

from prefcenter.commands.asking import ask
from prefcenter.commands.auditing import audit_file
from prefcenter.commands.checking import check, verify
from prefcenter.commands.errors import CommandError
from prefcenter.commands.filtering import filter_rows
from prefcenter.commands.importing import ImportRequest, import_file
from prefcenter.commands.keys import create_key, list_keys, revoke_key
from prefcenter.commands.linking import links
from prefcenter.commands.running import migrate, serve, work
from prefcenter.commands.support import stop, why
from prefcenter.commands.tasks import tasks
from prefcenter.commands.updating import apply, plan

__all__ = [
    "CommandError",
    "ImportRequest",
    "apply",
    "ask",
    "audit_file",
    "check",
    "create_key",
    "filter_rows",
    "import_file",
    "links",
    "list_keys",
    "migrate",
    "plan",
    "revoke_key",
    "serve",
    "stop",
    "tasks",
    "verify",
    "why",
    "work",
]
