"""The demo as a whole: set up in a throwaway folder, served until Ctrl-C."""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from rich.console import Console
from starlette.applications import Starlette

from prefcenter.bootstrap import utc_now, web_app
from prefcenter.demo.asking import ask_about_tips, question_path
from prefcenter.demo.inbox import Inbox
from prefcenter.demo.newsletter import send_mailings
from prefcenter.demo.people import PEOPLE, record_people
from prefcenter.demo.start import Start, curl_lines
from prefcenter.demo.tool import Tool
from prefcenter.mail.mailbox import Mailbox, run_mailbox
from prefcenter.mail.render import Templates, shipped_templates
from prefcenter.mail.smtp import SmtpSender
from prefcenter.settings import Settings
from prefcenter.starter import write_starter
from prefcenter.storage.keys import SCOPES, create_key
from prefcenter.storage.orm import migrate
from prefcenter.use_cases.services import Services


class PortTaken(Exception):
    """Something else listens there; the message says what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Demo:
    """A demo that is ready to be served; `start` knows what it shows once the application is up."""

    app: Starlette
    start: Start
    mailbox: Mailbox


class _Server(uvicorn.Server):
    """Calls `when_up` once requests are answered."""

    def __init__(self, config: uvicorn.Config, when_up: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_up = when_up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._when_up()


def run_demo(port: int) -> None:
    """Serve the demo on localhost until Ctrl-C; port 0 takes a free one. Raises PortTaken."""
    listening = _listen(port)
    try:
        asyncio.run(_serve(listening))
    except KeyboardInterrupt:
        Console().print("Bye. Everything of the demo is gone.")
    finally:
        listening.close()


def _listen(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError as error:
        listening.close()
        raise PortTaken(f"port {port} is in use; try: prefcenter demo --port {port + 1}") from error
    return listening


async def _serve(listening: socket.socket) -> None:
    base_url = f"http://localhost:{listening.getsockname()[1]}"
    with tempfile.TemporaryDirectory(prefix="prefcenter-demo-") as folder:
        async with open_demo(Path(folder), base_url) as demo:
            config = uvicorn.Config(
                demo.app, access_log=False, log_level="warning", timeout_graceful_shutdown=3
            )
            await _Server(config, lambda: _say(base_url, demo)).serve(sockets=[listening])


@asynccontextmanager
async def open_demo(folder: Path, base_url: str) -> AsyncIterator[Demo]:
    """Fresh keys and an empty database in `folder`, a mailbox, and the application around them."""
    write_starter(folder)
    async with run_mailbox() as running:
        environ = {
            "PREFCENTER_DATABASE_URL": "sqlite:///demo.db",
            "PREFCENTER_BASE_URL": base_url,
            "PREFCENTER_SMTP_URL": running.smtp_url,
            "PREFCENTER_MAIL_FROM": "Example Ltd <news@example.com>",
            # The demo's marketing tool lives on this machine.
            "PREFCENTER_ALLOW_PRIVATE_WEBHOOKS": "1",
        }
        settings = Settings.from_environ(environ, folder=folder)
        await migrate(settings.database_url)
        start, tool = Start(base_url), Tool(utc_now)
        inbox = Inbox(running.mailbox, utc_now)

        @asynccontextmanager
        async def prepare(services: Services) -> AsyncIterator[None]:
            await _set_up(services, start, tool, running.smtp_url)
            yield

        routes = [*start.routes, *inbox.routes, *tool.routes]
        app = web_app(settings, worker=True, more_routes=routes, beside=prepare)
        yield Demo(app=app, start=start, mailbox=running.mailbox)


async def _set_up(services: Services, start: Start, tool: Tool, smtp_url: str) -> None:
    now = utc_now()
    await record_people(services, now)
    await send_mailings(services, Templates([shipped_templates()]), SmtpSender.from_url(smtp_url), now)
    await ask_about_tips(services, utc_now)
    start.question_path = question_path(services, PEOPLE[0].email, utc_now())
    start.api_key = await create_key("demo", sorted(SCOPES), now)
    # Last, so that the tool hears of what is done from here on.
    await tool.register(services)


def _say(base_url: str, demo: Demo) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"\n[bold]prefcenter demo[/bold]: {len(PEOPLE)} people and their mail, all throwaway\n")
    console.print(f"  Start here       {base_url}/demo")
    console.print(f"  Mailbox          {base_url}/demo/inbox")
    console.print(f"  Marketing tool   {base_url}/demo/tool")
    console.print(f"  A question       {base_url}{demo.start.question_path}")
    console.print(f"  API key          {demo.start.api_key}\n")
    console.print("May we send Ada and Emeka the newsletter?", style="bold")
    console.print(curl_lines(base_url, demo.start.api_key)[0].command, markup=False)
    console.print("\nCtrl-C ends it and leaves nothing behind.")
