"""A command that is killed in the middle of its work, at a moment that the test names."""

from __future__ import annotations

import signal

from tests.commands.conftest import Console

_BEGINS = """
import sys
from prefcenter import cli
from prefcenter.storage.postgres import PostgresTx
from prefcenter.storage.sqlite import SqliteTx

times = 0

def stop():
    global times
    times += 1
    if times == 2:
        print("here", flush=True)
        sys.stdin.readline()
"""


def killed(console: Console, *arguments: str, patches: str, where: str) -> None:
    """Run a command that stops for good at the second `stop()`, and kill it there.

    `patches`: Python with functions that put the `stop()` somewhere; `where`: which of them is called.
    """
    process = console.start(*arguments, python=f"{_BEGINS}{patches}\n{where}()\ncli.main()\n")
    assert process.stdout is not None
    assert process.stdout.readline() == b"here\n", process.communicate()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
