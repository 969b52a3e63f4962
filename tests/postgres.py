"""A real PostgreSQL for the tests: a throwaway server on a Unix socket, as durable as a production one."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import asyncpg

from tests.postgres_account import account_for, die_with_parent, runnable_binaries

# Durability stays on: prefcenter refuses to start without it.
SETTINGS = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "checkpoint_timeout": "1h",
    "max_wal_size": "1GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "io_method": "sync",  # no helper processes: the machine's cores belong to the tests
}
MEMORY = Path("/dev/shm")  # makes a database in 20 ms, a disk in 100 ms
MEMORY_WANTED = 2 << 30  # bytes
STARTS_WITHIN = 30.0  # seconds
PREFIX = "prefcenter-pg-"


class PostgresServer:
    """One server with its own folder. `start` may be called at any time; `restart` is for tests of faults."""

    def __init__(self, *, memory: bool = True, **settings: str) -> None:
        """`memory` False: on the disk, for benchmarks. `settings`: beside, or instead of, SETTINGS."""
        self._settings = {**SETTINGS, **settings}
        self.in_memory = memory and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_WANTED
        parent = MEMORY if self.in_memory else Path(tempfile.gettempdir())
        remove_orphans(parent)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent))
        self._account = account_for(self.folder)
        self._binaries = runnable_binaries(self.folder, self._account)
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        return f"postgres://postgres@/{database}?host={self.folder}"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server unless it runs; make its files the first time. About 0.9 s, later 0.03 s."""
        if self.running:
            return
        if not self._data.exists():
            self._run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self._data, "-k", self.folder, *options],
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,
                cwd=self.folder,
                **self._account,
            )
        self._wait_until_ready()

    def stop(self) -> None:
        """Shut down in order, cutting every connection."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """End at once, as when the power goes: the next start has to recover."""
        self._end(signal.SIGQUIT)

    def restart(self) -> None:
        self.stop()
        self.start()

    def destroy(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    async def create(self, database: str, template: str = "template1") -> str:
        """Make a database from a template that nobody is connected to; returns its URL."""
        # With fsync costing nothing copying files is quickest; on a disk it waits for two checkpoints.
        strategy = "file_copy" if self.in_memory else "wal_log"
        await self._administer(f'CREATE DATABASE "{database}" TEMPLATE "{template}" STRATEGY {strategy}')
        return self.url(database)

    async def drop(self, database: str) -> None:
        await self._administer(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    async def _administer(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url())
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(STARTS_WITHIN)
            self._process = None

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _run(self, program: str, *arguments: str) -> None:
        # --no-sync: a cluster that no test has used yet may be lost.
        command = [str(self._binaries / program), f"--pgdata={self._data}", "--no-sync", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, **self._account)
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr or done.stdout}")

    def _wait_until_ready(self) -> None:
        # The last line of postmaster.pid tells the state, quicker than pg_ctl's looks every 100 ms.
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline and self.running:
            if server_state(self._data / "postmaster.pid") == "ready":
                return
            time.sleep(0.005)
        raise RuntimeError(f"PostgreSQL did not start: {(self.folder / 'log').read_text()}")


def server_state(pidfile: Path) -> str:
    """What PostgreSQL last said of itself: `starting`, `ready`, `stopping`, or nothing yet."""
    try:
        return pidfile.read_text().split("\n")[7].strip()
    except (FileNotFoundError, IndexError):
        return ""


def remove_orphans(parent: Path) -> None:
    """Remove the folders of test runs that were killed before they could tidy up."""
    for folder in parent.glob(f"{PREFIX}*-*"):
        pid = folder.name.removeprefix(PREFIX).split("-")[0]
        if pid.isdigit() and not process_lives(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def process_lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
