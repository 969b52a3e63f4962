"""Real `prefcenter` processes: started, watched, stopped in order or killed."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from tests.postgres_account import die_with_parent

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0  # seconds, for what should take one or two on a machine with nothing else to do


async def until(holds: Callable[[], Awaitable[bool]], what: str, seconds: float = PATIENCE) -> None:
    """Look again and again; fails with `what` when it does not come to hold."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                if await holds():
                    return
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within {seconds} s: {what}") from None


class Process:
    """One command, in a process group of its own. `output` is what it has printed so far."""

    def __init__(self, running: asyncio.subprocess.Process) -> None:
        self._running = running
        self._printed = bytearray()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, folder: Path, environ: Mapping[str, str], *arguments: str) -> "Process":
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "prefcenter", *arguments),
                cwd=folder,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **environ},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        )

    async def _read(self) -> None:
        assert self._running.stdout is not None
        while part := await self._running.stdout.read(65536):
            self._printed += part

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def output(self) -> str:
        return self._printed.decode(errors="replace")

    @property
    def ended(self) -> bool:
        return self._running.returncode is not None

    async def wait(self, seconds: float = PATIENCE) -> int:
        """The exit code, once it has ended and everything it printed is read."""
        async with asyncio.timeout(seconds):
            code = await self._running.wait()
            await self._reading
        return code

    async def stop(self) -> None:
        """SIGTERM, as a service manager does; it must end in order."""
        self._running.send_signal(signal.SIGTERM)
        # When all is done uvicorn ends by the signal that it was sent.
        assert await self.wait() in (0, -signal.SIGTERM), self.output

    async def kill(self) -> None:
        """`kill -9`, with the processes that it started: nobody gets to tidy up."""
        os.killpg(self._running.pid, signal.SIGKILL)
        await self.wait()
