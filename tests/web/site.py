"""The real application on a real uvicorn and a real database, with a clock of its own."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import uvicorn
from msgspec.structs import replace
from starlette.applications import Starlette

from prefcenter.bootstrap import apply_if_empty, open_services
from prefcenter.domain.addresses import Fingerprints, parse_email
from prefcenter.domain.choices import Action, Choice, Source
from prefcenter.domain.decide import Decision
from prefcenter.domain.purposes import ANY
from prefcenter.links import ManageLink, StopLink
from prefcenter.mail.render import Templates, shipped_templates
from prefcenter.settings import Settings
from prefcenter.starter import write_starter
from prefcenter.storage.units import ChoiceItem, FactsItem, Result, ref_of
from prefcenter.use_cases.decide_recipients import Question, Recipient, decide_recipients
from prefcenter.use_cases.record_choices import record
from prefcenter.use_cases.services import Services
from prefcenter.web.app import create_app

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
ADA = "ada@example.com"


@dataclass
class Clock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


class QuietServer(uvicorn.Server):
    """Leaves the signals of the test run alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def served(app: Starlette, listening: socket.socket) -> AsyncIterator[None]:
    """The application on a real server."""
    server = QuietServer(uvicorn.Config(app, access_log=False, log_level="warning"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not (server.started or serving.done()):  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.005)
        yield
    finally:
        server.should_exit = True
        await serving


@dataclass
class Site:
    """What a test sees: the site by HTTP, and the services behind it to set up and to look up."""

    url: str
    client: httpx2.AsyncClient
    services: Services
    clock: Clock
    app: Starlette

    def prints(self, address: str) -> Fingerprints:
        return self.services.fingerprinter.of_email(parse_email(address))

    def stop_path(self, address: str = ADA, purpose: str = "newsletter") -> str:
        return f"/u/{self.services.links.stop(StopLink(self.prints(address).wide, purpose))}"

    def manage_path(self, address: str = ADA) -> str:
        narrow, wide = self.prints(address)
        return f"/p/{self.services.links.manage(ManageLink(narrow, wide, self.clock()))}"

    async def said(
        self,
        action: Action,
        purpose: str = "newsletter",
        address: str = ADA,
        source: Source = Source.FORM,
    ) -> Result:
        choice = Choice(
            action=action, source=source, purpose=purpose, channel=ANY if purpose == ANY else "email"
        )
        ref = ref_of(self.prints(address), address, create=True)
        item = ChoiceItem(ref=ref, choice=choice, evidence={"method": "test"})
        outcome = await record(self.services, choices=[item], now=self.clock())
        return outcome.results[0]

    async def is_customer(self, address: str = ADA, external_id: str | None = None) -> None:
        since = self.clock().isoformat()
        offered = {"at": since, "wording": "You can say no here."}
        relationship = {"kind": "customer", "since": since, "opt_out_offered": offered}
        facts = {"country": "DE", "relationship": relationship}
        ref = replace(ref_of(self.prints(address), address, create=True), external_id=external_id)
        item = FactsItem(ref=ref, facts=facts)
        await record(self.services, facts=[item], now=self.clock())

    async def decision(self, purpose: str = "newsletter", address: str = ADA) -> Decision:
        to = [Recipient(email=address)]
        answers = await decide_recipients(self.services, Question(purpose=purpose), to, self.clock())
        return answers[0].decision

    async def head(self) -> int:
        return await self.services.reader.head()


def settings_for(database_url: str, folder: Path, **more: str) -> Settings:
    write_starter(folder)
    environ = {"PREFCENTER_DATABASE_URL": database_url.replace(f"sqlite:///{folder}/", "sqlite:///"), **more}
    return Settings.from_environ(environ, folder=folder)


@asynccontextmanager
async def open_site(settings: Settings, clock: Clock, *, apply: bool = True) -> AsyncIterator[Site]:
    found: list[Services] = []

    @asynccontextmanager
    async def services() -> AsyncIterator[Services]:
        async with open_services(settings) as opened:
            if apply:
                await apply_if_empty(opened, clock())
            found.append(opened)
            yield opened

    app = create_app(services=services, templates=Templates([shipped_templates()]), now=clock, https=True)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with served(app, listening), httpx2.AsyncClient(base_url=url, trust_env=False) as client:
            yield Site(url, client, found[0], clock, app)
