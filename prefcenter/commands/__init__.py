"""What each command of the command line does; `prefcenter.cli` says how they are called."""

from prefcenter.commands.asking import ask
from prefcenter.commands.auditing import audit_file
from prefcenter.commands.checking import check, verify
from prefcenter.commands.checking_mail import check_mail
from prefcenter.commands.errors import CommandError
from prefcenter.commands.filtering import filter_rows
from prefcenter.commands.importing import ImportRequest, import_file
from prefcenter.commands.keys import create_key, list_keys, revoke_key
from prefcenter.commands.linking import links
from prefcenter.commands.receiving import close_mail, list_mails, receive, show_mail
from prefcenter.commands.reconciling import reconcile
from prefcenter.commands.running import migrate, serve, work
from prefcenter.commands.status import status
from prefcenter.commands.support import stop, why
from prefcenter.commands.tasks import tasks
from prefcenter.commands.updating import apply, plan
from prefcenter.commands.voiding import VoidRequest, void_entries

__all__ = [
    "CommandError",
    "ImportRequest",
    "VoidRequest",
    "apply",
    "ask",
    "audit_file",
    "check",
    "check_mail",
    "close_mail",
    "create_key",
    "filter_rows",
    "import_file",
    "links",
    "list_keys",
    "list_mails",
    "migrate",
    "plan",
    "receive",
    "reconcile",
    "revoke_key",
    "serve",
    "show_mail",
    "status",
    "stop",
    "tasks",
    "verify",
    "void_entries",
    "why",
    "work",
]
