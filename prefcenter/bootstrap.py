"""The composition root: the only place where the parts meet."""

from __future__ import annotations

import gc
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from prefcenter.accounts import CurrentAccounts
from prefcenter.business_days import is_business_day
from prefcenter.catalog import Catalog, read
from prefcenter.catalog.regimes import shipped_periods
from prefcenter.domain.addresses import Fingerprinter
from prefcenter.domain.deadlines import Deadline, deadline
from prefcenter.domain.facts import Facts
from prefcenter.domain.purposes import Channel
from prefcenter.links import Links
from prefcenter.mail.render import Templates, shipped_templates
from prefcenter.mail.smtp import SmtpSender
from prefcenter.settings import Settings
from prefcenter.storage.catalogs import Catalogs
from prefcenter.storage.connections import ConnectionStates
from prefcenter.storage.database import database_for
from prefcenter.storage.delivery_queue import DeliveryQueue
from prefcenter.storage.hook_events import HookEvents
from prefcenter.storage.hook_inbox import HookInbox
from prefcenter.storage.journal import Journal
from prefcenter.storage.level_rows import Connections
from prefcenter.storage.levels import Levels
from prefcenter.storage.lookups import Lookups
from prefcenter.storage.mail_queue import MailQueue
from prefcenter.storage.orm import orm
from prefcenter.storage.reading import Reader
from prefcenter.storage.snapshots import Snapshots
from prefcenter.storage.vault import Vault
from prefcenter.use_cases.composers import COMPOSERS
from prefcenter.use_cases.services import Services
from prefcenter.web.app import create_app
from prefcenter.worker.asking_providers import AskingProviders
from prefcenter.worker.comparing import Comparing, compare
from prefcenter.worker.duties import duties_of
from prefcenter.worker.hook_events import Hearing
from prefcenter.worker.http_client import HookClient
from prefcenter.worker.loop import Worker, running
from prefcenter.worker.mail_in import mail_in
from prefcenter.worker.mails import Mails
from prefcenter.worker.pushes import Pushes


class NotDurable(Exception):
    """The database would lose what was acknowledged; the message says which setting to change."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def spare_the_collector() -> None:
    """Once a process has loaded what it needs: that stays, and almost nothing that comes makes cycles.

    To look through all of it again and again would make a hundred thousand decisions take half as long again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@asynccontextmanager
async def open_services(
    settings: Settings, *, on_deliveries: Callable[[], None] | None = None, pool_size: int = 4
) -> AsyncIterator[Services]:
    """Everything the use cases need, on an open database. Raises NotDurable or StorageUnavailable."""
    keys = [key.reveal().encode() for key in settings.secret_keys]
    vault = Vault(keys)
    database = database_for(settings.database_url, pool_size)
    await database.open()
    try:
        problems = await database.durability_problems()
        if problems:
            raise NotDurable("; ".join(problems))
        async with orm(settings.database_url):
            catalogs = Catalogs(database, vault)
            await catalogs.refresh()
            accounts = CurrentAccounts(catalogs, settings.named)
            connections = connections_of(accounts)
            journal = Journal(database, catalogs, vault, on_deliveries, connections)
            services = Services(
                settings=settings,
                database=database,
                catalogs=catalogs,
                journal=journal,
                reader=Reader(database, vault),
                lookups=Lookups(database),
                vault=vault,
                links=Links(keys),
                fingerprinter=Fingerprinter(settings.pepper.reveal().encode()),
                accounts=accounts,
                hook_inbox=HookInbox(database, on_deliveries),
            )
            try:
                yield services
            finally:
                await services.hook_inbox.close()
                await journal.close()
    finally:
        await database.close()


def connections_of(accounts: CurrentAccounts) -> Connections:
    """What the journal must know of the connections to providers."""
    periods = shipped_periods()

    def due(facts: Facts, at: datetime) -> Deadline:
        return deadline(periods, facts.country, Channel.EMAIL, at, is_business_day)

    return Connections(reaches=accounts.reaches, deadline=due)


async def apply_if_empty(services: Services, now: datetime) -> bool:
    """`serve` applies the file to an empty database; later differences wait for `apply`."""
    if services.catalogs.current is not None:
        return False
    await services.catalogs.apply(wanted_catalog(services.settings), lambda: now)
    return True


def wanted_catalog(settings: Settings) -> Catalog:
    """What PREFCENTER_CONFIG asks for. Raises CatalogError."""
    return read(settings.config)


@asynccontextmanager
async def open_worker(settings: Settings, services: Services) -> AsyncIterator[Worker]:
    """A worker that is not yet running."""
    queue = DeliveryQueue(services.database, services.vault)
    smtp = settings.smtp_url
    sender = SmtpSender.from_url(smtp.reveal()) if smtp is not None else None
    mails = Mails(services, templates_of(settings), MailQueue(services.database), sender, COMPOSERS, utc_now)
    async with (
        HookClient(allow_private=settings.allow_private_webhooks) as client,
        AskingProviders() as asking,
        mail_in(services, utc_now),
    ):
        yield Worker(
            services.database,
            queue,
            client,
            utc_now,
            mails=mails,
            hearing=Hearing(services, HookEvents(services.database, services.vault), asking, utc_now),
            pushes=pushes_of(services),
            comparing=Comparing(services, utc_now, lambda account: compare(services, account, utc_now)),
            duties=duties_of(services),
        )


def pushes_of(services: Services) -> Pushes:
    """What tells the providers; not yet running."""
    connections = connections_of(services.accounts)
    return Pushes(
        services.accounts,
        Levels(services.database, services.vault),
        ConnectionStates(services.database),
        Snapshots(services.database, services.vault, services.catalogs, connections),
        utc_now,
        random.random,
    )


def templates_of(settings: Settings) -> Templates:
    """The operator's folder first, then the shipped ones."""
    folders = [settings.templates] if settings.templates else []
    return Templates([*folders, shipped_templates()])


def web_app(
    settings: Settings,
    *,
    worker: bool,
    more_routes: list[BaseRoute] | None = None,
    beside: Callable[[Services], AbstractAsyncContextManager[None]] | None = None,
) -> Starlette:
    """The web application, with the worker inside if asked for; `beside` is run along with it."""
    wakers: list[Callable[[], None]] = []

    def wake() -> None:
        for one in wakers:
            one()

    @asynccontextmanager
    async def services() -> AsyncIterator[Services]:
        async with open_services(settings, on_deliveries=wake) as opened:
            await apply_if_empty(opened, utc_now())
            yield opened

    @asynccontextmanager
    async def along(opened: Services) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if worker:
                inside = await stack.enter_async_context(open_worker(settings, opened))
                wakers.append(inside.wake)
                await stack.enter_async_context(running(inside))
            if beside is not None:
                await stack.enter_async_context(beside(opened))
            yield

    return create_app(
        services=services,
        templates=templates_of(settings),
        now=utc_now,
        https=settings.base_url.startswith("https:"),
        beside=along,
        more_routes=more_routes,
    )
