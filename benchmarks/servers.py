"""Real parts to measure: databases on the disk, server processes, and the wrk load generator."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from prefcenter.starter import write_starter
from tests.databases import run
from tests.postgres import PostgresServer

_READY_WITHIN = 60.0  # seconds
#: Of PostgreSQL: a small part of what a server with a million people has.
_SHARED_BUFFERS = "1GB"


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty, migrated database on the disk."""
    from prefcenter.storage.orm import migrate

    if kind == "sqlite":
        url = f"sqlite:///{folder / 'bench.db'}"
        run(migrate(url))
        yield url
        return
    server = PostgresServer(memory=False, shared_buffers=_SHARED_BUFFERS)
    server.start()
    try:
        run(server.create("bench"))
        run(migrate(server.url("bench")))
        yield server.url("bench")
    finally:
        server.destroy()


@contextmanager
def instance(kind: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder with fresh configuration and the environment that its processes get."""
    folder = Path(tempfile.mkdtemp(prefix="prefcenter-bench-"))
    try:
        write_starter(folder)
        with database(kind, folder) as url:
            (folder / ".env").write_text(
                re.sub(r"(?m)^#? ?PREFCENTER_DATABASE_URL=.*$\n?", "", (folder / ".env").read_text())
            )
            yield folder, {**os.environ, "PREFCENTER_DATABASE_URL": url, "BENCH_FOLDER": str(folder)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def server(environ: Mapping[str, str], **variables: str) -> Iterator[tuple[str, int]]:
    """A process of `benchmarks.app`, as `prefcenter serve` would run it: its URL and process id."""
    with process("benchmarks.app:app", {**environ, **variables}) as running:
        yield running


@contextmanager
def process(app: str, environ: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """A uvicorn process that answers at `/readyz`: its URL and process id."""
    port = free_port()
    running = subprocess.Popen(
        [
            *(sys.executable, "-m", "uvicorn", app, "--port", str(port)),
            *("--no-access-log", "--log-level", "warning", "--loop", "uvloop", "--http", "httptools"),
        ],
        env=environ,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url)
        yield url, running.pid
    finally:
        running.terminate()
        running.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(url: str) -> None:
    until = time.monotonic() + _READY_WITHIN
    while True:
        try:
            urllib.request.urlopen(f"{url}/readyz", timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def resident_mb(pid: int) -> float:
    """Memory of a process, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def wrk(
    url: str, script: Path, *, connections: int, seconds: float, arguments: tuple[str, ...] = ()
) -> float:
    """Requests per second with one thread; raises if any answer was not 2xx. Late answers are no failure."""
    command = [
        *("wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "-s", str(script), url, "--"),
        *arguments,
    ]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    failed = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+)", said)
    if "Non-2xx" in said or (failed and any(int(number) for number in failed.groups())):
        raise RuntimeError(said)
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if found is None:
        raise RuntimeError(said)
    return float(found[1])


def has_wrk() -> bool:
    return shutil.which("wrk") is not None
